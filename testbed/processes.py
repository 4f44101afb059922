"""Servers as processes, each marked with its cluster's folder, so that all of them can be found and ended.

The mark is an environment variable, which children inherit. A file with
process IDs would be written too late, and an ID may be reused. The folder's
guard (`cleanup.py`) ends all marked processes when the process that started
the cluster is gone.
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
"""Environment variable with the cluster's folder."""

SECONDS_TO_END = 20.0
LINES_OF_LOG = 20


class EndedError(AssertionError):
    """A server has ended by itself; the message contains the end of its log."""


@dataclass
class Server:
    """A program that runs until it is stopped.

    Attributes:
        name: unique in its folder.
        command: that starts it; after `stop` it starts again with the same data.
        folder: of the cluster.
        environment: added to the environment of this process.
    """

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = field(init=False, default=None)

    @property
    def log(self) -> Path:
        """Its output, of all its starts."""
        return self.folder / "logs" / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """PID of the program itself."""
        assert self.process is not None, f"{self.name} does not run"
        return self.process.pid

    def start(self) -> None:
        """Start it; `check` finds out later whether it still runs."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            # In a session of its own: Ctrl-C goes to the test, which ends its servers in order.
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
            EndedError: it has ended.
        """
        if self.process is None or self.process.poll() is not None:
            lines = self.log.read_text(errors="replace").splitlines()[-LINES_OF_LOG:]
            code = self.process.returncode if self.process else "never started"
            raise EndedError(f"{self.name} has ended ({code}):\n" + "\n".join(lines))

    def serves(self, what: str, ready: Callable[[], Found | None]) -> Found:
        """Wait until the server has done something; fail with its log if it ends instead."""

        def asked() -> Found | None:
            self.check()
            return ready()

        return until(what, asked)

    def send(self, number: signal.Signals) -> None:
        """Send a signal: SIGSTOP freezes the server, SIGCONT continues it."""
        with contextlib.suppress(ProcessLookupError, EndedError):
            os.kill(self.pid, number)

    def stop(self) -> None:
        """End it with SIGTERM, then SIGKILL."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it with SIGKILL."""
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
    """The IDs of all processes of a cluster."""
    mark = f"{MARK}={folder}".encode()
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and mark in _environment(entry)
    ]


def kill_marked(folder: Path) -> None:
    """End all processes of a cluster with SIGKILL; their state is lost.

    Raises:
        WaitTimeoutError: one of them does not end.
    """

    def none_left() -> bool:
        left = marked(folder)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    # Repeatedly, since one of them may be starting another.
    until("the end of the cluster's processes", none_left, SECONDS_TO_END)


def _environment(process: Path) -> list[bytes]:
    try:
        # Empty if the process has ended and was not reaped yet.
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
