"""Artifacts: files under an attempt's folder, and the manifest that makes them one.

The manifest is written last and create-only, so there is an artifact or there
is none, and a key has one result for ever. Whoever loses the race adopts what
the winner left and removes its own files.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import ValidationError

from ner_jobs.store.directory import check_bytes, hash_file
from ner_jobs.store.protocol import Store, Transferred
from ner_jobs.task import ExitCode, FileEntry, InputReference, Manifest, PermanentError, RetryableError, Stage

TRANSFERS = 4
"""Files on their way at once; each large one is itself sent in parallel parts."""

LOG = "log.txt"


def manifest_key(stage: str, key: str) -> str:
    """Where the manifest of a stage's result lies."""
    return f"{stage}/{key}/manifest.json"


def file_key(manifest: Manifest, path: str) -> str:
    """Where a file of the artifact lies."""
    return f"{manifest.stage}/{manifest.key}/{manifest.attempt}/{path}"


def read_manifest(store: Store, stage: str, key: str) -> tuple[Manifest, str] | None:
    """The manifest of a key and its digest (SHA-256 of the stored bytes), or None.

    Raises:
        PermanentError: it is there and cannot be read.
    """
    found = store.get(manifest_key(stage, key))
    if found is None:
        return None
    data = found[0]
    try:
        manifest = Manifest.model_validate(json.loads(data))
    except (ValueError, ValidationError) as error:
        raise PermanentError(
            f"{store.uri}/{manifest_key(stage, key)} is no manifest ({type(error).__name__}); "
            f"run the stage again with a new token (nerd run --rerun {stage})"
        ) from error
    return manifest, hashlib.sha256(data).hexdigest()


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
    """What is missing or of a wrong size: keys of objects; empty where all is there."""

    def is_missing(entry: FileEntry) -> bool:
        return store.size(file_key(manifest, entry.path)) != entry.size

    with ThreadPoolExecutor(TRANSFERS) as transfers:
        missing = list(transfers.map(is_missing, manifest.files))
    return [
        file_key(manifest, entry.path) for entry, lost in zip(manifest.files, missing, strict=True) if lost
    ]


def verify(store: Store, manifest: Manifest, scratch: Path, transferred: Transferred | None = None) -> None:
    """Hash every byte of an artifact.

    Args:
        scratch: where objects of a remote store are brought for it, one after another.

    Raises:
        PermanentError: a file is not what the manifest says; the first such is named.
        RetryableError: a file is gone.
    """
    for entry in manifest.files:
        key = file_key(manifest, entry.path)
        local = store.local_path(key)
        if local is None:
            target = scratch / "verified"
            store.download(key, target, entry.size, entry.sha256, transferred)
            target.unlink()
        elif not local.is_file():
            raise RetryableError(f"{store.uri}/{key} does not exist (any more)")
        else:
            check_bytes(f"{store.uri}/{key}", hash_file(local, transferred), (entry.size, entry.sha256))


def fetch(
    store: Store, reference: InputReference, cache: Path, transferred: Transferred | None = None
) -> Path:
    """Bring one output of an artifact to this machine, verified.

    Args:
        reference: which artifact, and which of its top-level folders (all of it for an empty name).
        cache: below it the files are laid, where the store is not a folder.

    Returns:
        The folder of that output: read only; in place where the store is a folder.

    Raises:
        RetryableError: the artifact has vanished: the message names its key.
        PermanentError: its bytes are not what its manifest says.
    """
    found = read_manifest(store, reference.stage, reference.key)
    if found is None:
        raise RetryableError(
            f"input artifact {reference.stage} {reference.key} has vanished from {store.uri}; "
            "its producer has to run again (nerd run does)"
        )
    manifest, _ = found
    folder = f"{manifest.attempt}/{reference.output}" if reference.output else manifest.attempt
    base = f"{reference.stage}/{reference.key}"
    entries = manifest.files_of(reference.output)
    if not entries:
        raise PermanentError(
            f"artifact {reference.stage} {reference.key} has no output {reference.output!r}; "
            f"it has {', '.join(manifest.outputs) or 'none'}",
            ExitCode.DATA,
        )
    target = store.local_path(f"{base}/{folder}") or cache / base / folder

    def bring(entry: FileEntry) -> None:
        key = file_key(manifest, entry.path)
        local = store.local_path(key)
        if local is None:
            path = cache / key
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_file() and hash_file(path) == (entry.size, entry.sha256):
                return
            store.download(key, path, entry.size, entry.sha256, transferred)
        elif not local.is_file():
            raise RetryableError(
                f"{store.uri}/{key} has vanished: artifact {reference.stage} {reference.key} is not whole"
            )
        else:
            check_bytes(f"{store.uri}/{key}", hash_file(local, transferred), (entry.size, entry.sha256))

    with ThreadPoolExecutor(TRANSFERS) as transfers:
        list(transfers.map(bring, entries))
    return target


def upload_folder(
    store: Store, prefix: str, folder: Path, transferred: Transferred | None = None
) -> tuple[FileEntry, ...]:
    """Send every file of a folder, several at once.

    Returns:
        What was sent, sorted by path.
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
) -> tuple[Manifest, str]:
    """Upload a folder as this attempt's files, then create the manifest.

    Args:
        describe: makes the manifest of the files that were sent.

    Returns:
        The manifest that holds, ours or that of the attempt that was first, and its digest.
    """
    files = upload_folder(store, f"{stage}/{key}/{attempt}", folder, transferred)
    manifest = describe(files)
    data = manifest.to_bytes()
    if store.create(manifest_key(stage, key), data):
        return manifest, hashlib.sha256(data).hexdigest()
    winner = read_manifest(store, stage, key)
    if winner is None:
        raise RetryableError(f"{store.uri}/{manifest_key(stage, key)} was there and is gone")
    if winner[0].attempt != attempt:
        for entry in files:
            store.delete(f"{stage}/{key}/{attempt}/{entry.path}")
    return winner


def read_log(store: Store, stage: str, key: str) -> str | None:
    """The log of a finished stage, or that of its newest attempt; None where there is none."""
    found = read_manifest(store, stage, key)
    if found is not None:
        stored = store.get(file_key(found[0], LOG))
        return stored[0].decode(errors="replace") if stored else None
    logs = [item for item in store.list(f"{stage}/{key}/") if item.key.endswith(f"/{LOG}")]
    if not logs:
        return None
    stored = store.get(max(logs, key=lambda item: item.modified).key)
    return stored[0].decode(errors="replace") if stored else None


def empty(folder: Path) -> None:
    """Make a folder exist and hold nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
