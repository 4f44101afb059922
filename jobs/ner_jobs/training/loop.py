"""The training loop, on Hugging Face accelerate.

A run that is killed at any time and resumed ends with the weights of an
unbroken one. Batch order is a function of seed and epoch; everything else that
decides a step is in the checkpoint; an epoch is done when its weights are
validated, not before.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ner_jobs.task import ExitCode, StageError
from ner_jobs.task.parameters import FinetuneParameters
from ner_jobs.training.averaging import STEPS_BETWEEN_UPDATES
from ner_jobs.training.checkpoints import Checkpoints
from ner_jobs.training.examples import Example, batches_of_epoch, collate
from ner_jobs.training.loss import Loss
from ner_jobs.training.run import Run, Selection
from ner_jobs.training.validation import Validation

STEPS_BETWEEN_LOG_LINES = 20


@dataclass(frozen=True, slots=True)
class TrainingContext:
    """What the loop touches outside the run.

    Attributes:
        stopping: if it is set, the loop saves a checkpoint and raises.
        log: takes a line for people.
        progress: takes done, total, and units of what.
    """

    checkpoints: Checkpoints
    stopping: threading.Event
    log: Callable[[str], None]
    progress: Callable[[float, float, str], None]


def total_steps(examples: int, parameters: FinetuneParameters) -> int:
    """Optimizer steps of a whole run: those of its epochs, at most `max_steps`."""
    steps = parameters.epochs * math.ceil(examples / parameters.batch_size)
    return min(steps, parameters.max_steps or steps)


def train(
    run: Run,
    examples: Sequence[Example],
    validation: Validation,
    loss_of: Loss,
    parameters: FinetuneParameters,
    context: TrainingContext,
) -> Selection:
    """Train a run from its present step to its end; `run.best` are then the selected weights.

    Raises:
        StageError: `context.stopping` was set; the checkpoint is saved.
    """
    state, device = run.state, run.accelerator.device
    padding = run.module.config.pad_token_id or 0
    length = 0 if parameters.length_grouping else parameters.max_length
    steps_in_epoch = math.ceil(len(examples) / parameters.batch_size)
    total = total_steps(len(examples), parameters)
    began = time.monotonic() - state.seconds
    saved = time.monotonic()
    losses: list[Tensor] = []
    shown_loss = ""

    def save() -> None:
        nonlocal saved
        state.seconds = time.monotonic() - began
        context.checkpoints.save(run)
        saved = time.monotonic()

    for epoch in range(state.epoch, math.ceil(total / steps_in_epoch)):
        if 0 < parameters.patience <= state.epochs_without_gain:
            break
        batches = batches_of_epoch(
            examples, parameters.batch_size, parameters.seed, epoch, grouped=parameters.length_grouping
        )
        start = epoch * steps_in_epoch
        run.model.train()
        for members in batches[state.step - start : total - start]:
            started = time.monotonic()
            batch = collate(members, padding, length).to(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=run.bf16):
                logits = run.model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
            loss = loss_of(logits.float(), batch.labels, batch.first)
            run.accelerator.backward(loss)
            norm = run.accelerator.clip_grad_norm_(run.model.parameters(), parameters.max_gradient_norm)
            rate = run.scheduler.get_last_lr()[0]
            run.optimizer.step()
            run.scheduler.step()
            run.optimizer.zero_grad()
            state.step += 1
            if run.average is not None and state.step % STEPS_BETWEEN_UPDATES == 0:
                run.average.update_parameters(run.module)

            losses.append(loss.detach())
            if state.step % STEPS_BETWEEN_LOG_LINES == 0:
                mean = torch.stack(losses).mean().item()
                losses.clear()
                shown_loss = f", loss {mean:.4f}"
                line = {"loss": mean, "grad_norm": norm.item(), "learning_rate": rate}
                state.log.append({"step": state.step, "epoch": state.step / steps_in_epoch, **line})
            what = f"steps, epoch {epoch + 1} of {parameters.epochs}{shown_loss}"
            context.progress(state.step, total, what)
            state.step_seconds += time.monotonic() - started

            stopping = context.stopping.is_set()
            if stopping or time.monotonic() - saved >= parameters.checkpoint_seconds:
                save()
            if stopping:
                raise _stopped(state.step)

        _validate(run, validation, parameters, epoch + 1, context)
        state.epoch = epoch + 1
        save()
        if context.stopping.is_set():
            raise _stopped(state.step)

    if state.selection is None:
        raise StageError("no epoch was validated, so there is nothing to publish", ExitCode.SOFTWARE)
    return state.selection


def _validate(
    run: Run, validation: Validation, parameters: FinetuneParameters, epoch: int, context: TrainingContext
) -> None:
    """Score the last and the averaged weights, and select the better ones if none before were better."""
    candidates: dict[str, nn.Module] = {"last": run.module}
    if run.average is not None:
        candidates["average"] = run.average.module
    scores = {name: validation.score(model) for name, model in candidates.items()}
    f1 = {name: score.by(parameters.decoding) for name, score in scores.items()}
    name = max(f1, key=lambda name: f1[name])

    state = run.state
    before = state.selection.f1 if state.selection else -1.0
    state.epochs_without_gain = 0 if f1[name] > before else state.epochs_without_gain + 1
    if f1[name] >= before:
        state.selection = Selection(f1=f1[name], f1_argmax=scores[name].argmax, epoch=epoch, weights=name)
        run.best = {
            key: value.detach().clone(memory_format=torch.contiguous_format)
            for key, value in candidates[name].named_parameters()
        }
    line = {f"eval_f1_{name}": value for name, value in f1.items()} | {"eval_f1": f1[name]}
    state.log.append({"step": state.step, "epoch": epoch, **line})
    shown = ", ".join(f"{value:.4f} ({name} weights)" for name, value in f1.items())
    context.log(f"epoch {epoch}: validation F1 {shown}")


def _stopped(step: int) -> StageError:
    return StageError(
        f"stopped at step {step}; the checkpoint is saved, and the next attempt resumes from it",
        ExitCode.TERMINATED,
    )
