"""A training run: what learns, and how far it is. A checkpoint holds all of it."""

from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate import Accelerator
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel
from transformers import PreTrainedModel
from transformers.optimization import get_linear_schedule_with_warmup

from ner_jobs.task.model import Contract
from ner_jobs.task.parameters import FinetuneParameters
from ner_jobs.training.averaging import averaged
from ner_jobs.training.model import computes_in_bf16, optimizer_of

Weights = dict[str, Tensor]


class Selection(Contract):
    """Which weights are the best so far.

    Attributes:
        f1: entity F1 on validation by the decoding of the spec, 0..1.
        f1_argmax: the same by argmax.
        epoch: from 1.
        weights: `last` or `average`.
    """

    f1: float
    f1_argmax: float
    epoch: int
    weights: str


class RunState(BaseModel):
    """How far a run is; seconds are summed over all attempts.

    Attributes:
        step: optimizer steps done.
        epoch: epochs whose weights were validated. If `step` is at the end of the next epoch, that epoch
            is trained and not validated yet.
        selection: None before the first validation.
        epochs_without_gain: validations since F1 last rose.
        segments: the hosts that worked on it, in order: [first step, ISA class].
        log: lines of the training log.
        step_seconds: wall clock of the training steps.
        seconds: wall clock of steps, validation and checkpoints.
    """

    model_config = ConfigDict(extra="forbid")

    step: int = 0
    epoch: int = 0
    selection: Selection | None = None
    epochs_without_gain: int = 0
    segments: list[tuple[int, str]] = []
    log: list[dict[str, Any]] = []
    step_seconds: float = 0.0
    seconds: float = 0.0


@dataclass(slots=True)
class Run:
    """Model, optimizer and schedule as accelerate prepared them, and what the loop adds.

    Attributes:
        average: the averaged weights; None if the spec does not average.
        bf16: whether the forward pass in training runs under bf16 autocast.
        best: the weights that `state.selection` names; empty before the first validation.
    """

    accelerator: Accelerator
    model: nn.Module
    optimizer: Optimizer
    scheduler: LRScheduler
    average: AveragedModel | None
    bf16: bool
    best: Weights = field(default_factory=dict)
    state: RunState = field(default_factory=RunState)

    @property
    def module(self) -> PreTrainedModel:
        """The model itself, without what accelerate puts around it."""
        return self.accelerator.unwrap_model(self.model)


def start_run(model: PreTrainedModel, parameters: FinetuneParameters, steps: int) -> Run:
    """A run at step 0.

    Args:
        model: the base with its head.
        parameters: of the stage.
        steps: optimizer steps of the whole run, which the schedule is made for.
    """
    # Mixed precision is the loop's: accelerate's own would put autocast into validation too.
    accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision="no")
    model.to(accelerator.device)
    optimizer = optimizer_of(model, parameters)
    scheduler = get_linear_schedule_with_warmup(optimizer, int(parameters.warmup_ratio * steps), steps)
    average = averaged(model, parameters.weight_averaging) if parameters.weight_averaging else None
    bf16 = computes_in_bf16(parameters, getattr(model.config, "hidden_size", 0))
    model, optimizer, scheduler = accelerator.prepare(model, optimizer, scheduler)
    return Run(accelerator, model, optimizer, scheduler, average, bf16)
