"""The loop: whatever ends an attempt, and wherever, the next one ends as an unbroken run would have."""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ner_jobs.store.directory import DirectoryStore
from ner_jobs.task import ExitCode, StageError
from ner_jobs.task.parameters import FinetuneParameters
from ner_jobs.training.checkpoints import Checkpoints
from ner_jobs.training.examples import Example, collate
from ner_jobs.training.loop import TrainingContext, total_steps, train
from ner_jobs.training.loss import loss_named
from ner_jobs.training.run import Run, Selection
from ner_jobs.training.validation import ValidationScore

LABELS = ("O", "B-X", "I-X")
STEPS = 6
"""Of an epoch."""

PARAMETERS = FinetuneParameters(
    epochs=2,
    batch_size=4,
    learning_rate=1e-2,
    head_learning_rate=1e-2,
    weight_averaging=0.9,
    precision="fp32",
    max_length=16,
    checkpoint_seconds=1e-9,
)


class Killed(BaseException):
    """Ends an attempt where it stands, as SIGKILL does."""


@dataclass
class TokenAccuracy:
    """Stands in for `Validation`: the share of tokens that are right, or scores that the test gives."""

    examples: list[Example]
    scores: list[float] = field(default_factory=list)
    kill_in: int = 0
    calls: int = 0

    def score(self, model: nn.Module) -> ValidationScore:
        self.calls += 1
        if self.calls == self.kill_in:
            raise Killed
        if self.scores:
            return ValidationScore(self.scores[self.calls - 1], self.scores[self.calls - 1])
        batch = collate(self.examples, padding=0)
        training = model.training
        model.eval()
        with torch.inference_mode():
            found = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits.argmax(-1)
        model.train(training)
        accuracy = float((found == batch.labels)[batch.labels >= 0].float().mean())
        return ValidationScore(accuracy, accuracy)


class KillingStore(DirectoryStore):
    """Kills the process in the place of one of its writes."""

    def __init__(self, root: Path, kill_in: int) -> None:
        super().__init__(root)
        self._writes_left = kill_in

    def _count(self) -> None:
        self._writes_left -= 1
        if not self._writes_left:
            raise Killed

    def upload(self, *arguments: Any, **named: Any) -> tuple[int, str]:
        self._count()
        return super().upload(*arguments, **named)

    def put(self, *arguments: Any, **named: Any) -> str:
        self._count()
        return super().put(*arguments, **named)

    def delete(self, *arguments: Any, **named: Any) -> None:
        self._count()
        super().delete(*arguments, **named)


class StartRun(Protocol):
    def __call__(self, parameters: FinetuneParameters, steps: int) -> Run: ...


@dataclass
class Training:
    """Attempts at one training, on one store."""

    root: Path
    start_tiny_run: StartRun
    examples: list[Example]
    parameters: FinetuneParameters = PARAMETERS
    lines: list[str] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    attempts: int = 0

    def attempt(
        self,
        validation: TokenAccuracy | None = None,
        at_step: Callable[[int, threading.Event], None] = lambda step, stopping: None,
        store: DirectoryStore | None = None,
    ) -> tuple[Run, Selection]:
        """One attempt, from the last checkpoint if there is one."""
        self.attempts += 1
        run = self.start_tiny_run(self.parameters, total_steps(len(self.examples), self.parameters))
        checkpoints = Checkpoints(
            store or DirectoryStore(self.root / "store"),
            "finetune",
            "0" * 64,
            f"attempt-{self.attempts}",
            self.root / "scratch",
            self.lines.append,
        )
        checkpoints.load(run)
        stopping = threading.Event()

        def progress(done: float, total: float, what: str) -> None:
            self.steps.append(int(done))
            at_step(int(done), stopping)

        selection = train(
            run,
            self.examples,
            validation or TokenAccuracy(self.examples),  # type: ignore[arg-type]
            loss_named(self.parameters.loss, LABELS),
            self.parameters,
            TrainingContext(checkpoints, stopping, self.lines.append, progress),
        )
        return run, selection


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    """Twenty-two windows, six steps an epoch; a sub-token's label is its id modulo three."""
    chance = np.random.default_rng(7)
    windows = [chance.integers(1, 30, length) for length in chance.integers(3, 12, 22)]
    return [Example(ids, ids % 3, first=True) for ids in windows]


@pytest.fixture
def training(tmp_path: Path, start_tiny_run: StartRun, examples: list[Example]) -> Training:
    (tmp_path / "store").mkdir()
    return Training(tmp_path, start_tiny_run, examples)


@pytest.fixture(scope="module")
def unbroken(
    tmp_path_factory: pytest.TempPathFactory, start_tiny_run: StartRun, examples: list[Example]
) -> tuple[Run, Selection]:
    """The same training in one attempt."""
    root = tmp_path_factory.mktemp("unbroken")
    (root / "store").mkdir()
    return Training(root, start_tiny_run, examples).attempt()


def digest(weights: Mapping[str, Tensor]) -> str:
    return hashlib.sha256(
        b"".join(weights[name].detach().numpy().tobytes() for name in sorted(weights))
    ).hexdigest()


def same(one: tuple[Run, Selection], other: tuple[Run, Selection]) -> bool:
    """Whether two trainings chose the same epoch and weights."""
    return one[1] == other[1] and digest(one[0].best) == digest(other[0].best)


def test_it_learns_and_is_the_same_twice(training: Training, unbroken: tuple[Run, Selection]) -> None:
    again = training.attempt()
    assert same(again, unbroken)
    assert again[1].f1 > 0.5
    assert again[0].state.step == 2 * STEPS
    assert again[0].state.epoch == 2
    assert again[0].state.log == unbroken[0].state.log


@pytest.mark.parametrize("step", [1, 4, STEPS, STEPS + 1, 2 * STEPS])
def test_killed_after_any_step(training: Training, unbroken: tuple[Run, Selection], step: int) -> None:
    def kill(done: int, stopping: threading.Event) -> None:
        if done == step:
            raise Killed

    with pytest.raises(Killed):
        training.attempt(at_step=kill)
    assert same(training.attempt(), unbroken)
    assert training.steps == [*range(1, step + 1), *range(step, 2 * STEPS + 1)], "one step is done again"


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_killed_in_any_validation(training: Training, unbroken: tuple[Run, Selection], call: int) -> None:
    with pytest.raises(Killed):
        training.attempt(TokenAccuracy(training.examples, kill_in=call))
    assert same(training.attempt(), unbroken)
    assert training.steps == list(range(1, 2 * STEPS + 1)), "no step is done again"


@pytest.mark.parametrize("write", [1, 6, 7, 8, 40, 77])
def test_killed_in_any_save(training: Training, unbroken: tuple[Run, Selection], write: int) -> None:
    with pytest.raises(Killed):
        training.attempt(store=KillingStore(training.root / "store", kill_in=write))
    assert same(training.attempt(), unbroken)


@pytest.mark.parametrize("step", [1, STEPS, STEPS + 3, 2 * STEPS])
def test_stopped_in_any_step(training: Training, unbroken: tuple[Run, Selection], step: int) -> None:
    validations = TokenAccuracy(training.examples)

    def stop(done: int, stopping: threading.Event) -> None:
        if done == step:
            stopping.set()

    with pytest.raises(StageError, match=f"stopped at step {step}; the checkpoint is saved") as stopped:
        training.attempt(validations, at_step=stop)
    assert stopped.value.code == ExitCode.TERMINATED
    assert validations.calls == 2 * ((step - 1) // STEPS), "the epoch of this step is not validated yet"
    assert same(training.attempt(validations), unbroken)
    assert validations.calls == 4, "last and averaged weights, once an epoch"
    assert training.steps == list(range(1, 2 * STEPS + 1)), "no step is done again"


def test_a_run_that_is_done_is_not_trained_again(training: Training, unbroken: tuple[Run, Selection]) -> None:
    training.attempt()
    training.steps.clear()
    assert same(training.attempt(TokenAccuracy(training.examples, kill_in=1)), unbroken)
    assert training.steps == []


def test_without_averaging_a_killed_run_is_the_same_too(training: Training) -> None:
    training.parameters = PARAMETERS.model_copy(update={"weight_averaging": 0.0})

    def kill(done: int, stopping: threading.Event) -> None:
        if done == 3:
            raise Killed

    with pytest.raises(Killed):
        training.attempt(at_step=kill)
    resumed = training.attempt()
    (training.root / "other" / "store").mkdir(parents=True)
    other = Training(
        training.root / "other", training.start_tiny_run, training.examples, training.parameters
    ).attempt()
    assert same(resumed, other)
    assert resumed[1].weights == "last"


@pytest.mark.parametrize(
    ("scores", "patience", "epochs", "chosen"),
    [
        pytest.param([0.1, 0.3, 0.2, 0.4], 0, 4, 4, id="the best of all epochs"),
        pytest.param([0.1, 0.3, 0.2, 0.3], 0, 4, 4, id="of equal epochs the later one"),
        pytest.param([0.1, 0.3, 0.2, 0.2], 0, 4, 2, id="an earlier epoch, if none after it is as good"),
        pytest.param([0.3, 0.2, 0.4], 1, 2, 1, id="patience of one epoch"),
        pytest.param([0.3, 0.2, 0.4, 0.5], 2, 4, 4, id="a gain resets patience"),
        pytest.param([0.0, 0.0, 0.0], 2, 3, 3, id="an F1 of 0 is a gain only once"),
    ],
)
def test_selection_and_patience(
    training: Training, scores: list[float], patience: int, epochs: int, chosen: int
) -> None:
    training.parameters = PARAMETERS.model_copy(
        update={"epochs": 4 if patience == 0 else len(scores), "patience": patience, "weight_averaging": 0.0}
    )
    run, selection = training.attempt(TokenAccuracy(training.examples, scores))
    assert (run.state.epoch, selection.epoch, selection.f1) == (epochs, chosen, scores[chosen - 1])


def test_patience_that_is_spent_stays_so_after_a_kill(training: Training) -> None:
    training.parameters = PARAMETERS.model_copy(update={"epochs": 3, "patience": 1, "weight_averaging": 0.0})
    training.attempt(TokenAccuracy(training.examples, [0.3, 0.2]))
    run, selection = training.attempt(TokenAccuracy(training.examples, kill_in=1))
    assert (run.state.epoch, selection.epoch) == (2, 1)


@pytest.mark.parametrize(
    ("max_steps", "steps", "epochs"),
    [(0, 12, 2), (3, 3, 1), (6, 6, 1), (8, 8, 2), (100, 12, 2)],
)
def test_max_steps_bound_the_run_and_its_end_is_validated(
    training: Training, max_steps: int, steps: int, epochs: int
) -> None:
    training.parameters = PARAMETERS.model_copy(update={"max_steps": max_steps})
    run, selection = training.attempt()
    assert run.state.step == steps == total_steps(len(training.examples), training.parameters)
    assert run.state.epoch == epochs
    assert selection.epoch in range(1, epochs + 1)
    assert run.scheduler.get_last_lr() == [0.0] * len(run.optimizer.param_groups)


def test_the_log_has_losses_and_validations(training: Training) -> None:
    training.parameters = PARAMETERS.model_copy(update={"epochs": 4})
    run, selection = training.attempt()
    losses = [line for line in run.state.log if "loss" in line]
    assert [line["step"] for line in losses] == [20]
    assert set(losses[0]) == {"step", "epoch", "loss", "grad_norm", "learning_rate"}
    validations = [line for line in run.state.log if "eval_f1" in line]
    assert [line["epoch"] for line in validations] == [1, 2, 3, 4]
    assert all(line["eval_f1"] == max(line["eval_f1_last"], line["eval_f1_average"]) for line in validations)
    assert selection.f1 == max(line["eval_f1"] for line in validations)
    assert sum(line.startswith("epoch ") for line in training.lines) == 4
