"""Checkpoints: a killed run goes on from the last whole one, and ends with the weights of an unbroken run.

What a checkpoint holds:

| file | content |
|---|---|
| `run.json` | `RunState`: position, validated epochs, selection, training log |
| `model.safetensors` | the model as it trains |
| `average.safetensors` | the averaged weights, if the spec averages |
| `best.safetensors` | the selected weights, after the first validation |
| `optimizer.pt` | optimizer and scheduler |
| `random.pt` | random states of Python, NumPy and PyTorch |

accelerate's `save_state` is not used: its `load_state` only logs it when the
random states cannot be restored, and unpickles other objects without `weights_only`.
"""

import random
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, load_model, save_file, save_model

from ner_jobs.store.artifacts import TRANSFERS, upload_folder
from ner_jobs.store.paths import join_inside, join_key
from ner_jobs.store.protocol import Store
from ner_jobs.task import FileEntry, RetryableError, StageError
from ner_jobs.task.manifest import PathPart
from ner_jobs.task.model import Contract
from ner_jobs.training.run import Run, RunState

STATE = "run.json"
MODEL = "model.safetensors"
AVERAGE = "average.safetensors"
BEST = "best.safetensors"
OPTIMIZER = "optimizer.pt"
RANDOM = "random.pt"


def write_checkpoint(run: Run, folder: Path) -> None:
    """Write all of a run into an empty folder."""
    folder.mkdir(parents=True)
    (folder / STATE).write_text(run.state.model_dump_json())
    save_model(run.module, folder / MODEL)
    if run.average is not None:
        save_model(run.average, folder / AVERAGE)
    if run.best:
        save_file(run.best, folder / BEST)
    torch.save(
        {"optimizer": run.optimizer.state_dict(), "scheduler": run.scheduler.state_dict()}, folder / OPTIMIZER
    )
    torch.save(_random_states(), folder / RANDOM)


def read_checkpoint(run: Run, folder: Path) -> None:
    """Put a run and this process's random states where `write_checkpoint` found them."""
    run.state = RunState.model_validate_json((folder / STATE).read_bytes())
    load_model(run.module, folder / MODEL)
    if run.average is not None:
        load_model(run.average, folder / AVERAGE)
    if (folder / BEST).is_file():
        run.best = load_file(folder / BEST, device=str(run.accelerator.device))
    saved = torch.load(folder / OPTIMIZER, map_location="cpu", weights_only=True)
    run.optimizer.load_state_dict(saved["optimizer"])
    run.scheduler.load_state_dict(saved["scheduler"])
    _restore_random_states(folder / RANDOM)


def _random_states() -> dict[str, object]:
    name, words, *position = np.random.get_state(legacy=True)
    return {
        "python": random.getstate(),
        # As plain numbers, which `weights_only` loads.
        "numpy": (name, np.asarray(words).tolist(), *position),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _restore_random_states(path: Path) -> None:
    states = torch.load(path, map_location="cpu", weights_only=True)
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    torch.set_rng_state(states["torch"])
    if states["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"])


class CheckpointRecord(Contract):
    """What `latest.json` says: where the last whole checkpoint lies, and its files."""

    folder: PathPart
    files: tuple[FileEntry, ...]


class Checkpoints:
    """The checkpoints of one key in the store. Those of one attempt serve the next one.

    Its record is written after a checkpoint's files, with their sizes and SHA-256, so that half a
    checkpoint is never taken. The one before it is deleted only then.

    Args:
        store, stage, key, attempt: of the task.
        scratch: a folder for a checkpoint on its way.
        log: takes a line for the artifact's log.
    """

    def __init__(
        self, store: Store, stage: str, key: str, attempt: str, scratch: Path, log: Callable[[str], None]
    ) -> None:
        self._store = store
        self._root = f"{stage}/{key}/checkpoints"
        self._record = f"{self._root}/latest.json"
        self._attempt = attempt
        self._scratch = scratch
        self._log = log

    def save(self, run: Run) -> None:
        """Upload a run, then its record, then delete the checkpoints before it.

        Raises:
            StageError: the store refuses it; the checkpoint before this one is still whole.
        """
        name = f"{run.state.step:09d}-{run.state.epoch}-{self._attempt}"
        local = self._scratch / name
        write_checkpoint(run, local)
        files = upload_folder(self._store, f"{self._root}/{name}", local)
        record = CheckpointRecord(folder=name, files=files)
        self._store.put(self._record, record.model_dump_json(by_alias=True).encode())
        shutil.rmtree(local)
        keep = (self._record, f"{self._root}/{name}/")
        for stored in list(self._store.list(f"{self._root}/")):
            if not stored.key.startswith(keep):
                self._store.delete(stored.key)

    def load(self, run: Run) -> bool:
        """Put a run where the last whole checkpoint left it.

        Returns:
            Whether there was one that can be used; if not, the run is unchanged.

        Raises:
            RetryableError: the store does not answer.
        """
        found = self._store.get(self._record)
        if found is None:
            return False
        try:
            record = CheckpointRecord.model_validate_json(found[0])
        except ValidationError:
            self._log(
                f"{self._record} is corrupt: the record of the last checkpoint cannot be read; "
                "training starts from the beginning"
            )
            return False
        local = join_inside(self._scratch, self._record, record.folder)
        try:
            self._download(record, local)
        except RetryableError:
            raise
        except StageError as error:
            self._log(f"the last checkpoint cannot be used; training starts from the beginning: {error}")
            return False
        else:
            read_checkpoint(run, local)
            return True
        finally:
            shutil.rmtree(local, ignore_errors=True)

    def _download(self, record: CheckpointRecord, target: Path) -> None:
        def bring(entry: FileEntry) -> None:
            path = join_inside(target, self._record, entry.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            key = join_key(self._record, self._root, record.folder, entry.path)
            self._store.download(key, path, entry.size, entry.sha256)

        with ThreadPoolExecutor(TRANSFERS) as transfers:
            list(transfers.map(bring, record.files))
