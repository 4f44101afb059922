"""One stage as a process of its own: started, listened to, stopped, and its end put into words."""

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
"""Of standard error, kept for a process that ends without a word."""


@dataclass(frozen=True, slots=True)
class Said:
    """A line of a stage's log."""

    step: str
    line: str


@dataclass(frozen=True, slots=True)
class Progressed:
    """How far a stage is: `done` of `total` units of `what`; a total of 0 is one that nobody knows."""

    step: str
    done: float
    total: float
    what: str

    @property
    def told(self) -> str:
        """In words."""
        return f"{how_far(self.done, self.total)} {self.what}"


@dataclass(frozen=True, slots=True)
class Ended:
    """A stage's process is over.

    Attributes:
        code: the exit code; negative for a signal.
        message: why it failed, as a sentence; empty where it did not.
    """

    step: str
    code: int
    message: str
    seconds: float


Event = Said | Progressed | Ended


def new_attempt() -> str:
    """A name for a try that no other try has; sorts by time."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"


class StageProcess:
    """A running stage. Its events come from threads of their own, `Ended` last."""

    def __init__(self, step: str, task: Task, tell: Callable[[Event], None]) -> None:
        self.step = step
        self.task = task
        self._tell = tell
        self._began = time.monotonic()
        # The task and the last words pass through no file: they must arrive where a disk is full, too.
        self._last_words, writing_end = os.pipe()
        try:
            # A session of its own: Ctrl-C reaches this program alone, which asks each stage to save and stop.
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
            os.close(self._last_words)
            raise
        finally:
            os.close(writing_end)
        threading.Thread(target=self._follow, daemon=True).start()

    def terminate(self) -> None:
        """Ask it to save what it has and end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """End it and its children at once; its next run goes on from the last checkpoint."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _follow(self) -> None:
        errors: list[str] = []
        drain = threading.Thread(target=_keep_last, args=(self._process.stderr, errors), daemon=True)
        drain.start()
        for line in self._process.stdout or ():
            self._tell(event_of(self.step, line.rstrip("\n")))
        code = self._process.wait()
        drain.join(timeout=5)
        said = _read_last_words(self._last_words)
        message = "" if code == 0 else _message(code, said, errors)
        self._tell(Ended(self.step, code, message, time.monotonic() - self._began))


def event_of(step: str, line: str) -> Said | Progressed:
    """What a line of a stage's standard output says; a line that is no JSON object is a line of its log."""
    if line.startswith("{"):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            body: dict[str, Any] = json.loads(line)
            if "progress" in body:
                progress = body["progress"]
                return Progressed(
                    step, float(progress["done"]), float(progress["total"]), str(progress["what"])
                )
            return Said(step, str(body["log"]))
    return Said(step, line)


def _environment(task: Task, last_words: str) -> Mapping[str, str]:
    return {
        **os.environ,
        TASK_ENVIRONMENT_VARIABLE: task.model_dump_json(by_alias=True),
        PROGRESS_VARIABLE: "json",
        TERMINATION_VARIABLE: last_words,
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def _keep_last(stream: IO[str] | None, lines: list[str]) -> None:
    for line in stream or ():
        if line.strip():
            lines.append(line.rstrip())
            del lines[:-LAST_LINES]


def _read_last_words(pipe: int) -> str:
    """What an ended process left in a pipe; a pipe holds far more than the last words may have."""
    try:
        # A child that it left behind may hold the other end open: never wait for more.
        os.set_blocking(pipe, False)
        with contextlib.suppress(BlockingIOError):
            return os.read(pipe, TERMINATION_BYTES).decode("utf-8", errors="replace").strip()
        return ""
    finally:
        os.close(pipe)


def _message(code: int, said: str, errors: list[str]) -> str:
    """Why it ended: its own words, else its last line, else what the code says."""
    with contextlib.suppress(ValueError, AttributeError):
        said = str(json.loads(said).get("message", said))
    if said:
        return said
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        hint = "; out of memory is the usual reason: see dmesg" if code == -signal.SIGKILL else ""
        return f"it was ended by {name}{hint}; run it again and it goes on from its last checkpoint"
    if errors:
        return errors[-1]
    if code == ExitCode.TERMINATED:
        return "it was asked to stop; the next run goes on"
    return f"it ended with exit code {code} and said nothing"
