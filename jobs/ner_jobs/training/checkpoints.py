"""Checkpoints in the store: a killed run goes on from the last whole one.

A checkpoint is the Trainer's folder (model, optimizer, scheduler, random
states, trainer state) with ours in it (average, best weights so far). Its
record is written after its files, with sizes and SHA-256, so that half of one
is never taken; the one before it is deleted only then.
"""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import ValidationError

from ner_jobs.store.protocol import Store
from ner_jobs.task import FileEntry, RetryableError, StageError
from ner_jobs.task.model import Contract

TRANSFERS = 4
"""Files on their way at once."""


class CheckpointRecord(Contract):
    """What `latest.json` says: where the last whole checkpoint lies.

    Attributes:
        segments: the hosts that worked on this model: [first step, ISA class], in order.
    """

    folder: str
    step: int
    files: tuple[tuple[str, int, str], ...]
    segments: tuple[tuple[int, str], ...]


class Checkpoints:
    """The checkpoints of one key.

    Args:
        store: the task's.
        stage, key: of the task; checkpoints of an attempt serve the next one.
        log: a line for the artifact's log.
    """

    def __init__(self, store: Store, stage: str, key: str, attempt: str, log: Callable[[str], None]) -> None:
        self._store = store
        self._root = f"{stage}/{key}/checkpoints"
        self._attempt = attempt
        self._log = log

    def save(self, folder: Path, step: int, segments: tuple[tuple[int, str], ...]) -> None:
        """Upload a folder, then its record, then forget the others.

        Raises:
            StageError: the store refuses it; the checkpoint before this one is still whole.
        """
        name = f"{step:09d}-{self._attempt}"
        paths = sorted(path for path in folder.rglob("*") if path.is_file())

        def send(path: Path) -> tuple[str, int, str]:
            relative = path.relative_to(folder).as_posix()
            size, digest = self._store.upload(path, f"{self._root}/{name}/{relative}")
            return relative, size, digest

        with ThreadPoolExecutor(TRANSFERS) as transfers:
            files = tuple(transfers.map(send, paths))
        record = CheckpointRecord(folder=name, step=step, files=files, segments=segments)
        self._store.put(f"{self._root}/latest.json", record.model_dump_json(by_alias=True).encode())
        self._forget(keep=name)

    def load(self, target: Path) -> CheckpointRecord | None:
        """Bring the last whole checkpoint into `target`; None where there is none that can be used."""
        found = self._store.get(f"{self._root}/latest.json")
        if found is None:
            return None
        try:
            record = CheckpointRecord.model_validate(json.loads(found[0]))
        except (ValidationError, ValueError):
            self._log("the record of the last checkpoint cannot be read; training starts from the beginning")
            return None

        def bring(entry: FileEntry) -> None:
            path = target / entry.path
            path.parent.mkdir(parents=True, exist_ok=True)
            self._store.download(f"{self._root}/{record.folder}/{entry.path}", path, entry.size, entry.sha256)

        try:
            with ThreadPoolExecutor(TRANSFERS) as transfers:
                entries = [FileEntry(path=path, size=size, sha256=sha) for path, size, sha in record.files]
                list(transfers.map(bring, entries))
        except RetryableError:
            raise
        except StageError as error:
            self._log(f"the last checkpoint cannot be used, training starts from the beginning: {error}")
            shutil.rmtree(target, ignore_errors=True)
            return None
        return record

    def remove(self) -> None:
        """Delete all of them: the artifact is published."""
        self._forget(keep=None)

    def _forget(self, keep: str | None) -> None:
        latest = f"{self._root}/latest.json"
        for stored in list(self._store.list(self._root + "/")):
            if keep is None or not (stored.key == latest or stored.key.startswith(f"{self._root}/{keep}/")):
                self._store.delete(stored.key)
