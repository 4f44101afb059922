"""Artifacts: the files of one attempt, and a manifest that lists them.

The manifest is written last and create-only, so an artifact is complete or
does not exist, and a key has one result for ever. An attempt that is second
adopts the first one's result. When the manifest exists, everything else under
the key (other attempts, checkpoints, logs of failures) is removed.
"""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ner_jobs.store.hashing import check_bytes, corrupt, hash_file
from ner_jobs.store.paths import join_inside, join_key
from ner_jobs.store.protocol import Store, Transferred
from ner_jobs.task import (
    ExitCode,
    FileEntry,
    InputReference,
    Manifest,
    PermanentError,
    RetryableError,
    Stage,
    StageError,
)
from ner_jobs.task.manifest import outputs_of

TRANSFERS = 4
"""Files transferred in parallel; a large one is also sent in parallel parts."""

LOG = "log.txt"


@dataclass(frozen=True, slots=True)
class Found:
    """A manifest in the store.

    Attributes:
        digest: SHA-256 of the stored bytes.
        version: of the object, for a compare-and-swap.
    """

    manifest: Manifest
    digest: str
    version: str


@dataclass(frozen=True, slots=True)
class Damage:
    """A file of an artifact that differs from its manifest.

    Attributes:
        key: of the object.
        message: a sentence that names it.
        vanished: it does not exist.
    """

    key: str
    message: str
    vanished: bool


def manifest_key(stage: str, key: str) -> str:
    """Key of the manifest of a stage's result."""
    return f"{stage}/{key}/manifest.json"


def file_key(manifest: Manifest, path: str) -> str:
    """Key of a file of the artifact.

    Raises:
        PermanentError: it would be outside the attempt's folder.
    """
    name = manifest_key(manifest.stage, manifest.key)
    return join_key(name, manifest.stage, manifest.key, manifest.attempt, path)


def find_manifest(store: Store, stage: str, key: str) -> Found | None:
    """The manifest of a key with its version, or None.

    Raises:
        PermanentError: it cannot be read, is of another key, or contradicts itself.
    """
    name = manifest_key(stage, key)
    found = store.get(name)
    if found is None:
        return None
    data, version = found
    try:
        manifest = Manifest.model_validate(json.loads(data))
    except ValidationError as error:
        raise _no_manifest(store, stage, name, _first_fault(error)) from error
    except ValueError as error:
        raise _no_manifest(store, stage, name, "it is not JSON") from error
    if (manifest.stage, manifest.key) != (stage, key):
        raise _no_manifest(store, stage, name, f"it is of {manifest.stage} {manifest.key[:12]}")
    if outputs_of(manifest.files) != manifest.outputs:
        raise _no_manifest(store, stage, name, "its digests are not those of the files that it lists")
    return Found(manifest, hashlib.sha256(data).hexdigest(), version)


def read_manifest(store: Store, stage: str, key: str) -> tuple[Manifest, str] | None:
    """The manifest of a key and its digest (SHA-256 of the stored bytes), or None.

    Raises:
        PermanentError: it cannot be read, is of another key, or contradicts itself.
    """
    found = find_manifest(store, stage, key)
    return (found.manifest, found.digest) if found else None


def manifests_of(store: Store, stages: Iterable[Stage] = Stage) -> Iterable[Manifest]:
    """All finished results of these stages, in any order."""
    for stage in stages:
        for stored in list(store.list(f"{stage}/")):
            parts = stored.key.split("/")
            if len(parts) == 3 and parts[2] == "manifest.json":
                found = read_manifest(store, stage, parts[1])
                if found:
                    yield found[0]


def complete(store: Store, manifest: Manifest) -> list[str]:
    """Keys of the objects that are missing or of a wrong size."""

    def is_missing(entry: FileEntry) -> bool:
        return store.size(file_key(manifest, entry.path)) != entry.size

    with ThreadPoolExecutor(TRANSFERS) as transfers:
        missing = list(transfers.map(is_missing, manifest.files))
    return [
        file_key(manifest, entry.path) for entry, lost in zip(manifest.files, missing, strict=True) if lost
    ]


def require_whole(store: Store, stage: Stage, key: str) -> tuple[Manifest, str]:
    """The manifest, with its digest, of a result that is going into service.

    Raises:
        PermanentError: it or one of its files has vanished.
    """
    found = read_manifest(store, stage, key)
    missing = complete(store, found[0]) if found else [manifest_key(stage, key)]
    if found is None or missing:
        raise PermanentError(
            f"{stage}/{key[:12]} is not whole any more: {missing[0]} is gone from {store.uri}",
            ExitCode.NO_INPUT,
        )
    return found


def find_damage(
    store: Store, manifest: Manifest, transferred: Transferred | None = None
) -> tuple[Damage, ...]:
    """Hash every byte of an artifact; returns the files that differ from its manifest, in its order."""

    def inspect(entry: FileEntry) -> Damage | None:
        key = file_key(manifest, entry.path)
        where, stated = f"{store.uri}/{key}", (entry.size, entry.sha256)
        found = store.fingerprint(key, transferred)
        if found is None:
            message = f"{where} has vanished: {manifest.stage} {manifest.key} has to be computed again"
            return Damage(key, message, vanished=True)
        return None if found == stated else Damage(key, corrupt(where, found, stated), vanished=False)

    with ThreadPoolExecutor(TRANSFERS) as transfers:
        return tuple(damage for damage in transfers.map(inspect, manifest.files) if damage)


def verify(store: Store, manifest: Manifest, transferred: Transferred | None = None) -> None:
    """Hash every byte of an artifact.

    Raises:
        PermanentError: files are corrupt; all are named.
        RetryableError: files have vanished, and none is corrupt.
    """
    damage = find_damage(store, manifest, transferred)
    messages = "\n".join(each.message for each in damage)
    if any(not each.vanished for each in damage):
        raise PermanentError(messages, ExitCode.DATA)
    if damage:
        raise RetryableError(messages)


def fetch(
    store: Store, reference: InputReference, cache: Path, transferred: Transferred | None = None
) -> Path:
    """Bring one output of an artifact to this machine, and verify it.

    Args:
        store: that has it.
        reference: the artifact and its output, a top-level folder; an empty output is the whole artifact.
        cache: folder for the files, unless the store is a folder.
        transferred: called with the bytes of each transfer.

    Returns:
        The folder of that output, read only. If the store is a folder, it is in the store.

    Raises:
        RetryableError: the artifact has vanished, or another one than was planned with is there.
        PermanentError: its bytes differ from its manifest, or it has no such output.
    """
    found = read_manifest(store, reference.stage, reference.key)
    if found is None:
        raise RetryableError(
            f"input artifact {reference.stage} {reference.key} has vanished from {store.uri}; "
            "its producer has to run again (nerd run does)"
        )
    manifest, _ = found
    _check_reference(reference, manifest)
    folder = f"{reference.stage}/{reference.key}/{manifest.attempt}"
    if reference.output:
        folder += f"/{reference.output}"

    def bring(entry: FileEntry) -> None:
        key, stated = file_key(manifest, entry.path), (entry.size, entry.sha256)
        if store.local_path(key) is None:
            path = join_inside(cache, manifest_key(manifest.stage, manifest.key), key)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not (path.is_file() and hash_file(path) == stated):
                with _vanishing(store, key, reference):
                    store.download(key, path, *stated, transferred)
            return
        there = store.fingerprint(key, transferred)
        if there is None:
            raise _vanished(store, key, reference)
        check_bytes(f"{store.uri}/{key}", there, stated)

    with ThreadPoolExecutor(TRANSFERS) as transfers:
        list(transfers.map(bring, manifest.files_of(reference.output)))
    return store.local_path(folder) or cache / folder


def upload_folder(
    store: Store, prefix: str, folder: Path, transferred: Transferred | None = None
) -> tuple[FileEntry, ...]:
    """Send every file of a folder, several at once.

    Returns:
        The files, sorted by path.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())

    def send(path: Path) -> FileEntry:
        relative = path.relative_to(folder).as_posix()
        size, digest = store.upload(path, f"{prefix}/{relative}", transferred)
        return FileEntry(path=relative, size=size, sha256=digest)

    with ThreadPoolExecutor(TRANSFERS) as transfers:
        return tuple(sorted(transfers.map(send, paths), key=lambda entry: entry.path))


def publish(
    store: Store,
    stage: str,
    key: str,
    attempt: str,
    folder: Path,
    describe: Callable[[tuple[FileEntry, ...]], Manifest],
    transferred: Transferred | None = None,
    replacing: Found | None = None,
) -> tuple[Manifest, str]:
    """Upload a folder as this attempt's files, then create the manifest.

    Args:
        store: to upload to.
        stage: of the task.
        key: of the task.
        attempt: name of the folder; no other process may use it.
        folder: the artifact's files.
        describe: makes the manifest from the uploaded files.
        transferred: called with the bytes of each transfer.
        replacing: a manifest whose files have vanished; ours replaces it, unless another attempt was faster.

    Returns:
        The valid manifest, ours or that of an attempt that was first, and its digest.

    Raises:
        StageError: it cannot be written. Then our manifest does not exist.
    """
    try:
        files = upload_folder(store, f"{stage}/{key}/{attempt}", folder, transferred)
    except StageError:
        # An attempt that was first may have removed our files while we uploaded; then there is a result.
        winner = find_manifest(store, stage, key)
        if winner is None or (replacing and winner.version == replacing.version):
            with contextlib.suppress(StageError):
                remove_leftovers(store, f"{stage}/{key}/{attempt}/")
            raise
        return winner.manifest, winner.digest
    manifest = describe(files)
    data = manifest.to_bytes()
    name = manifest_key(stage, key)
    if store.replace(name, data, replacing.version) if replacing else store.create(name, data):
        return manifest, hashlib.sha256(data).hexdigest()
    there = read_manifest(store, stage, key)
    if there is None:
        raise RetryableError(f"{store.uri}/{name} was there and is gone; run the stage again")
    return there


def remove_leftovers(store: Store, prefix: str, keep: tuple[str, ...] = ()) -> int:
    """Remove objects under the prefix, except those that start with one of `keep`; returns how many."""
    store.forget_unfinished(prefix)
    leftovers = [stored.key for stored in store.list(prefix) if not stored.key.startswith(keep)]
    for key in leftovers:
        store.delete(key)
    return len(leftovers)


def remove_other_attempts(store: Store, manifest: Manifest) -> int:
    """Remove everything under a key except its artifact; returns how many objects."""
    base = f"{manifest.stage}/{manifest.key}/"
    keep = (manifest_key(manifest.stage, manifest.key), f"{base}{manifest.attempt}/")
    return remove_leftovers(store, base, keep)


def read_log(store: Store, stage: str, key: str) -> str | None:
    """The log of a finished stage, or of its newest attempt; None if there is none."""
    found = read_manifest(store, stage, key)
    if found is not None:
        name = file_key(found[0], LOG)
    else:
        logs = [item for item in store.list(f"{stage}/{key}/") if item.key.endswith(f"/{LOG}")]
        if not logs:
            return None
        name = max(logs, key=lambda item: item.modified).key
    stored = store.get(name)
    return stored[0].decode(errors="replace") if stored else None


def empty(folder: Path) -> None:
    """Make a folder, or empty it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _check_reference(reference: InputReference, manifest: Manifest) -> None:
    name = f"artifact {reference.stage} {reference.key}"
    if not reference.output:
        return
    if reference.output not in manifest.outputs:
        raise PermanentError(
            f"{name} has no output {reference.output!r}; it has {', '.join(manifest.outputs) or 'none'}",
            ExitCode.DATA,
        )
    found = manifest.outputs[reference.output]
    if reference.digest and found != reference.digest:
        raise RetryableError(
            f"{name} holds {reference.output} with digest {found[:12]}…, the plan was made for "
            f"{reference.digest[:12]}…: it was computed again since; plan again (nerd run does)"
        )


@contextlib.contextmanager
def _vanishing(store: Store, key: str, reference: InputReference) -> Iterator[None]:
    try:
        yield
    except RetryableError as error:
        if store.size(key) is None:
            raise _vanished(store, key, reference) from error
        raise


def _vanished(store: Store, key: str, reference: InputReference) -> RetryableError:
    return RetryableError(
        f"{store.uri}/{key} has vanished: input artifact {reference.stage} {reference.key} is not whole, "
        "its producer has to run again (nerd run does)"
    )


def _no_manifest(store: Store, stage: str, name: str, why: str) -> PermanentError:
    return PermanentError(
        f"{store.uri}/{name} is corrupt: it is no manifest of this key ({why}); restore it, or run the "
        f"stage under a new key (nerd run --rerun {stage})"
    )


def _first_fault(error: ValidationError) -> str:
    """What is wrong with a manifest, in a few words: the field and its fault."""
    fault = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
