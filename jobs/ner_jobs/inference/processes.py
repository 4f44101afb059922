"""Child processes that compute: started clean, pinned, and never lost without a message.

A child is a fresh interpreter with a pipe, never a fork: OpenVINO and torch
keep threads and locks that a fork would copy in any state. Its thread
variables are set before it starts, and it pins itself before it imports the
module that it runs, because libraries count processors when they are
imported. Its standard error goes to a file; if it dies, the end of that file
is part of the error.
"""

import importlib
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
from ner_jobs.task import ExitCode, StageError

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}

SECONDS_TO_END = 5
"""A process whose pipe is closed is killed if it has not ended after this time."""

STDERR_SHOWN = 2000
"""Bytes from the end of a dead process's standard error that the error message shows."""


class WorkerError(RuntimeError):
    """A process died, or failed for an unknown reason. Trying again may help."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The last message of a child that failed; `code` is the exit code if the reason is known."""

    message: str
    code: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Child:
    """A running child."""

    name: str
    process: "subprocess.Popen[bytes]"
    connection: "Connection[Any, Any]"
    errors: IO[bytes]

    def receive(self) -> Any:
        """Wait for its next message.

        Raises:
            StageError: it failed for a reason that a user can fix.
            WorkerError: it died, or failed for another reason.
        """
        try:
            message = self.connection.recv()
        except (EOFError, OSError) as error:
            raise WorkerError(self._how_it_ended()) from error
        if isinstance(message, Failed):
            raise self._failure(message)
        return message

    def send(self, message: object) -> None:
        """Send it a message.

        Raises:
            StageError, WorkerError: the process has exited, as for `receive`.
        """
        try:
            self.connection.send(message)
        except OSError as error:
            raise self._why_it_ended() from error

    def stop(self) -> None:
        """Kill it. It holds nothing that would have to be saved."""
        self.connection.close()
        self.process.kill()
        self.process.wait()
        self.errors.close()

    def _why_it_ended(self) -> Exception:
        """The failure that it reported, or else how the process ended."""
        try:
            while self.connection.poll():
                message = self.connection.recv()
                if isinstance(message, Failed):
                    return self._failure(message)
        except (EOFError, OSError):
            pass
        return WorkerError(self._how_it_ended())

    def _failure(self, failed: Failed) -> Exception:
        if failed.code is None:
            return WorkerError(f"{self.name} failed: {failed.message}")
        return StageError(f"{self.name}: {failed.message}", ExitCode(failed.code))

    def _how_it_ended(self) -> str:
        code = self._wait_or_kill()
        size = self.errors.seek(0, os.SEEK_END)
        self.errors.seek(max(size - STDERR_SHOWN, 0))
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


def start_child(name: str, module: str, settings: object, processors: Sequence[int] = ()) -> Child:
    """Start a child that runs `serve(connection)` of a module.

    Args:
        name: names it in messages.
        module: that the child imports.
        settings: the first message that the child receives.
        processors: to pin it to; empty leaves it free.
    """
    ours, theirs = Pipe()
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
    program = [sys.executable, "-m", "ner_jobs.inference.processes", module]
    with theirs:
        process = subprocess.Popen(
            [*program, str(theirs.fileno()), *map(str, processors)],
            stdin=subprocess.DEVNULL,
            stderr=errors,
            pass_fds=(theirs.fileno(),),
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(_import_path())},
        )
    child = Child(name, process, ours, errors)
    child.send(settings)
    return child


def run_child(module: str, descriptor: int, processors: Sequence[int]) -> None:
    """The child's side of `start_child`: pins this process, runs `serve`, and reports a failure."""
    # Ctrl-C reaches every process of a terminal; the parent decides what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if processors:
        os.sched_setaffinity(0, processors)
    connection: Connection[Any, Any] = Connection(descriptor)
    try:
        importlib.import_module(module).serve(connection)
    except BrokenPipeError:
        return
    except Exception as error:
        code = getattr(error, "code", None)
        connection.send(Failed(str(error) or repr(error), code))
        if code is None:
            raise


def placements(processes: int, threads: int, processors: Sequence[int]) -> list[tuple[int, ...]]:
    """Decide which processors each process is pinned to.

    Args:
        processes: how many.
        threads: that each of them computes with.
        processors: that may be used.

    Returns:
        For each process as many processors of its own as it has threads, if that takes all processors;
        otherwise none. If processors stay free, other processes run beside these (other stages of a local
        run, other pods of a node), and each of them would pin itself to the first processors too.
    """
    if processes * threads != len(processors):
        return [()] * processes
    return [tuple(processors[at * threads : (at + 1) * threads]) for at in range(processes)]


def available_processors() -> tuple[int, ...]:
    """Processors that this process may be pinned to; none if the host has no affinity."""
    return tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()


def _import_path() -> list[str]:
    """Where a fresh interpreter finds this package, installed or not."""
    before = os.environ.get("PYTHONPATH", "")
    return [str(Path(ner_jobs.__file__).resolve().parent.parent), *filter(None, before.split(os.pathsep))]


if __name__ == "__main__":
    # By its own name: the parent cannot unpickle `__main__.Failed`.
    from ner_jobs.inference import processes

    processes.run_child(sys.argv[1], int(sys.argv[2]), [int(number) for number in sys.argv[3:]])
