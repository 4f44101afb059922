"""One task to one artifact: whatever the stage, this is its process.

A result that is already there is verified and left alone. Otherwise the
inputs are brought and verified, the stage runs, its files are published, the
manifest last. Errors become a sentence and an exit code here, and nowhere
else.
"""

import errno
import shutil
import signal
import socket
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import ValidationError

from ner_jobs import host
from ner_jobs.reporting import Reporter, write_termination
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.stages.registry import function_of
from ner_jobs.store import artifacts
from ner_jobs.store.directory import explained
from ner_jobs.store.lease import lease
from ner_jobs.store.open import open_store
from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, FileEntry, InputReference, Manifest, PermanentError, StageError, Task
from ner_jobs.task.manifest import outputs_of

RECORDED_VERSIONS = (
    "nerdeployment",
    "torch",
    "transformers",
    "tokenizers",
    "numpy",
    "onnx",
    "onnxruntime",
    "openvino",
    "nncf",
)

UNEXPECTED = 1
"""Exit code of an error that nobody foresaw: retried within the Job's limit."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a task ended: the exit code, and the last words."""

    code: int
    words: Mapping[str, Any]


def main(task: Task, mode: str) -> int:
    """Run a task in this process and return its exit code; last words are written, nothing is raised."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    try:
        scratch = Path(tempfile.mkdtemp(prefix=f"nerd-{task.stage}-"))
    except OSError as error:
        failure = explained(error, tempfile.gettempdir())
        print(failure)
        write_termination({"key": task.key, "message": str(failure)})
        return failure.code
    try:
        reporter = Reporter(scratch / artifacts.LOG, mode)
        ended = _guarded(task, scratch, reporter, stopping)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    write_termination(ended.words)
    return ended.code


def _guarded(task: Task, scratch: Path, reporter: Reporter, stopping: threading.Event) -> Ended:
    """Run, and turn whatever goes wrong into a sentence and an exit code."""
    store: Store | None = None
    try:
        store = open_store(task.storage)
        store.probe()
        manifest, digest = run_task(task, store, scratch, reporter, stopping)
        return Ended(
            ExitCode.DONE,
            {"key": task.key, "manifestDigest": digest, "headline": dict(manifest.headline)},
        )
    except StageError as error:
        code, message = int(error.code), str(error)
    except ValidationError as error:
        code, message = int(ExitCode.USAGE), f"the task's parameters are wrong: {_flat(error)}"
    except MemoryError:
        code, message = UNEXPECTED, "out of memory; give the stage more, or lower its batch size"
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            code, message = int(ExitCode.CANNOT_CREATE), f"no space left on scratch ({tempfile.gettempdir()})"
        else:
            code, message = UNEXPECTED, f"{type(error).__name__}: {error}"
            reporter.traceback(traceback.format_exc())
    except Exception as error:
        # The traceback is for the log; a person gets one line.
        code, message = UNEXPECTED, f"{type(error).__name__}: {error}; the traceback is in the stage's log"
        reporter.traceback(traceback.format_exc())
    reporter.line(f"error: {message}")
    _leave_log(store, task, scratch)
    return Ended(code, {"key": task.key, "message": message})


def run_task(
    task: Task, store: Store, scratch: Path, reporter: Reporter, stopping: threading.Event
) -> tuple[Manifest, str]:
    """Leave the task's artifact in the store, or find it there.

    Returns:
        The manifest that holds and its digest.

    Raises:
        StageError: it cannot be done; the message and the code say what to do.
    """
    there = artifacts.read_manifest(store, task.stage, task.key)
    if there is None:

        def finished() -> bool:
            return artifacts.read_manifest(store, task.stage, task.key) is not None

        with lease(store, task.stage, task.key, task.attempt, finished, stopping, reporter.line) as ours:
            if ours:
                return _compute(task, store, scratch, reporter, stopping)
        there = artifacts.read_manifest(store, task.stage, task.key)
        if there is None:
            raise StageError("stopped while another attempt worked on the same key", ExitCode.TERMINATED)
    reporter.line(f"{task.stage} {task.key[:12]} is already there; verifying it")
    artifacts.verify(store, there[0], scratch)
    return there


def _compute(
    task: Task, store: Store, scratch: Path, reporter: Reporter, stopping: threading.Event
) -> tuple[Manifest, str]:
    started = time.time()
    cache, output, own = scratch / "inputs", scratch / "output", scratch / "scratch"
    output.mkdir()
    own.mkdir()

    def fetch(reference: InputReference) -> Path:
        return artifacts.fetch(store, reference, cache)

    inputs = {role: fetch(reference) for role, reference in task.inputs.items()}
    manifests = {role: _manifest(store, reference) for role, reference in task.inputs.items()}
    for role, reference in task.inputs.items():
        _check_digest(role, reference, manifests[role])
    emulated = task.emulated or any(manifest.emulated for manifest in manifests.values())
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
    reporter.line(f"{task.stage} done in {time.time() - started:.1f} s")
    shutil.copyfile(scratch / artifacts.LOG, output / artifacts.LOG)

    def describe(files: tuple[FileEntry, ...]) -> Manifest:
        return _manifest_of(task, result, files, emulated, started)

    published = artifacts.publish(store, task.stage, task.key, task.attempt, output, describe)
    for stored in list(store.list(f"{task.stage}/{task.key}/checkpoints/")):
        store.delete(stored.key)
    return published


def _manifest_of(
    task: Task, result: StageResult, files: tuple[FileEntry, ...], emulated: bool, started: float
) -> Manifest:
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
        provenance={
            "versions": host.versions(RECORDED_VERSIONS),
            "host": socket.gethostname(),
            "isa": host.isa_class(),
            "cpuFeatures": list(host.cpu_features()),
            "threads": task.threads or host.processors(),
            "image": task.image,
            **result.provenance,
        },
        emulated=emulated,
        started=started,
        finished=time.time(),
    )


def _manifest(store: Store, reference: InputReference) -> Manifest:
    found = artifacts.read_manifest(store, reference.stage, reference.key)
    assert found is not None, "it has just been fetched"
    return found[0]


def _check_digest(role: str, reference: InputReference, manifest: Manifest) -> None:
    found = manifest.outputs.get(reference.output, "") if reference.output else ""
    if reference.output and reference.digest and found != reference.digest:
        raise PermanentError(
            f"input {role}: {reference.stage} {reference.key[:12]} holds {reference.output} with digest "
            f"{found[:12]}…, the plan was made for {reference.digest[:12]}…; plan again",
            ExitCode.DATA,
        )


def _leave_log(store: Store | None, task: Task, scratch: Path) -> None:
    """The log of an attempt that failed is worth keeping; that it cannot be kept changes nothing."""
    if store is None:
        return
    try:
        store.upload(scratch / artifacts.LOG, f"{task.stage}/{task.key}/{task.attempt}/{artifacts.LOG}")
    except (StageError, OSError):
        return


def _flat(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()
    )
