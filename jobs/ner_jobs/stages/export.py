"""export: a checkpoint as graphs that compilers read, each shown equal to it.

Three forms: TorchScript of one fixed window (what the reference compiler
wants: inputs in the order ids, mask, types), TorchScript of any length, and
ONNX of any length. ONNX goes through the tracing exporter with eager
attention, since ONNX Runtime fuses only that form; the graph of the newer
exporter runs at half the speed.
"""

import functools
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import transformers
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForTokenClassification, PreTrainedModel

from ner_jobs.backends.onnxruntime_backend import open_model
from ner_jobs.corpus.checkpoint_config import load_checkpoint
from ner_jobs.corpus.encoding import Encoder
from ner_jobs.corpus.snapshot import read_sentences
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.task import ExitCode, PermanentError
from ner_jobs.task.parameters import ExportParameters
from ner_jobs.training.model import copy_tokenizer

ONNX_OPSET = 17
WINDOWS_COMPARED = 24
"""Real windows on which each form is held against the checkpoint, short and long ones."""

DYNAMIC_TORCHSCRIPT = "dynamic.torchscript.pt"
DYNAMIC_ONNX = "dynamic.onnx"


@dataclass(frozen=True, slots=True)
class Parity:
    """How far a form is from the checkpoint, over all windows that were compared.

    Attributes:
        difference: the largest of the logits of real sub-tokens.
        disagreements: sub-tokens whose argmax differs although the checkpoint's margin exceeds the bound.
    """

    form: str
    windows: int
    difference: float
    disagreements: int


class Graph(nn.Module):
    """A token classifier as a function of tensors in the reference order, logits out."""

    def __init__(self, model: PreTrainedModel, types: bool) -> None:
        super().__init__()
        self.model = model
        self._types = types

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Logits (batch, length, labels) of int64 (batch, length) each."""
        if self._types:
            found = self.model(
                input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
            )
        else:
            found = self.model(input_ids=input_ids, attention_mask=attention_mask)
        logits: Tensor = found.logits
        return logits


def run(context: StageContext) -> StageResult:
    """Export the checkpoint and hold every form against it.

    Inputs: `model` (finetune's, or the base itself), `labels`, `calibration` (real sentences).

    Raises:
        PermanentError: the base has no labels that cover the data, or a form differs from the
            checkpoint by more than the bound.
    """
    parameters = ExportParameters.model_validate(context.task.parameters)
    source, target = context.inputs["model"], context.output / "model"
    target.mkdir()
    transformers.utils.logging.disable_progress_bar()
    if context.task.threads:
        torch.set_num_threads(context.task.threads)
    labels = tuple(json.loads((context.inputs["labels"] / "labels.json").read_text())["labels"])
    model = open_checkpoint(source, labels)
    types = has_token_types(model)
    encoder = Encoder(source, parameters.max_length, parameters.segmentation)
    windows = _windows(context.inputs["calibration"], encoder)
    graph = Graph(model, types).eval()

    fixed = f"fixed-1x{parameters.max_length}.torchscript.pt"
    padding = model.config.pad_token_id or 0
    context.progress(0, 3, "graphs")
    _trace(graph, parameters.max_length).save(str(target / fixed))
    _trace(graph, min(parameters.max_length, 32)).save(str(target / DYNAMIC_TORCHSCRIPT))
    context.progress(2, 3, "graphs")
    _export_onnx(graph, target / DYNAMIC_ONNX, types)
    context.progress(3, 3, "graphs")

    expected = [_run_torch(graph, window[None], np.ones_like(window[None])) for window in windows]
    parities = [
        _compare(form, session, windows, expected, parameters, length, padding)
        for form, session, length in _sessions(target, fixed, parameters.max_length)
    ]
    for parity in parities:
        context.log(
            f"{parity.form}: largest difference of logits {parity.difference:.2e} "
            f"over {parity.windows} windows"
        )
        _refuse_above(parity, parameters.tolerance)

    model.config.save_pretrained(target)
    copy_tokenizer(source, target)
    facts = {
        "labels": labels,
        "segmentation": parameters.segmentation,
        "decoding": "constrained",
        "maxLength": parameters.max_length,
    }
    (target / "nerd.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n")
    return StageResult(
        metrics={
            "parity": [
                {
                    "form": parity.form,
                    "windows": parity.windows,
                    "largestDifference": parity.difference,
                    "disagreements": parity.disagreements,
                }
                for parity in parities
            ],
            "tolerance": parameters.tolerance,
            "parameters": sum(value.numel() for value in model.parameters()),
        },
        headline={"largestDifference": max(parity.difference for parity in parities)},
    )


def open_checkpoint(folder: Path, labels: Sequence[str]) -> PreTrainedModel:
    """The checkpoint in fp32 with eager attention, as what its tensors say that it is.

    Raises:
        PermanentError: it is no token classifier of exactly these labels.
    """
    checkpoint = load_checkpoint(folder)
    config = dict(checkpoint.config)
    if checkpoint.label_count is not None and checkpoint.label_count != len(labels):
        raise PermanentError(
            f"the checkpoint has {checkpoint.label_count} labels, the data has {len(labels)} "
            f"({', '.join(labels)}); give spec.finetune, or a base whose labels cover the data",
            ExitCode.DATA,
        )
    config["id2label"] = dict(enumerate(labels))
    config["label2id"] = {label: number for number, label in enumerate(labels)}
    model = AutoModelForTokenClassification.from_pretrained(
        folder,
        config=AutoConfig.for_model(config.pop("model_type"), **config),
        dtype=torch.float32,
        attn_implementation="eager",
    )
    return model.eval()


def has_token_types(model: PreTrainedModel) -> bool:
    """Whether the model reads segment ids at all."""
    return int(getattr(model.config, "type_vocab_size", 0) or 0) > 1


def _trace(graph: Graph, length: int) -> torch.jit.ScriptModule:
    with torch.no_grad(), warnings.catch_warnings():
        # The tracer warns of each shape that becomes a constant; parity on other lengths is the check.
        warnings.simplefilter("ignore")
        traced: torch.jit.ScriptModule = torch.jit.trace(  # type: ignore[no-untyped-call]
            graph, _sample(length), strict=False, check_trace=False
        )
    return traced


def _sample(length: int) -> tuple[Tensor, Tensor, Tensor]:
    """A window with some padding: a mask of ones alone would be traced away."""
    ids = torch.arange(length)[None] % 7 + 1
    mask = torch.ones_like(ids)
    mask[:, length - 2 :] = 0
    return ids, mask, torch.zeros_like(ids)


def _export_onnx(graph: Graph, path: Path, types: bool) -> None:
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if types else [])]
    axes = {name: {0: "batch", 1: "length"} for name in [*names, "logits"]}
    with torch.no_grad(), warnings.catch_warnings():
        # The exporter warns that it is the older one: it is chosen for its graph.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            _sample(32),
            str(path),
            input_names=["input_ids", "attention_mask", "token_type_ids"],
            output_names=["logits"],
            dynamic_axes=axes,
            opset_version=ONNX_OPSET,
            dynamo=False,
        )
    graph.eval()
    onnx.checker.check_model(str(path))


Forward = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _sessions(target: Path, fixed: str, max_length: int) -> Iterator[tuple[str, Forward, int]]:
    """Each form, opened as its consumers open it: name, function, the length that it wants or 0."""
    for name, length in ((fixed, max_length), (DYNAMIC_TORCHSCRIPT, 0)):
        script: nn.Module = torch.jit.load(str(target / name))  # type: ignore[no-untyped-call]
        yield name, functools.partial(_run_torch, script), length
    session = open_model(target / DYNAMIC_ONNX)
    yield DYNAMIC_ONNX, session.run, 0


def _run_torch(graph: nn.Module, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        tensors = torch.from_numpy(ids), torch.from_numpy(mask), torch.zeros(ids.shape, dtype=torch.int64)
        found: Any = graph(*tensors)
        return np.asarray(found.float().numpy())


def _windows(calibration: Path, encoder: Encoder) -> list[np.ndarray]:
    """Real windows from the shortest to the longest, and one full of a model's length at least."""
    found: list[np.ndarray] = []
    for sentence in read_sentences(calibration):
        found += [window.input_ids for window in encoder.encode(sentence).windows]
        if len(found) >= 40 * WINDOWS_COMPARED:
            break
    if not found:
        raise PermanentError(
            "there is no real sentence to compare the exported model on; give spec.data.train or "
            "spec.data.calibration",
            ExitCode.DATA,
        )
    found.sort(key=len)
    picked = np.unique(np.linspace(0, len(found) - 1, WINDOWS_COMPARED).round().astype(int))
    return [found[at] for at in picked]


def _compare(
    form: str,
    forward: Forward,
    windows: Sequence[np.ndarray],
    expected: Sequence[np.ndarray],
    parameters: ExportParameters,
    length: int,
    padding: int,
) -> Parity:
    """Run each window bare (where the form allows it) and padded; look at real sub-tokens only."""
    largest, disagreements, count = 0.0, 0, 0
    for ids, logits in zip(windows, expected, strict=True):
        lengths = [length] if length else [len(ids), min(len(ids) + 9, parameters.max_length)]
        for padded in dict.fromkeys(lengths):
            row = np.full((1, padded), padding, np.int64)
            row[0, : len(ids)] = ids
            mask = (np.arange(padded) < len(ids)).astype(np.int64)[None]
            found = forward(row, mask)[0, : len(ids)]
            largest = max(largest, float(np.abs(found - logits[0]).max()))
            ordered = np.sort(logits[0], axis=-1)
            clear = ordered[:, -1] - ordered[:, -2] > parameters.tolerance
            disagreements += int((clear & (found.argmax(-1) != logits[0].argmax(-1))).sum())
            count += 1
    return Parity(form, count, largest, disagreements)


def _refuse_above(parity: Parity, tolerance: float) -> None:
    if parity.difference <= tolerance and not parity.disagreements:
        return
    raise PermanentError(
        f"{parity.form} differs from the checkpoint by {parity.difference:.2e} in a logit "
        f"({parity.disagreements} sub-tokens decided otherwise), {tolerance:.0e} is allowed: the export is "
        "wrong, not the model; report it with the base model's name",
        ExitCode.SOFTWARE,
    )
