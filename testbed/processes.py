"""Servers as processes, each marked with its cluster's folder, so that anyone can find and end all of them.

The mark is a variable of the environment, which children inherit however often
they fork; numbers in files would be late by a moment, and may be another
process' by the time somebody ends it. The folder's guard (`guard.py`) ends what
is marked when the process that started the cluster is gone, however that went.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from testbed.waiting import Found, until

MARK = "NERD_TESTBED_FOLDER"
"""Names the cluster's folder in the environment of each of its processes."""

SECONDS_TO_END = 20.0
LINES_OF_LOG = 20


class EndedError(AssertionError):
    """A server has ended by itself; the message has the end of its log."""


@dataclass
class Server:
    """A program that runs until it is stopped.

    Attributes:
        name: unique in its folder.
        command: starts it, again with the same data after `stop`.
        folder: of the cluster.
        environment: in addition to this process' own.
    """

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = field(init=False, default=None)

    @property
    def log(self) -> Path:
        """What it writes, of all its starts."""
        return self.folder / "logs" / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """Of the program itself, where `process` only leads to it."""
        assert self.process is not None, f"{self.name} does not run"
        return self.process.pid

    def start(self) -> None:
        """Start it; `check` tells later whether it still runs."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            # In a session of its own: Ctrl-C is for the test, which ends its servers in order.
            self.process = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **self.environment, MARK: str(self.folder)},
            )

    def check(self) -> None:
        """Do nothing while it runs.

        Raises:
            EndedError: it does not.
        """
        if self.process is None or self.process.poll() is not None:
            lines = self.log.read_text(errors="replace").splitlines()[-LINES_OF_LOG:]
            code = self.process.returncode if self.process else "never started"
            raise EndedError(f"{self.name} has ended ({code}):\n" + "\n".join(lines))

    def serves(self, what: str, ready: Callable[[], Found | None]) -> Found:
        """Wait for something that it shall bring about; fail with its log where it has ended instead."""

        def asked() -> Found | None:
            self.check()
            return ready()

        return until(what, asked)

    def send(self, number: signal.Signals) -> None:
        """Send a signal: SIGSTOP makes a server that answers nothing, SIGCONT ends that."""
        with contextlib.suppress(ProcessLookupError, EndedError):
            os.kill(self.pid, number)

    def stop(self) -> None:
        """End it as an administrator would: SIGTERM, then SIGKILL."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        self.send(signal.SIGCONT)
        self.send(number)
        try:
            self.process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            self.process.wait()
        self.process = None


def marked(folder: Path) -> list[int]:
    """The numbers of all processes that belong to a cluster's folder."""
    mark = f"{MARK}={folder}".encode()
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and mark in _environment(entry)
    ]


def kill_marked(folder: Path) -> None:
    """End all processes of a folder at once; it is called where their state is thrown away.

    Raises:
        WaitTimeoutError: one of them does not end.
    """

    def none_left() -> bool:
        left = marked(folder)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    # Again and again: one may be starting another just now.
    until("the end of the cluster's processes", none_left, SECONDS_TO_END)


def _environment(process: Path) -> list[bytes]:
    try:
        # Empty where it has ended and only waits to be asked how.
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
