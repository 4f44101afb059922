"""One task to one artifact: whatever the stage, this is its process.

A result that is already there is verified and left alone. Otherwise the
inputs are brought and verified, the stage runs, its files are published, the
manifest last. Errors become a sentence and an exit code here, and nowhere
else.
"""

import contextlib
import errno
import secrets
import shutil
import signal
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import ValidationError

from ner_jobs.host import on_emulated_devices
from ner_jobs.provenance import provenance_of
from ner_jobs.reporting import Reporter, write_termination
from ner_jobs.scratch import scratch_folder
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.stages.registry import figures_of_this_moment, function_of
from ner_jobs.store import artifacts
from ner_jobs.store.lease import Rhythm, lease, lease_key
from ner_jobs.store.open import open_store
from ner_jobs.store.protocol import Store
from ner_jobs.task import (
    ExitCode,
    FileEntry,
    InputReference,
    Manifest,
    PermanentError,
    RetryableError,
    StageError,
    Task,
)
from ner_jobs.task.manifest import outputs_of

UNEXPECTED = 1
"""Exit code of an error that nobody foresaw: retried within the Job's limit."""

LONGEST_ATTEMPT = 63

NEARLY_FULL = 8 << 20
"""Bytes free on scratch under which a library's obscure error of writing is taken for a full disk."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a task ended: the exit code, and the last words."""

    code: int
    words: Mapping[str, Any]


def main(task: Task, mode: str, rhythm: Rhythm | None = None) -> int:
    """Run a task in this process and return its exit code; last words are written, nothing is raised.

    Args:
        task: to run.
        mode: of what is said on standard output: `plain` or `json`.
        rhythm: of the lease.
    """
    try:
        with _obeyed_signals() as stopping, scratch_folder() as scratch:
            reporter = Reporter(scratch / artifacts.LOG, mode)
            ended = _guarded(_unique(task), scratch, reporter, stopping, rhythm)
    except StageError as error:
        print(f"error: {error}", flush=True)  # noqa: T201
        ended = Ended(error.code, {"key": task.key, "code": int(error.code), "message": str(error)})
    write_termination(ended.words)
    return ended.code


@contextlib.contextmanager
def _obeyed_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set while the block runs: a stage saves what it has, and ends."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    former = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopping
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def run_task(
    task: Task,
    store: Store,
    scratch: Path,
    reporter: Reporter,
    stopping: threading.Event,
    rhythm: Rhythm | None = None,
) -> tuple[Manifest, str]:
    """Leave the task's artifact in the store, or find it there.

    Args:
        task: whose attempt no other process has.
        store: probed.
        scratch: a folder that is removed afterwards.
        reporter: told how it goes; its log becomes the artifact's.
        stopping: set where the process shall end.
        rhythm: of the lease.

    Returns:
        The manifest that holds and its digest.

    Raises:
        StageError: it cannot be done; the message and the code say what to do.
    """
    there = _find_sound(task, store, reporter)
    replaced = None if there is None or there[1] else there[0]
    if there and not replaced:
        return there[0].manifest, there[0].digest

    def newer() -> artifacts.Found | None:
        found = artifacts.find_manifest(store, task.stage, task.key)
        return None if found and replaced and found.version == replaced.version else found

    name = lease_key(task.stage, task.key)
    with lease(
        store, name, task.attempt, lambda: newer() is not None, stopping, reporter.line, rhythm
    ) as ours:
        made = _compute(task, store, scratch, reporter, stopping, replaced) if ours else None
    if made:
        _clear_up(store, made[0], reporter)
        return made
    found = newer()
    if found is None:
        raise StageError("stopped while another attempt worked on the same key", ExitCode.TERMINATED)
    reporter.line(f"{task.stage} {task.key[:12]} was computed by attempt {found.manifest.attempt}")
    artifacts.verify(store, found.manifest)
    return found.manifest, found.digest


def _find_sound(task: Task, store: Store, reporter: Reporter) -> tuple[artifacts.Found, bool] | None:
    """What is there of this key, and whether all of it is.

    A corrupt artifact is not computed again by itself: somebody may hold its digest, and what damages
    one file may damage others. Where files are gone there is nothing left to protect.

    Raises:
        PermanentError: a file is not what the manifest says.
    """
    found = artifacts.find_manifest(store, task.stage, task.key)
    if found is None:
        return None
    reporter.line(f"{task.stage} {task.key[:12]} is already there; verifying it")
    damage = artifacts.find_damage(store, found.manifest)
    corrupt = [each.message for each in damage if not each.vanished]
    if corrupt:
        raise PermanentError("\n".join(corrupt), ExitCode.DATA)
    for each in damage:
        reporter.line(each.message)
    return found, not damage


def _compute(
    task: Task,
    store: Store,
    scratch: Path,
    reporter: Reporter,
    stopping: threading.Event,
    replaced: artifacts.Found | None,
) -> tuple[Manifest, str]:
    started = time.time()
    cache, output, own = scratch / "inputs", scratch / "output", scratch / "scratch"
    output.mkdir()
    own.mkdir()

    def fetch(reference: InputReference) -> Path:
        if stopping.is_set():
            raise StageError("stopped while inputs were brought", ExitCode.TERMINATED)
        return artifacts.fetch(store, reference, cache)

    inputs = {role: fetch(reference) for role, reference in task.inputs.items()}
    manifests = {role: _manifest(store, reference) for role, reference in task.inputs.items()}
    if inputs:
        reporter.line(f"inputs verified in {time.time() - started:.1f} s: {', '.join(inputs)}")
    emulated = (
        task.emulated or on_emulated_devices() or any(manifest.emulated for manifest in manifests.values())
    )
    result = function_of(task.stage)(
        StageContext(
            task=task.model_copy(update={"emulated": emulated}),
            inputs=inputs,
            manifests=manifests,
            output=output,
            scratch=own,
            store=store,
            log=reporter.line,
            progress=reporter.progress,
            stopping=stopping,
            fetch=fetch,
        )
    )
    finished = time.time()
    reporter.line(f"{task.stage} done in {finished - started:.1f} s; publishing to {store.uri}")
    shutil.copyfile(scratch / artifacts.LOG, output / artifacts.LOG)

    def describe(files: tuple[FileEntry, ...]) -> Manifest:
        return Manifest(
            stage=task.stage,
            key=task.key,
            attempt=task.attempt,
            variant=task.variant,
            files=files,
            outputs=outputs_of(files),
            parameters=task.parameters,
            inputs=task.inputs,
            metrics=result.metrics,
            headline=result.headline,
            provenance=_provenance(task, result),
            emulated=emulated,
            started=started,
            finished=finished,
        )

    published = artifacts.publish(
        store, task.stage, task.key, task.attempt, output, describe, replacing=replaced
    )
    if published[0].attempt != task.attempt:
        reporter.line(f"attempt {published[0].attempt} was first; its result is this key's")
    return published


def _guarded(
    task: Task, scratch: Path, reporter: Reporter, stopping: threading.Event, rhythm: Rhythm | None
) -> Ended:
    """Run, and turn whatever goes wrong into a sentence and an exit code."""
    store: Store | None = None
    try:
        store = open_store(task.storage)
        store.probe()
        manifest, digest = run_task(task, store, scratch, reporter, stopping, rhythm)
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
        code, message, foreseen = _meaning(error, scratch)
        headline = error.headline if isinstance(error, StageError) else {}
        if not foreseen:
            # For the log: a person gets one line.
            reporter.traceback(traceback.format_exc())
    reporter.line(f"error: {message}")
    _leave_log(store, task, scratch)
    return Ended(
        code,
        {
            "key": task.key,
            "code": code,
            "message": message,
            **({"headline": dict(headline)} if headline else {}),
        },
    )


def _meaning(error: Exception, scratch: Path) -> tuple[int, str, bool]:
    """Exit code, sentence, and whether the error was foreseen (else its traceback is worth keeping)."""
    if isinstance(error, StageError):
        return int(error.code), str(error), True
    if isinstance(error, ValidationError):
        return int(ExitCode.USAGE), f"the task's parameters are wrong: {flat(error)}", True
    if isinstance(error, MemoryError):
        return UNEXPECTED, "out of memory; give the stage more, or lower its batch size", True
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    # Libraries that write from C++ and Rust tell a full disk in many ways.
    said = "No space left" in str(error) or shutil.disk_usage(scratch).free < NEARLY_FULL
    if said or (isinstance(error, OSError) and error.errno in full):
        return (
            int(ExitCode.CANNOT_CREATE),
            f"no space left on scratch ({tempfile.gettempdir()}); free some, or set TMPDIR to another disk "
            f"({type(error).__name__}: {error})",
            True,
        )
    return (
        UNEXPECTED,
        f"{type(error).__name__}: {error}; the traceback is in the stage's log (nerd logs)",
        False,
    )


def _unique(task: Task) -> Task:
    """The task with an attempt of this process alone: a pod that is started again has the same task."""
    nonce = secrets.token_hex(4)
    attempt = f"{task.attempt[: LONGEST_ATTEMPT - len(nonce) - 1]}-{nonce}"
    return task.model_copy(update={"attempt": attempt})


def _provenance(task: Task, result: StageResult) -> dict[str, Any]:
    return {**provenance_of(task), **result.provenance}


def _manifest(store: Store, reference: InputReference) -> Manifest:
    found = artifacts.read_manifest(store, reference.stage, reference.key)
    if found is None:
        raise RetryableError(f"input artifact {reference.stage} {reference.key} has just vanished")
    return found[0]


def _clear_up(store: Store, manifest: Manifest, reporter: Reporter) -> None:
    """Remove what other attempts left under the key; that it cannot be removed changes nothing."""
    try:
        artifacts.remove_other_attempts(store, manifest)
    except StageError as error:
        reporter.line(f"leftovers of other attempts stay: {error}")


def _leave_log(store: Store | None, task: Task, scratch: Path) -> None:
    """The log of an attempt that failed is worth keeping; that it cannot be kept changes nothing."""
    if store is None:
        return
    try:
        store.upload(scratch / artifacts.LOG, f"{task.stage}/{task.key}/{task.attempt}/{artifacts.LOG}")
    except (StageError, OSError):
        return


def flat(error: ValidationError) -> str:
    """All that pydantic found, in one line."""
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()
    )
