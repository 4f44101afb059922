"""finetune: a base model and a corpus in, a token classifier out.

The folder `model` is a plain Hugging Face model with its tokenizer, and
`nerd.json`: what inference must know to read text as training did. The
training log, a JSON object a line, is a record of the artifact.
"""

import json
from pathlib import Path
from typing import Any

import torch
import transformers

from ner_jobs.corpus.labels import read_labels
from ner_jobs.corpus.snapshot import read_sentences
from ner_jobs.host import isa_class
from ner_jobs.models.folder import TOKENIZER_FILES, ModelFacts, ModelFolder
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.task import ExitCode, PermanentError, StageError
from ner_jobs.task.parameters import FinetuneParameters
from ner_jobs.training.checkpoints import Checkpoints
from ner_jobs.training.dropout import draw_dropout_by_bytes
from ner_jobs.training.examples import Examples, examples_of
from ner_jobs.training.model import open_base
from ner_jobs.training.trainer import NerTrainer, Surroundings
from ner_jobs.training.validation import Validation


def run(context: StageContext) -> StageResult:
    """Train, or go on training from the key's last checkpoint.

    Inputs: `base`, `labels`, `train`, `validation`, all of prepare.

    Raises:
        PermanentError: the base is no model, or nothing in train can be learned from.
        StageError: SIGTERM came; the checkpoint is saved, and the exit code is 143.
    """
    parameters = FinetuneParameters.model_validate(context.task.parameters)
    labels = read_labels(context.inputs["labels"])
    transformers.utils.logging.disable_progress_bar()
    transformers.set_seed(parameters.seed)
    if context.task.threads:
        torch.set_num_threads(context.task.threads)

    base = ModelFolder(context.inputs["base"])
    encoder = base.encoder(parameters.max_length, parameters.segmentation)
    examples = Examples(list(examples_of(read_sentences(context.inputs["train"]), encoder, labels)))
    if not len(examples):
        raise PermanentError(
            "spec.data.train has no sentence with a token that the tokenizer knows; "
            "check the file and spec.model.segmentation",
            ExitCode.DATA,
        )
    transformers.set_seed(parameters.seed)
    model = open_base(context.inputs["base"], labels)
    if torch.cuda.is_available():
        model.to("cuda")
    else:
        draw_dropout_by_bytes(model)
    validation = Validation(
        list(read_sentences(context.inputs["validation"])), encoder, labels, model.config.pad_token_id or 0
    )

    task = context.task
    checkpoints = Checkpoints(context.store, task.stage, task.key, task.attempt, context.log)
    folder = context.scratch / "checkpoint"
    found = checkpoints.load(folder)
    here = (found.step if found else 0, isa_class())
    segments = (*(found.segments if found else ()), here)
    if found:
        context.log(f"going on from step {found.step} ({_hosts(segments)})")

    lines = _TrainingLog(context.scratch / "training.jsonl", segments)
    trainer = NerTrainer(
        model,
        examples,
        validation,
        labels,
        parameters,
        Surroundings(
            folder=context.scratch / "trainer",
            checkpoints=checkpoints,
            stopping=context.stopping,
            record=lines.add,
            progress=context.progress,
            segments=segments,
        ),
    )
    trainer.resume_or_start(folder if found else None)
    trainer.whole_watch.add()
    if context.stopping.is_set():
        raise StageError(
            f"stopped at step {trainer.state.global_step}; the checkpoint is saved, the next run goes on",
            ExitCode.TERMINATED,
        )
    _write_model(context, trainer, labels, parameters)
    history = [*trainer.state.log_history]
    _write_log(context.output / "training.jsonl", history)
    selection = trainer.selection
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
            "steps": trainer.state.global_step,
            "windows": len(examples),
            "stepSeconds": round(trainer.steps_watch.seconds, 3),
            "seconds": round(trainer.whole_watch.seconds, 3),
            "history": [line for line in history if "eval_f1" in line],
        },
        headline={"f1Validation": selection.f1, "epoch": selection.epoch},
        provenance={
            "precision": "bf16 autocast" if trainer.bf16 else "fp32",
            "segments": [{"fromStep": step, "isa": isa} for step, isa in segments],
            "reproducible": len({isa for _, isa in segments}) == 1,
        },
    )


class _TrainingLog:
    """Lines of the log as they come, for whoever looks while it runs."""

    def __init__(self, path: Path, segments: tuple[tuple[int, str], ...]) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self.add({"segments": segments})

    def add(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")


def _write_model(
    context: StageContext, trainer: NerTrainer, labels: tuple[str, ...], parameters: FinetuneParameters
) -> None:
    target = context.output / "model"
    target.mkdir()
    with torch.no_grad():
        for name, value in trainer.model.named_parameters():
            value.copy_(trainer.best_weights.get(name, value))
    trainer.model.cpu().save_pretrained(target)
    ModelFolder(context.inputs["base"]).copy_to(target, TOKENIZER_FILES)
    facts = ModelFacts(
        labels=labels,
        segmentation=parameters.segmentation,
        decoding=parameters.decoding,
        max_length=parameters.max_length,
    )
    ModelFolder(target).write(facts)


def _write_log(path: Path, history: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in history))


def _hosts(segments: tuple[tuple[int, str], ...]) -> str:
    return ", then ".join(f"from step {step} on {isa}" for step, isa in segments)
