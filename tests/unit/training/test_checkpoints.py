"""Checkpoints: all of a run comes back, and half of one is never taken."""

import json
import random
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
import torch

from ner_jobs.store.directory import DirectoryStore
from ner_jobs.task import RetryableError
from ner_jobs.task.parameters import FinetuneParameters
from ner_jobs.training.checkpoints import Checkpoints, read_checkpoint, write_checkpoint
from ner_jobs.training.run import Run, Selection

PARAMETERS = FinetuneParameters(weight_averaging=0.9, precision="fp32")
ROOT = "finetune/" + "0" * 64 + "/checkpoints"


class StartRun(Protocol):
    def __call__(self, parameters: FinetuneParameters, steps: int) -> Run: ...


def step(run: Run) -> None:
    """One optimizer step on ids that dropout decides about too."""
    run.model.train()
    run.model(input_ids=torch.arange(1, 9).view(2, 4)).logits.square().mean().backward()
    run.optimizer.step()
    run.scheduler.step()
    run.optimizer.zero_grad()
    run.state.step += 1
    if run.average is not None:
        run.average.update_parameters(run.module)


def draws() -> tuple[float, float, float]:
    return random.random(), float(np.random.random()), float(torch.rand(()))


def parts(run: Run) -> dict[str, Any]:
    """All of a run as plain values."""
    assert run.average is not None
    return {
        "model": [value.tolist() for value in run.module.state_dict().values()],
        "average": [value.tolist() for value in run.average.state_dict().values()],
        "best": {name: value.tolist() for name, value in run.best.items()},
        "moments": [
            {name: value.tolist() for name, value in moments.items()}
            for moments in run.optimizer.state_dict()["state"].values()
        ],
        "rates": run.scheduler.get_last_lr(),
        "state": run.state,
    }


@pytest.fixture
def trained(start_tiny_run: StartRun) -> Run:
    """Two steps, and one validation."""
    run = start_tiny_run(PARAMETERS, 10)
    step(run)
    step(run)
    run.state.epoch = 1
    run.state.selection = Selection(f1=0.5, f1_argmax=0.4, epoch=1, weights="last")
    run.state.log.append({"step": 2, "eval_f1": 0.5})
    run.state.segments.append((0, "x86_64-avx512"))
    run.best = {name: value.detach().clone() for name, value in run.module.named_parameters()}
    return run


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    (tmp_path / "store").mkdir()
    return DirectoryStore(tmp_path / "store")


class Attempt:
    """The checkpoints of one attempt, and what it logs."""

    def __init__(self, store: DirectoryStore, folder: Path) -> None:
        self.lines: list[str] = []
        self.checkpoints = Checkpoints(store, "finetune", "0" * 64, folder.name, folder, self.lines.append)


def test_all_of_a_run_comes_back(trained: Run, start_tiny_run: StartRun, tmp_path: Path) -> None:
    write_checkpoint(trained, tmp_path / "checkpoint")
    step(trained)
    expected, drawn = parts(trained), draws()

    resumed = start_tiny_run(PARAMETERS, 10)
    read_checkpoint(resumed, tmp_path / "checkpoint")
    step(resumed)
    assert parts(resumed) == expected
    assert draws() == drawn


def test_without_averages_and_before_the_first_validation(start_tiny_run: StartRun, tmp_path: Path) -> None:
    parameters = FinetuneParameters(precision="fp32")
    run = start_tiny_run(parameters, 10)
    step(run)
    write_checkpoint(run, tmp_path / "checkpoint")
    assert {path.name for path in (tmp_path / "checkpoint").iterdir()} == {
        "run.json",
        "model.safetensors",
        "optimizer.pt",
        "random.pt",
    }
    resumed = start_tiny_run(parameters, 10)
    read_checkpoint(resumed, tmp_path / "checkpoint")
    assert resumed.state == run.state
    assert resumed.best == {}


def test_the_next_attempt_finds_the_last_checkpoint_and_no_other_is_left(
    trained: Run, start_tiny_run: StartRun, store: DirectoryStore, tmp_path: Path
) -> None:
    first, second = Attempt(store, tmp_path / "first"), Attempt(store, tmp_path / "second")
    first.checkpoints.save(trained)
    step(trained)
    first.checkpoints.save(trained)
    folders = {stored.key.removeprefix(f"{ROOT}/").split("/")[0] for stored in store.list(ROOT)}
    assert folders == {"latest.json", "000000003-1-first"}
    resumed = start_tiny_run(PARAMETERS, 10)
    assert second.checkpoints.load(resumed)
    assert parts(resumed) == parts(trained)
    assert list((tmp_path / "first").iterdir()) == list((tmp_path / "second").iterdir()) == []


def test_without_a_checkpoint_a_run_starts_at_the_beginning(
    start_tiny_run: StartRun, store: DirectoryStore, tmp_path: Path
) -> None:
    run = start_tiny_run(PARAMETERS, 10)
    assert not Attempt(store, tmp_path).checkpoints.load(run)
    assert run.state.step == 0


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param("corrupt", "cannot be used; training starts from the beginning", id="a corrupt file"),
        pytest.param("record", "record of the last checkpoint cannot be read", id="an unreadable record"),
    ],
)
def test_a_damaged_checkpoint_is_not_taken(
    trained: Run, start_tiny_run: StartRun, store: DirectoryStore, tmp_path: Path, damage: str, said: str
) -> None:
    attempt = Attempt(store, tmp_path / "attempt")
    attempt.checkpoints.save(trained)
    name = f"{ROOT}/latest.json" if damage == "record" else f"{ROOT}/000000002-1-attempt/model.safetensors"
    store.put(name, b"{}" if damage == "record" else b"x")
    run = start_tiny_run(PARAMETERS, 10)
    before = parts(run)
    assert not attempt.checkpoints.load(run)
    assert parts(run) == before
    assert said in attempt.lines[-1]


@pytest.mark.parametrize("field", ["folder", "path"])
@pytest.mark.parametrize("value", ["../outside", "/outside", "..", ""])
def test_a_record_that_leaves_its_folder_is_not_taken(
    trained: Run, start_tiny_run: StartRun, store: DirectoryStore, tmp_path: Path, field: str, value: str
) -> None:
    attempt = Attempt(store, tmp_path / "attempts" / "attempt")
    attempt.checkpoints.save(trained)
    outside = tmp_path / "attempts" / "outside"
    outside.mkdir()
    record = json.loads((store.root / ROOT / "latest.json").read_bytes())
    (record if field == "folder" else record["files"][0])[field] = value
    store.put(f"{ROOT}/latest.json", json.dumps(record).encode())
    assert not attempt.checkpoints.load(start_tiny_run(PARAMETERS, 10))
    assert f"{ROOT}/latest.json is corrupt" in attempt.lines[-1]
    assert outside.is_dir(), "it was deleted as scratch"


def test_a_store_that_does_not_answer_is_no_reason_to_start_again(
    trained: Run,
    start_tiny_run: StartRun,
    store: DirectoryStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempt = Attempt(store, tmp_path / "attempt")
    attempt.checkpoints.save(trained)

    def refuse(*arguments: object) -> None:
        raise RetryableError("the store does not answer")

    monkeypatch.setattr(store, "download", refuse)
    with pytest.raises(RetryableError):
        attempt.checkpoints.load(start_tiny_run(PARAMETERS, 10))
