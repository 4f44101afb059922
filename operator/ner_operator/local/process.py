"""A stage as a process: it is started, its output becomes events, and its end gets a message."""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from ner_jobs.reporting import PROGRESS_VARIABLE, TERMINATION_BYTES, TERMINATION_VARIABLE, how_far
from ner_jobs.task import TASK_ENVIRONMENT_VARIABLE, ExitCode, Task

LAST_LINES = 20
"""Lines of standard error that are kept, for a process that leaves no termination message."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a stage's log."""

    step: str
    line: str


@dataclass(frozen=True, slots=True)
class Progress:
    """A stage has done `done` of `total` units of `what`. A total of 0 is not known."""

    step: str
    done: float
    total: float
    what: str

    @property
    def text(self) -> str:
        """For people."""
        return f"{how_far(self.done, self.total)} {self.what}"


@dataclass(frozen=True, slots=True)
class Ended:
    """A stage's process has exited.

    Attributes:
        code: the exit code; negative for a signal.
        message: why it failed; empty after success.
    """

    step: str
    code: int
    message: str
    seconds: float


Event = LogLine | Progress | Ended


def new_attempt() -> str:
    """A name that no other attempt has; names sort by time."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"


class StageProcess:
    """A running stage. Its events come from threads of its own, `Ended` last."""

    def __init__(self, step: str, task: Task, emit: Callable[[Event], None]) -> None:
        self.step = step
        self.task = task
        self._emit = emit
        self._began = time.monotonic()
        # The task and the termination message pass through no file, so that they arrive if a disk is full.
        self._termination, writing_end = os.pipe()
        try:
            # In its own session: Ctrl-C reaches this program alone, which asks each stage to save and stop.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ner_jobs"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(task, f"/dev/fd/{writing_end}"),
                pass_fds=[writing_end],
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError:
            os.close(self._termination)
            raise
        finally:
            os.close(writing_end)
        threading.Thread(target=self._follow, daemon=True).start()

    def terminate(self) -> None:
        """Ask it to save its work and exit."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """Kill it and its children; its next run continues from the last checkpoint."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _follow(self) -> None:
        errors: list[str] = []
        drain = threading.Thread(target=_keep_last, args=(self._process.stderr, errors), daemon=True)
        drain.start()
        for line in self._process.stdout or ():
            self._emit(event_of(self.step, line.rstrip("\n")))
        code = self._process.wait()
        drain.join(timeout=5)
        left = _read_termination(self._termination)
        message = "" if code == 0 else _message(code, left, errors)
        self._emit(Ended(self.step, code, message, time.monotonic() - self._began))


def event_of(step: str, line: str) -> LogLine | Progress:
    """The event of a line of standard output. A line that is no JSON object is a line of the log."""
    if line.startswith("{"):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            body: dict[str, Any] = json.loads(line)
            if "progress" in body:
                progress = body["progress"]
                return Progress(
                    step, float(progress["done"]), float(progress["total"]), str(progress["what"])
                )
            return LogLine(step, str(body["log"]))
    return LogLine(step, line)


def _environment(task: Task, termination: str) -> Mapping[str, str]:
    return {
        **os.environ,
        TASK_ENVIRONMENT_VARIABLE: task.model_dump_json(by_alias=True),
        PROGRESS_VARIABLE: "json",
        TERMINATION_VARIABLE: termination,
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def _keep_last(stream: IO[str] | None, lines: list[str]) -> None:
    for line in stream or ():
        if line.strip():
            lines.append(line.rstrip())
            del lines[:-LAST_LINES]


def _read_termination(pipe: int) -> str:
    """The termination message in the pipe of an exited process; a pipe holds far more than it may have."""
    try:
        # A child that still runs may hold the other end open: never wait for more.
        os.set_blocking(pipe, False)
        with contextlib.suppress(BlockingIOError):
            return os.read(pipe, TERMINATION_BYTES).decode("utf-8", errors="replace").strip()
        return ""
    finally:
        os.close(pipe)


def _message(code: int, left: str, errors: list[str]) -> str:
    """Why it ended: the termination message, else the signal, the last line, or the exit code."""
    with contextlib.suppress(ValueError, AttributeError):
        left = str(json.loads(left).get("message", left))
    if left:
        return left
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        hint = "; out of memory is the usual reason: see dmesg" if code == -signal.SIGKILL else ""
        return f"it was ended by {name}{hint}; run it again, and it continues from its last checkpoint"
    if errors:
        return errors[-1]
    if code == ExitCode.TERMINATED:
        return "it was asked to stop; the next run continues"
    return f"it ended with exit code {code} and no message"
