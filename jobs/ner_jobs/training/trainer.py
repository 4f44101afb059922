"""Hugging Face's Trainer, with what it leaves to its users.

Ours are the order of the batches (by seed and epoch alone), the loss, the
averaged weights, the choice of the best weights by entity F1 on validation,
and checkpoints that hold all of it, so that a killed run ends as an unbroken
one. The Trainer's own best-checkpoint logic is not used: it forgets the best
weights where their folder is gone, and only warns.
"""

import contextlib
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import Sampler
from transformers import (
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainingArguments,
)
from transformers.optimization import get_linear_schedule_with_warmup
from transformers.trainer_utils import get_last_checkpoint

from ner_jobs.task.model import Contract
from ner_jobs.task.parameters import FinetuneParameters
from ner_jobs.training.averaging import WeightAverage
from ner_jobs.training.checkpoints import Checkpoints
from ner_jobs.training.examples import Collator, EpochOrder, Examples
from ner_jobs.training.loss import SequenceLoss, token_loss
from ner_jobs.training.model import computes_in_bf16, optimizer_of
from ner_jobs.training.validation import Validation, ValidationScore

STATE_FILE = "nerd_state.json"
AVERAGE_FILE = "average.safetensors"
BEST_FILE = "best.safetensors"

Weights = dict[str, Tensor]


class Selection(Contract):
    """The best weights so far, and how long nothing was better.

    Attributes:
        f1: entity F1 on validation by the decoding that will be used, 0..1; negative before any.
        weights: `last` or `average`.
        waited: evaluations since the F1 last rose.
    """

    f1: float = -1.0
    f1_argmax: float = 0.0
    epoch: int = 0
    weights: str = "last"
    waited: int = 0


class RunState(Contract):
    """What a checkpoint holds of ours beside weights; seconds are summed over all attempts.

    Attributes:
        step_seconds: wall clock of the training steps.
        seconds: wall clock in all: steps, validation, checkpoints.
    """

    selection: Selection = Selection()
    step_seconds: float = 0.0
    seconds: float = 0.0


class Stopwatch:
    """Sums wall-clock seconds, going on from an earlier attempt's sum."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = time.monotonic()

    def start(self) -> None:
        """Forget the time since the last call."""
        self._since = time.monotonic()

    def add(self) -> None:
        """Count the time since the last call."""
        now = time.monotonic()
        self.seconds += now - self._since
        self._since = now


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a run touches outside itself.

    Attributes:
        record: takes each line of the training log, as a JSON object.
        progress: done, total, what.
        segments: (first step, ISA class) of the hosts that worked on this model, this one last.
    """

    folder: Path
    checkpoints: Checkpoints
    stopping: threading.Event
    record: Callable[[dict[str, Any]], None]
    progress: Callable[[float, float, str], None]
    segments: tuple[tuple[int, str], ...]


class NerTrainer(Trainer):  # type: ignore[misc]
    """Trains a token classifier; `selection` and `best_weights` are the result.

    Args:
        model: on its device.
        examples: the training windows.
        validation: chooses the weights.
        labels: IOB2 names, in the order of the logits.

    Attributes:
        selection: the best weights so far, as `best_weights`.
        bf16: whether the forward pass runs under bf16 autocast.
        steps_watch: wall clock of the training steps, over all attempts.
        whole_watch: wall clock in all, over all attempts.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        examples: Examples,
        validation: Validation,
        labels: tuple[str, ...],
        parameters: FinetuneParameters,
        surroundings: Surroundings,
    ) -> None:
        self.parameters = parameters
        self.surroundings = surroundings
        self.validation = validation
        self.selection = Selection()
        self.best_weights: Weights = {}
        self.average = (
            WeightAverage(model, parameters.weight_averaging) if parameters.weight_averaging else None
        )
        self._order = EpochOrder(
            examples.lengths, parameters.batch_size, parameters.seed, parameters.length_grouping
        )
        self._sequence_loss = SequenceLoss(labels) if parameters.loss == "sequence" else None
        self.bf16 = computes_in_bf16(parameters, getattr(model.config, "hidden_size", 0))
        self.steps_watch = Stopwatch()
        self.whole_watch = Stopwatch()
        steps = total_steps(len(examples), parameters)
        optimizer = optimizer_of(model, parameters)
        super().__init__(
            model=model,
            args=_arguments(parameters, surroundings.folder),
            data_collator=Collator(
                model.config.pad_token_id or 0, 0 if parameters.length_grouping else parameters.max_length
            ),
            train_dataset=examples,
            eval_dataset=examples,
            optimizers=(
                optimizer,
                get_linear_schedule_with_warmup(optimizer, int(parameters.warmup_ratio * steps), steps),
            ),
            callbacks=[_Watch(self)],
        )
        # It prints each line of the training log as a Python dictionary; the log is a record of its own.
        self.remove_callback(PrinterCallback)

    def resume_or_start(self, checkpoint: Path | None) -> None:
        """Train from a checkpoint's folder, or from the beginning; returns when done or told to stop."""
        if checkpoint is not None:
            self._load_ours(checkpoint)
            if self.is_patience_spent():
                return
        self.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)

    def is_patience_spent(self) -> bool:
        """Whether early stopping has decided."""
        return 0 < self.parameters.patience <= self.selection.waited

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """The loss of a batch: the Trainer's hook."""
        autocast = (
            torch.autocast(self.args.device.type, torch.bfloat16) if self.bf16 else contextlib.nullcontext()
        )
        with autocast:
            outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        logits = outputs.logits.float()
        if self._sequence_loss is not None:
            loss = self._sequence_loss(logits, inputs["labels"], inputs["first"])
        else:
            loss = token_loss(logits, inputs["labels"])
        return (loss, outputs) if return_outputs else loss

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Score the last and the averaged weights on validation, and remember the best."""
        if self.surroundings.stopping.is_set():
            return {}
        scores = {"last": self.validation.score(self.model)}
        if self.average is not None:
            with self._averaged():
                scores["average"] = self.validation.score(self.model)
        self._select(scores)
        metrics = {f"eval_f1_{name}": score.by(self.parameters.decoding) for name, score in scores.items()}
        metrics["eval_f1"] = max(metrics.values())
        self.log(metrics)
        self.control: TrainerControl = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _select(self, scores: dict[str, ValidationScore]) -> None:
        name, score = max(scores.items(), key=lambda item: item[1].by(self.parameters.decoding))
        f1 = score.by(self.parameters.decoding)
        waited = 0 if f1 > self.selection.f1 else self.selection.waited + 1
        if f1 < self.selection.f1:
            self.selection = self.selection.model_copy(update={"waited": waited})
            return
        epoch = round(self.state.epoch or 0)
        self.selection = Selection(f1=f1, f1_argmax=score.argmax, epoch=epoch, weights=name, waited=waited)
        source = (
            self.average.weights
            if name == "average" and self.average is not None
            else {key: value.detach() for key, value in self.model.named_parameters()}
        )
        self.best_weights = {key: value.clone() for key, value in source.items()}

    @contextlib.contextmanager
    def _averaged(self) -> Any:
        assert self.average is not None
        last = {name: value.detach().clone() for name, value in self.model.named_parameters()}
        _assign(self.model, self.average.weights)
        try:
            yield
        finally:
            _assign(self.model, last)

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return self._order

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        found = get_last_checkpoint(self.args.output_dir)
        assert found is not None, "the Trainer has just written it"
        folder = Path(found)
        self.whole_watch.add()
        state = RunState(
            selection=self.selection,
            step_seconds=self.steps_watch.seconds,
            seconds=self.whole_watch.seconds,
        )
        (folder / STATE_FILE).write_text(state.model_dump_json(by_alias=True))
        if self.average is not None:
            save_file(_contiguous(self.average.weights), folder / AVERAGE_FILE)
        if self.best_weights:
            save_file(_contiguous(self.best_weights), folder / BEST_FILE)
        self.surroundings.checkpoints.save(folder, self.state.global_step, self.surroundings.segments)
        shutil.rmtree(folder)
        self.steps_watch.start()

    def _load_ours(self, folder: Path) -> None:
        state = RunState.model_validate_json((folder / STATE_FILE).read_text())
        self.selection = state.selection
        self.steps_watch.seconds = state.step_seconds
        self.whole_watch.seconds = state.seconds
        if (folder / BEST_FILE).is_file():
            self.best_weights = load_file(folder / BEST_FILE, device=str(self.args.device))
        if self.average is not None:
            self.average.load(load_file(folder / AVERAGE_FILE, device=str(self.args.device)))


class _Watch(TrainerCallback):  # type: ignore[misc]
    """Follows the steps: averages, checkpoints by the clock, stops when told, and says how far it is."""

    def __init__(self, trainer: NerTrainer) -> None:
        self._trainer = trainer
        self._saved = time.monotonic()
        self._loss: float | None = None

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._trainer.steps_watch.start()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        trainer = self._trainer
        trainer.steps_watch.add()
        if trainer.average is not None:
            trainer.average.update(trainer.model, state.global_step)
        due = time.monotonic() - self._saved >= trainer.parameters.checkpoint_seconds
        if trainer.surroundings.stopping.is_set():
            control.should_training_stop = True
            due = True
        if due:
            control.should_save = True
            self._saved = time.monotonic()
        epoch = min(int(state.epoch) + 1, trainer.parameters.epochs)
        what = f"steps, epoch {epoch} of {trainer.parameters.epochs}"
        if self._loss is not None:
            what += f", loss {self._loss:.4f}"
        trainer.surroundings.progress(state.global_step, state.max_steps, what)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if not self._trainer.surroundings.stopping.is_set():
            control.should_save = True
            self._saved = time.monotonic()

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self._trainer.is_patience_spent():
            control.should_training_stop = True

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any
    ) -> None:
        if logs:
            self._loss = logs.get("loss", self._loss)
            self._trainer.surroundings.record({"step": state.global_step, "epoch": state.epoch, **logs})


def total_steps(examples: int, parameters: FinetuneParameters) -> int:
    """Optimizer steps of a whole run: epochs, bounded by `max_steps`."""
    steps = parameters.epochs * -(-examples // parameters.batch_size)
    return min(steps, parameters.max_steps) if parameters.max_steps else steps


def _arguments(parameters: FinetuneParameters, folder: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=parameters.batch_size,
        num_train_epochs=parameters.epochs,
        max_steps=parameters.max_steps or -1,
        max_grad_norm=parameters.max_gradient_norm,
        eval_strategy="epoch",
        save_strategy="no",
        logging_steps=20,
        seed=parameters.seed,
        data_seed=parameters.seed,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=False,
        remove_unused_columns=False,
        label_names=["labels"],
        report_to=[],
        disable_tqdm=True,
    )


@torch.no_grad()
def _assign(model: nn.Module, weights: Weights) -> None:
    for name, value in model.named_parameters():
        value.copy_(weights[name])


def _contiguous(weights: Weights) -> Weights:
    return {name: value.contiguous() for name, value in weights.items()}
