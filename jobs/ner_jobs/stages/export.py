"""export: a checkpoint as graphs that compilers read, each shown equal to it.

Three forms: TorchScript of one fixed window (what the reference compiler
wants), TorchScript of any length, and ONNX of any length. Each is opened as
its consumers open it and compared with the checkpoint on real sentences. A
form that differs by more than the bound is refused, with its figure.
"""

import importlib
import importlib.util
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
import transformers

from ner_jobs.corpus.encoding import Encoder
from ner_jobs.corpus.labels import read_labels
from ner_jobs.corpus.snapshot import read_sentences
from ner_jobs.engines.base import IntArray
from ner_jobs.models.checkpoint import open_checkpoint
from ner_jobs.models.folder import TOKENIZER_FILES, ModelFacts, ModelFolder
from ner_jobs.models.graphs import (
    DYNAMIC_ONNX,
    DYNAMIC_TORCHSCRIPT,
    Graph,
    export_onnx,
    fixed_torchscript,
    forward_of,
    load_torchscript,
    reads_token_types,
    trace_dynamic,
    trace_fixed,
)
from ner_jobs.models.parity import Forward, Parity, Truth, compare_dynamic, compare_fixed
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.task import ExitCode, PermanentError, StageError
from ner_jobs.task.parameters import ExportParameters

WINDOWS_COMPARED = 16
"""Real windows on which each form is compared with the checkpoint, from the shortest to the longest."""

WINDOWS_READ = 1000
"""Windows from which those are taken."""

ONNX_ENGINES = ("onnxruntime", "openvino")
"""Run the ONNX form in the comparison: the first that is installed."""


def run(context: StageContext) -> StageResult:
    """Export the checkpoint and compare every form with it.

    Inputs: `model` (finetune's, or the base itself), `labels`, `calibration` (real sentences).

    Raises:
        PermanentError: the checkpoint is not a token classifier of these labels, a form differs from it by
            more than the bound, or nothing here can run ONNX.
        StageError: SIGTERM came.
    """
    parameters = ExportParameters.model_validate(context.task.parameters)
    source, target = ModelFolder(context.inputs["model"]), ModelFolder(context.output / "model")
    target.path.mkdir()
    transformers.utils.logging.disable_progress_bar()
    if context.task.threads:
        torch.set_num_threads(context.task.threads)
    onnx_engine = _onnx_engine()
    wanted = read_labels(context.inputs["labels"])
    model, labels = open_checkpoint(source.path, wanted, parameters.max_length, context.log)
    encoder = source.encoder(parameters.max_length, parameters.segmentation)
    graph = Graph(model, reads_token_types(model)).eval()
    windows = _windows(context.inputs["calibration"], encoder)
    truth = Truth.of(forward_of(graph), windows, model.config.pad_token_id or 0, parameters.tolerance)

    fixed = fixed_torchscript(parameters.max_length)
    writers = {
        fixed: partial(trace_fixed, graph, parameters.max_length),
        DYNAMIC_TORCHSCRIPT: partial(trace_dynamic, graph),
        DYNAMIC_ONNX: partial(export_onnx, graph),
    }
    for done, (name, write) in enumerate(writers.items()):
        _begin(context, done, 2 * len(writers), f"writing {name}")
        write(target.path / name)
    parities: list[Parity] = []
    for name, forward in _opened(target.path, fixed, onnx_engine):
        _begin(context, len(writers) + len(parities), 2 * len(writers), f"comparing {name}")
        compare = compare_fixed if name == fixed else compare_dynamic
        parity = compare(name, forward, truth, parameters.max_length)
        context.log(
            f"{name}: largest difference of a logit {parity.difference:.1e} in {parity.windows} comparisons "
            f"over {len(parity.shapes)} shapes"
        )
        parity.check(parameters.tolerance)
        parities.append(parity)
    context.progress(2 * len(writers), 2 * len(writers), "forms written and compared")

    model.config.save_pretrained(target.path)
    source.copy_to(target.path, TOKENIZER_FILES)
    facts = ModelFacts(
        labels=tuple(labels),
        segmentation=parameters.segmentation,
        decoding=source.facts.decoding if source.has_facts else "constrained",
        max_length=parameters.max_length,
    )
    target.write(facts)
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


def _begin(context: StageContext, done: int, total: int, what: str) -> None:
    """Report progress, and stop here if SIGTERM came."""
    context.progress(done, total, f"forms written and compared; {what}")
    if context.stopping.is_set():
        raise StageError("stopped before the export was finished; nothing is kept", ExitCode.TERMINATED)


def _windows(calibration: Path, encoder: Encoder) -> list[IntArray]:
    """Real windows from the shortest to the longest."""
    found: list[IntArray] = []
    for sentence in read_sentences(calibration):
        found += [window.input_ids for window in encoder.encode(sentence).windows]
        if len(found) >= WINDOWS_READ:
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


def _opened(target: Path, fixed: str, onnx_engine: str) -> Iterator[tuple[str, Forward]]:
    """Open each form as its consumers do, one in memory at a time."""
    for name in (fixed, DYNAMIC_TORCHSCRIPT):
        yield name, forward_of(load_torchscript(target / name))
    engine = importlib.import_module(f"ner_jobs.engines.{onnx_engine}")
    yield DYNAMIC_ONNX, engine.open_exported(target / DYNAMIC_ONNX).run


def _onnx_engine() -> str:
    """Find the backend that runs ONNX here: ONNX Runtime, else OpenVINO.

    Raises:
        PermanentError: neither is installed, so the ONNX form cannot be checked.
    """
    for name in ONNX_ENGINES:
        if importlib.util.find_spec(name):
            return name
    raise PermanentError(
        f"{DYNAMIC_ONNX} cannot be compared with the checkpoint: neither onnxruntime nor openvino is "
        "installed; install nerdeployment[onnxruntime] or nerdeployment[openvino]",
        ExitCode.CONFIGURATION,
    )
