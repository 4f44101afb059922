"""The process of a task, whatever its stage: signals, scratch, exit code and termination message.

An error becomes a sentence and an exit code here, and nowhere else.
"""

import contextlib
import errno
import os
import secrets
import shutil
import signal
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import ValidationError

from ner_jobs.attempt import Attempt
from ner_jobs.reporting import Reporter, describe_validation_error, write_termination_message
from ner_jobs.scratch import scratch_folder
from ner_jobs.stages.registry import figures_of_this_moment
from ner_jobs.store import artifacts
from ner_jobs.store.lease import Rhythm
from ner_jobs.store.open import open_store
from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, StageError, Task

UNEXPECTED = 1
"""Exit code of an unexpected error: retried within the Job's limit."""

LONGEST_ATTEMPT = 63

NEARLY_FULL = 8 << 20
"""If scratch has fewer bytes free than this, an unexpected error is taken for a full disk."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a task ended: the exit code and the termination message."""

    code: int
    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """What an error means.

    Attributes:
        unexpected: its traceback is worth keeping.
    """

    code: int
    message: str
    unexpected: bool = False


def main(task: Task, mode: str, rhythm: Rhythm | None = None) -> int:
    """Run a task in this process, write its termination message and return its exit code; raises nothing.

    Args:
        task: to run.
        mode: of the lines on standard output: `plain` or `json`.
        rhythm: of the lease.
    """
    try:
        with _stop_on_signals() as stopping, scratch_folder() as scratch:
            # torch leaves compiled kernels under TMPDIR; in the scratch folder they are removed with it.
            os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(scratch / "torchinductor"))
            reporter = Reporter(scratch / artifacts.LOG, mode)
            ended = _run(_own_attempt(task), scratch, reporter, stopping, rhythm)
    except StageError as error:
        print(f"error: {error}", flush=True)  # noqa: T201
        ended = Ended(error.code, {"key": task.key, "code": int(error.code), "message": str(error)})
    write_termination_message(ended.message)
    return ended.code


@contextlib.contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set while the block runs: the stage then saves its work and ends."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    former = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopping
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _own_attempt(task: Task) -> Task:
    """The task with an attempt name that no other process has: a restarted pod gets the same task."""
    nonce = secrets.token_hex(4)
    attempt = f"{task.attempt[: LONGEST_ATTEMPT - len(nonce) - 1]}-{nonce}"
    return task.model_copy(update={"attempt": attempt})


def _run(
    task: Task, scratch: Path, reporter: Reporter, stopping: threading.Event, rhythm: Rhythm | None
) -> Ended:
    store: Store | None = None
    try:
        store = open_store(task.storage, reporter.line)
        store.probe()
        manifest, digest = Attempt(task, store, scratch, reporter, stopping).run(rhythm)
        return Ended(
            ExitCode.DONE,
            {
                "key": task.key,
                "manifestDigest": digest,
                "outputs": manifest.outputs,
                "emulated": manifest.emulated,
                "headline": {**manifest.headline, **figures_of_this_moment(store, task)},
            },
        )
    except Exception as error:
        failure = _failure(error, free=shutil.disk_usage(scratch).free)
        headline = dict(error.headline) if isinstance(error, StageError) else {}
        if failure.unexpected:
            reporter.traceback(traceback.format_exc())
    reporter.line(f"error: {failure.message}")
    if store is not None:
        _keep_log(store, task, scratch)
    message = {"key": task.key, "code": failure.code, "message": failure.message}
    return Ended(failure.code, {**message, "headline": headline} if headline else message)


def _failure(error: Exception, free: int) -> Failure:
    """Exit code and sentence for an error.

    Args:
        error: that ended the task.
        free: bytes free on scratch.
    """
    if isinstance(error, StageError):
        return Failure(error.code, str(error))
    if isinstance(error, ValidationError):
        return Failure(ExitCode.USAGE, f"the task's parameters are wrong: {describe_validation_error(error)}")
    if isinstance(error, MemoryError):
        return Failure(UNEXPECTED, "out of memory; give the stage more, or lower its batch size")
    # Libraries written in C++ and Rust report a full disk in many ways.
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if full or "No space left" in str(error) or free < NEARLY_FULL:
        return Failure(
            ExitCode.CANNOT_CREATE,
            f"no space left on scratch ({tempfile.gettempdir()}); free some, or set TMPDIR to another disk "
            f"({type(error).__name__}: {error})",
        )
    return Failure(
        UNEXPECTED,
        f"{type(error).__name__}: {error}; the traceback is in the stage's log (nerd logs)",
        unexpected=True,
    )


def _keep_log(store: Store, task: Task, scratch: Path) -> None:
    """Store the log of an attempt that failed; if it cannot be stored, nothing else changes."""
    with contextlib.suppress(StageError, OSError):
        store.upload(scratch / artifacts.LOG, f"{task.stage}/{task.key}/{task.attempt}/{artifacts.LOG}")
