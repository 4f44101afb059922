"""Child processes that compute: started clean, pinned, and never lost without a word.

A child is a fresh interpreter with a pipe; its thread variables are set before
it starts, since libraries read them when they are imported. Its standard error
goes to a file of its own, and what it said last is part of the error when it
dies.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import IO, Any

import ner_jobs
from ner_jobs.inference.messages import Failed
from ner_jobs.task import ExitCode, StageError

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}

SECONDS_TO_END = 5
"""A process whose pipe is closed and that has not ended by then is killed."""

LAST_WORDS = 2000
"""Bytes of a dead process's standard error that are shown."""


class WorkerError(RuntimeError):
    """A worker ended, or failed in a way that nobody foresaw. Trying again may help."""


@dataclass(frozen=True, slots=True, eq=False)
class Child:
    """A running child."""

    name: str
    process: "subprocess.Popen[bytes]"
    connection: "Connection[Any, Any]"
    errors: IO[bytes]

    def receive(self) -> Any:
        """What it sent.

        Raises:
            StageError: it failed in a way that a person can mend.
            WorkerError: it died, or failed otherwise.
        """
        try:
            message = self.connection.recv()
        except (EOFError, OSError) as error:
            raise WorkerError(self._last_words()) from error
        if isinstance(message, Failed):
            raise self._failure(message)
        return message

    def send(self, message: object) -> None:
        """Send to it; raises as `receive` does where it is gone."""
        try:
            self.connection.send(message)
        except OSError as error:
            raise self._end() from error

    def stop(self) -> None:
        """End it. It holds nothing that would have to be put away, so it is not asked."""
        self.connection.close()
        self.process.kill()
        self.process.wait()
        self.errors.close()

    def _end(self) -> Exception:
        """Why it ended: what it reported, or how the process ended."""
        try:
            while self.connection.poll():
                message = self.connection.recv()
                if isinstance(message, Failed):
                    return self._failure(message)
        except (EOFError, OSError):
            pass
        return WorkerError(self._last_words())

    def _failure(self, failed: Failed) -> Exception:
        if failed.code is None:
            return WorkerError(f"{self.name} failed: {failed.message}")
        return StageError(f"{self.name}: {failed.message}", ExitCode(failed.code))

    def _last_words(self) -> str:
        code = self._wait_or_kill()
        size = self.errors.seek(0, os.SEEK_END)
        self.errors.seek(max(size - LAST_WORDS, 0))
        said = self.errors.read().decode(errors="replace").strip()
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        if code == -signal.SIGKILL:
            how += " (killed; if the memory was full: lower the instances, or raise the memory limit)"
        return f"{self.name} (process {self.process.pid}) {how}" + (f"; it said: {said}" if said else "")

    def _wait_or_kill(self) -> int:
        try:
            return self.process.wait(timeout=SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def start_child(name: str, module: str, settings: object) -> Child:
    """Start `python -m module FD` and send it its settings, the first message of its pipe."""
    ours, theirs = Pipe()
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stderr=errors,
            pass_fds=(theirs.fileno(),),
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(_import_path())},
        )
    child = Child(name, process, ours, errors)
    child.send(settings)
    return child


def placements(processes: int, threads: int, processors: Sequence[int]) -> list[tuple[int, ...]]:
    """Which processors each process is pinned to.

    Args:
        processes: how many.
        threads: that each of them computes with.
        processors: that may be used.

    Returns:
        A process each: as many processors of its own as it has threads, where that takes all of them; else
        none, and the kernel shares them out. Whoever leaves processors free has neighbours (other stages of
        a local run, other pods of a node), and if each of them took the first ones, the rest would idle.
    """
    if processes * threads != len(processors):
        return [()] * processes
    return [tuple(processors[at * threads : (at + 1) * threads]) for at in range(processes)]


def available_processors() -> tuple[int, ...]:
    """Processors that this process may be pinned to; none where the host has no affinity."""
    return tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()


def pin(processors: Sequence[int]) -> None:
    """Pin this process, before it imports anything that counts processors."""
    if processors:
        os.sched_setaffinity(0, processors)


def _import_path() -> list[str]:
    """Where a fresh interpreter finds this package, installed or not."""
    before = os.environ.get("PYTHONPATH", "")
    return [str(Path(ner_jobs.__file__).resolve().parent.parent), *filter(None, before.split(os.pathsep))]
