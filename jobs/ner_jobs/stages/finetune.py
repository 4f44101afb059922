"""finetune: trains a token classifier from a base model and a corpus.

Leaves `model`, a plain Hugging Face folder with tokenizer and `nerd.json` (how
inference must read text, as training did), and `training.jsonl`, the training
log.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
import transformers

from ner_jobs.corpus.labels import read_labels
from ner_jobs.corpus.snapshot import read_sentences
from ner_jobs.host import isa_class
from ner_jobs.models.folder import TOKENIZER_FILES, ModelFacts, ModelFolder
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.task import ExitCode, PermanentError
from ner_jobs.task.parameters import FinetuneParameters
from ner_jobs.training.checkpoints import Checkpoints
from ner_jobs.training.dropout import draw_dropout_by_bytes
from ner_jobs.training.examples import examples_of
from ner_jobs.training.loop import TrainingContext, total_steps, train
from ner_jobs.training.loss import loss_named
from ner_jobs.training.model import open_base
from ner_jobs.training.run import Run, start_run
from ner_jobs.training.validation import Validation


def run(context: StageContext) -> StageResult:
    """Train, or resume training from the key's last checkpoint.

    Inputs: `base`, `labels`, `train`, `validation`, all of prepare.

    Raises:
        PermanentError: the base is not a model, or train has nothing to learn from.
        StageError: SIGTERM came; the checkpoint is saved, and the exit code is 143.
    """
    task = context.task
    parameters = FinetuneParameters.model_validate(task.parameters)
    labels = read_labels(context.inputs["labels"])
    transformers.utils.logging.disable_progress_bar()
    if task.threads:
        torch.set_num_threads(task.threads)

    base = ModelFolder(context.inputs["base"])
    encoder = base.encoder(parameters.max_length, parameters.segmentation)
    examples = list(examples_of(read_sentences(context.inputs["train"]), encoder, labels))
    if not examples:
        raise PermanentError(
            "spec.data.train has no sentence with a token that the tokenizer knows; "
            "check the file and spec.model.segmentation",
            ExitCode.DATA,
        )
    transformers.set_seed(parameters.seed)
    model = open_base(base.path, labels, context.log)
    if not torch.cuda.is_available():
        draw_dropout_by_bytes(model)
    validation = Validation(list(read_sentences(context.inputs["validation"])), encoder, labels, base.padding)

    training = start_run(model, parameters, total_steps(len(examples), parameters))
    checkpoints = Checkpoints(context.store, task.stage, task.key, task.attempt, context.scratch, context.log)
    resumed = checkpoints.load(training)
    state = training.state
    state.segments.append((state.step, isa_class()))
    if resumed:
        context.log(f"resuming from step {state.step} ({_hosts(state.segments)})")
    selection = train(
        training,
        examples,
        validation,
        loss_named(parameters.loss, labels),
        parameters,
        TrainingContext(checkpoints, context.stopping, context.log, context.progress),
    )
    _write_model(context.output / "model", base, training, labels, parameters)
    (context.output / "training.jsonl").write_text("".join(json.dumps(line) + "\n" for line in state.log))
    context.log(
        f"best: epoch {selection.epoch}, {selection.weights} weights, validation F1 {selection.f1:.4f} "
        f"({parameters.decoding})"
    )
    return StageResult(
        metrics={
            "f1Validation": selection.f1,
            "f1ValidationArgmax": selection.f1_argmax,
            "epoch": selection.epoch,
            "weights": selection.weights,
            "steps": state.step,
            "windows": len(examples),
            "stepSeconds": round(state.step_seconds, 3),
            "seconds": round(state.seconds, 3),
            "history": [line for line in state.log if "eval_f1" in line],
        },
        headline={"f1Validation": selection.f1, "epoch": selection.epoch},
        provenance={
            "precision": "bf16 autocast" if training.bf16 else "fp32",
            "segments": [{"fromStep": step, "isa": isa} for step, isa in state.segments],
            "reproducible": len({isa for _, isa in state.segments}) == 1,
        },
    )


def _write_model(
    target: Path, base: ModelFolder, training: Run, labels: tuple[str, ...], parameters: FinetuneParameters
) -> None:
    target.mkdir()
    model = training.module
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(training.best[name])
    model.cpu().save_pretrained(target)
    base.copy_to(target, TOKENIZER_FILES)
    facts = ModelFacts(
        labels=labels,
        segmentation=parameters.segmentation,
        decoding=parameters.decoding,
        max_length=parameters.max_length,
    )
    ModelFolder(target).write(facts)


def _hosts(segments: Sequence[tuple[int, str]]) -> str:
    return ", then ".join(f"from step {step} on {isa}" for step, isa in segments)
