"""Servers as processes, each written down in its cluster's folder, so that whoever reads it can end them.

A process is known by its number and the time at which it started: a number
alone may be another process' by the time somebody ends it. The folder's guard
(`guard.py`) ends them when the process that started the cluster is gone,
however that went.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from testbed.waiting import LateError, until

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
    def record(self) -> Path:
        """Where its process is written down."""
        return self.folder / "run" / self.name

    def start(self) -> None:
        """Start it; it is written down before anything else happens."""
        for file in (self.log, self.record):
            file.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            # In a session of its own: Ctrl-C is for the test, which ends its servers in order.
            self.process = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **self.environment},
            )
        self.record.write_text(f"{self.process.pid} {start_time(self.process.pid)}\n")

    def check(self) -> None:
        """Do nothing while it runs.

        Raises:
            EndedError: it does not.
        """
        if self.process is None or self.process.poll() is not None:
            lines = self.log.read_text(errors="replace").splitlines()[-LINES_OF_LOG:]
            code = self.process.returncode if self.process else "never started"
            raise EndedError(f"{self.name} has ended ({code}):\n" + "\n".join(lines))

    def send(self, number: signal.Signals) -> None:
        """Send a signal: SIGSTOP makes a server that answers nothing, SIGCONT ends that."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> None:
        """End it as an administrator would: SIGTERM, then SIGKILL."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(number)
        try:
            self.process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None
        self.record.unlink(missing_ok=True)


def start_time(pid: int) -> str:
    """When a process started, in the kernel's ticks; empty where there is none, or only its remains."""
    try:
        # The name in brackets may hold anything; the state is the first field behind it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def recorded(folder: Path) -> dict[str, int]:
    """The servers of a folder that run, by name, the newest first."""
    running = {}
    for record in sorted((folder / "run").glob("*"), key=lambda path: path.stat().st_mtime_ns, reverse=True):
        pid, _, started = record.read_text().strip().partition(" ")
        if started and start_time(int(pid)) == started:
            running[record.name] = int(pid)
    return running


def kill_recorded(folder: Path) -> None:
    """End all servers of a folder at once; it is called where their state is thrown away."""
    running = recorded(folder)
    for pid in running.values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(LateError):
        until("the end of the servers", lambda: not recorded(folder), SECONDS_TO_END)
