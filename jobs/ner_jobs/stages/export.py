"""export: a checkpoint as graphs that compilers read, each shown equal to it.

Three forms: TorchScript of one fixed window (what the reference compiler
wants), TorchScript of any length, and ONNX of any length. Each is opened as
its consumers open it and held against the checkpoint on real sentences; one
that is off by more than the bound is refused, with its figure.
"""

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import transformers
from torch import nn

from ner_jobs.corpus.encoding import Encoder
from ner_jobs.corpus.labels import read_labels
from ner_jobs.corpus.snapshot import read_sentences
from ner_jobs.engines.base import FloatArray, IntArray
from ner_jobs.engines.parity import Forward, Parity, Truth, compare_dynamic, compare_fixed
from ner_jobs.models.checkpoint import open_checkpoint
from ner_jobs.models.folder import TOKENIZER_FILES, ModelFacts, ModelFolder
from ner_jobs.models.graphs import (
    DYNAMIC_ONNX,
    DYNAMIC_TORCHSCRIPT,
    Graph,
    export_onnx,
    fixed_torchscript,
    load_torchscript,
    reads_token_types,
    trace_dynamic,
    trace_fixed,
)
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.task import ExitCode, PermanentError, StageError
from ner_jobs.task.parameters import ExportParameters

WINDOWS_COMPARED = 16
"""Real windows on which each form is held against the checkpoint, from the shortest to the longest."""

WINDOWS_LOOKED_AT = 1000

ONNX_ENGINES = ("onnxruntime", "openvino")
"""What the ONNX form is compared with, the first that is installed."""


def run(context: StageContext) -> StageResult:
    """Export the checkpoint and hold every form against it.

    Inputs: `model` (finetune's, or the base itself), `labels`, `calibration` (real sentences).

    Raises:
        PermanentError: the checkpoint is no token classifier of these labels, a form differs from it by
            more than the bound, or nothing here can run ONNX.
    """
    parameters = ExportParameters.model_validate(context.task.parameters)
    source, target = context.inputs["model"], context.output / "model"
    target.mkdir()
    transformers.utils.logging.disable_progress_bar()
    if context.task.threads:
        torch.set_num_threads(context.task.threads)
    onnx_engine = _onnx_engine()
    model, labels = open_checkpoint(source, read_labels(context.inputs["labels"]), parameters.max_length)
    encoder = ModelFolder(source).encoder(parameters.max_length, parameters.segmentation)
    graph = Graph(model, reads_token_types(model)).eval()
    truth = _truth(graph, context.inputs["calibration"], encoder, parameters.tolerance)

    fixed = fixed_torchscript(parameters.max_length)
    steps: tuple[tuple[str, Callable[[], None]], ...] = (
        (fixed, lambda: trace_fixed(graph, parameters.max_length, target / fixed)),
        (DYNAMIC_TORCHSCRIPT, lambda: trace_dynamic(graph, target / DYNAMIC_TORCHSCRIPT)),
        (DYNAMIC_ONNX, lambda: export_onnx(graph, target / DYNAMIC_ONNX)),
    )
    for done, (name, write) in enumerate(steps):
        context.progress(done, 2 * len(steps), f"forms written and compared; writing {name}")
        _stop_if_told(context)
        write()
    parities: list[Parity] = []
    for name, forward in _opened(target, fixed):
        done = len(steps) + len(parities)
        context.progress(done, 2 * len(steps), f"forms written and compared; comparing {name}")
        _stop_if_told(context)
        compare = compare_fixed if name == fixed else compare_dynamic
        parity = compare(name, forward, truth, parameters.max_length)
        context.log(
            f"{name}: largest difference of a logit {parity.difference:.1e} in {parity.windows} comparisons "
            f"over {len(parity.shapes)} shapes"
        )
        _refuse_above(parity, parameters.tolerance)
        parities.append(parity)
    context.progress(2 * len(steps), 2 * len(steps), "forms written and compared")

    model.config.save_pretrained(target)
    _write_facts(ModelFolder(source), ModelFolder(target), labels, parameters)
    return StageResult(
        metrics={
            "parity": [parity.record() for parity in parities],
            "tolerance": parameters.tolerance,
            "parameters": sum(value.numel() for value in model.parameters()),
            "modelType": model.config.model_type,
            "labels": labels,
        },
        headline={"largestDifference": max(parity.difference for parity in parities)},
        provenance={"onnxComparedWith": onnx_engine},
    )


def _truth(graph: Graph, calibration: Path, encoder: Encoder, tolerance: float) -> Truth:
    windows = _windows(calibration, encoder)
    run_checkpoint = _torch_forward(graph)
    logits = [run_checkpoint(ids[None], np.ones_like(ids)[None])[0] for ids in windows]
    return Truth(windows, logits, graph.model.config.pad_token_id or 0, tolerance)


def _windows(calibration: Path, encoder: Encoder) -> list[IntArray]:
    """Real windows from the shortest to the longest."""
    found: list[IntArray] = []
    for sentence in read_sentences(calibration):
        found += [window.input_ids for window in encoder.encode(sentence).windows]
        if len(found) >= WINDOWS_LOOKED_AT:
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


def _opened(target: Path, fixed: str) -> Iterator[tuple[str, Forward]]:
    """Each form by name, opened as its consumers open it; one in memory at a time."""
    for name in (fixed, DYNAMIC_TORCHSCRIPT):
        yield name, _torch_forward(load_torchscript(target / name))
    yield DYNAMIC_ONNX, _onnx_forward(target / DYNAMIC_ONNX)


def _torch_forward(module: nn.Module) -> Forward:
    def forward(ids: IntArray, mask: IntArray) -> FloatArray:
        tensors = torch.from_numpy(ids), torch.from_numpy(mask)
        with torch.no_grad():
            return np.asarray(module(*tensors, torch.zeros_like(tensors[0])).float().numpy())

    return forward


def _onnx_engine() -> str:
    """The backend that runs ONNX here: ONNX Runtime, else OpenVINO.

    Raises:
        PermanentError: neither is installed, so nobody could say whether the ONNX form is right.
    """
    for name in ONNX_ENGINES:
        if importlib.util.find_spec(name):
            return name
    raise PermanentError(
        f"{DYNAMIC_ONNX} cannot be compared with the checkpoint: neither onnxruntime nor openvino is "
        "installed; install nerdeployment[onnxruntime] or nerdeployment[openvino]",
        ExitCode.CONFIGURATION,
    )


def _onnx_forward(path: Path) -> Forward:
    engine = importlib.import_module(f"ner_jobs.engines.{_onnx_engine()}")
    forward: Forward = engine.open_exported(path).run
    return forward


def _refuse_above(parity: Parity, tolerance: float) -> None:
    if parity.difference <= tolerance and not parity.disagreements:
        return
    raise PermanentError(
        f"{parity.form} differs from the checkpoint by {parity.difference:.2e} in a logit "
        f"({parity.disagreements} sub-tokens decided otherwise), {tolerance:.0e} is allowed: the export is "
        "wrong, not the model; report it with the base model's name",
        ExitCode.SOFTWARE,
    )


def _write_facts(
    source: ModelFolder, target: ModelFolder, labels: list[str], parameters: ExportParameters
) -> None:
    source.copy_to(target.path, TOKENIZER_FILES)
    facts = ModelFacts(
        labels=tuple(labels),
        segmentation=parameters.segmentation,
        decoding=source.facts.decoding if source.has_facts else "constrained",
        max_length=parameters.max_length,
    )
    target.write(facts)


def _stop_if_told(context: StageContext) -> None:
    if context.stopping.is_set():
        raise StageError("stopped before the export was finished; nothing is kept", ExitCode.TERMINATED)
