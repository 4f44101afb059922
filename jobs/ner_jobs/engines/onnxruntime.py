"""ONNX Runtime on CPU: fp32, and int8 dynamic or static.

Dynamic quantization per channel needs no calibration: each tensor's range is
measured when it is computed, which large activations need. Static quantization
with one range a tensor fails: an outlier of the FFN decides the range of its
whole layer, and F1 collapses. That recipe (`naive`) is compiled only if the
spec names it. The static recipe of the search leaves the down projections in
fp32.

`quantize_static` inserts nothing into a graph whose attention is fused, and
reports no error. So quantization starts from the plain graph, the engine fuses
when it loads, and the integer products of the graph that it runs are counted.
Percentile and entropy calibration fail on windows of unequal lengths, so
ranges are minima and maxima. Without VNNI a sum of two 8-bit products can
saturate 16 bits: weights then keep 7 bits (`reduce_range`).
"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from ner_jobs.engines.base import FloatArray, IntArray, Recipe, feed, refuse_options
from ner_jobs.engines.onnxruntime_products import effective_precision, open_profiled
from ner_jobs.host import has_vnni, versions
from ner_jobs.task import ExitCode, PermanentError

EXPORTED = "dynamic.onnx"
MODEL = "model.onnx"
FACTS = "onnxruntime.json"

NOT_FUSED = ("SkipLayerNormFusion", "BiasSkipLayerNormFusion")
"""Optimizers of the engine that are switched off: the fused layer norm takes four times as long as the
addition and the layer norm that it replaces (1.32, 12x384 encoder: 8% of all time)."""

FP32 = Recipe("fp32", "fp32", "the exported graph, fused by the engine")
DYNAMIC = Recipe(
    "dynamic-per-channel", "int8", "weights per channel, each activation by its range when it is computed"
)
DYNAMIC_SMOOTH_FFN = Recipe(
    "dynamic-smooth-ffn",
    "int8",
    "the same, outliers of the FFN's inputs moved into its weights (SmoothQuant)",
    needs_calibration=True,
)
DYNAMIC_WIDE_FFN = Recipe(
    "dynamic-wide-ffn",
    "int8",
    "dynamic per channel, the FFN's down projections left in fp32",
)
STATIC = Recipe(
    "static-per-channel",
    "int8",
    "weights per channel, activations by the range of the calibration set, down projections in fp32",
    needs_calibration=True,
)
NAIVE = Recipe(
    "naive",
    "int8",
    "static, one range a tensor: collapses on outliers of the FFN",
    searched=False,
    needs_calibration=True,
)
RECIPES = {"fp32": (FP32,), "int8": (DYNAMIC, DYNAMIC_SMOOTH_FFN, DYNAMIC_WIDE_FFN, STATIC, NAIVE)}


class OnnxRuntimeBackend:
    """The backend `onnxruntime`."""

    name = "onnxruntime"

    def recipes(self, precision: str) -> Sequence[Recipe]:
        """fp32; int8 in the order of expected speed."""
        return RECIPES.get(precision, ())

    def unsupported(self, recipe: Recipe) -> str:
        """Every recipe runs on every CPU: int8 without VNNI keeps weights of 7 bits."""
        return ""

    def required_features(self, recipe: Recipe) -> tuple[str, ...]:
        """VNNI, if weights of 8 bits are compiled because this processor has it."""
        return ("vnni",) if recipe.precision == "int8" and has_vnni() else ()

    def compile(
        self,
        exported: Path,
        recipe: Recipe,
        calibration: Sequence[IntArray],
        target: Path,
        options: Mapping[str, str],
    ) -> None:
        """Write `model.onnx`, and a record of the products that the engine runs.

        Raises:
            PermanentError: int8 was asked for, and nothing was quantized.
        """
        refuse_options(self.name, options)
        source, path = exported / EXPORTED, target / MODEL
        if recipe == FP32:
            _copy(source, path)
        elif recipe in (DYNAMIC, DYNAMIC_SMOOTH_FFN, DYNAMIC_WIDE_FFN):
            _quantize_dynamic(source, path, recipe, calibration)
        else:
            _quantize_static(source, path, recipe, calibration)
        session = OnnxRuntimeSession(path, threads=1)
        if session.effective_precision != recipe.precision:
            raise PermanentError(
                f"ONNX Runtime quantized nothing with recipe {recipe.name}: the graph that it runs has no "
                "integer product; use dynamic-per-channel, or another precision",
                ExitCode.SOFTWARE,
            )
        facts = {"precision": session.effective_precision, "products": session.products}
        (target / FACTS).write_text(json.dumps(facts, indent=1) + "\n")

    def load(self, folder: Path, threads: int = 1) -> "OnnxRuntimeSession":
        """Open the model.

        Raises:
            PermanentError: the engine does not run it in the precision that was compiled.
        """
        compiled = json.loads((folder / FACTS).read_text())["precision"]
        session = OnnxRuntimeSession(folder / MODEL, threads)
        if session.effective_precision != compiled:
            raise PermanentError(
                f"ONNX Runtime runs {folder} in {session.effective_precision}, {compiled} was compiled; "
                "compile it again",
                ExitCode.SOFTWARE,
            )
        return session

    def versions(self) -> dict[str, str]:
        """Of onnxruntime, and of onnx, which writes the graphs."""
        return versions(("onnxruntime", "onnx"))


class OnnxRuntimeSession:
    """A loaded graph.

    Attributes:
        products: how many operators of the running graph multiply, by operator name.
        weights: how many weights they multiply, by precision.
    """

    fixed_length: int | None = None
    length_step = 1

    def __init__(self, path: Path, threads: int) -> None:
        self._session, found = open_profiled(path, _options(threads), NOT_FUSED)
        self.products, self.weights = found.counts, found.weights
        self.effective_precision = effective_precision(self.products)
        self._names = [item.name for item in self._session.get_inputs()]

    def run(self, input_ids: IntArray, attention_mask: IntArray) -> FloatArray:
        """float32 (batch, length, labels) of int64 (batch, length)."""
        (logits,) = self._session.run(None, feed(self._names, input_ids, attention_mask))
        return np.asarray(logits, np.float32)


def open_exported(path: Path) -> OnnxRuntimeSession:
    """An exported graph as it is, in fp32."""
    return OnnxRuntimeSession(path, threads=1)


class _Reader:
    """Windows one by one, each its own length: implements `CalibrationDataReader`."""

    def __init__(self, calibration: Sequence[IntArray], names: Sequence[str]) -> None:
        self._windows: Iterator[dict[str, IntArray]] = (feed(names, window[None]) for window in calibration)

    def get_next(self) -> dict[str, IntArray] | None:
        """The next window, or None at the end."""
        return next(self._windows, None)


def _copy(source: Path, target: Path) -> None:
    from ner_jobs.engines.onnx_models import copy_model

    copy_model(source, target)


def _quantize_dynamic(source: Path, path: Path, recipe: Recipe, calibration: Sequence[IntArray]) -> None:
    # Imported here: it takes a second, and a process that only runs a graph does not need it.
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from ner_jobs.engines.onnx_models import is_large, open_model
    from ner_jobs.engines.smoothing import smooth_ffn

    model = smooth_ffn(source, calibration) if recipe == DYNAMIC_SMOOTH_FFN else open_model(source)
    quantize_dynamic(
        model,
        str(path),
        op_types_to_quantize=["MatMul"],
        nodes_to_exclude=_sensitive(model.graph) if recipe == DYNAMIC_WIDE_FFN else [],
        per_channel=True,
        reduce_range=not has_vnni(),
        weight_type=QuantType.QInt8,
        use_external_data_format=is_large(model),
    )


def _quantize_static(source: Path, path: Path, recipe: Recipe, calibration: Sequence[IntArray]) -> None:
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from ner_jobs.engines.onnx_models import is_large, open_model

    model = open_model(source)
    large = is_large(model)
    with tempfile.TemporaryDirectory(prefix="nerd-shaped-") as folder:
        shaped = str(Path(folder, "shaped.onnx"))
        # Symbolic shapes of open lengths cannot be inferred, and the attempt fails.
        quant_pre_process(
            model,
            shaped,
            skip_optimization=True,
            skip_symbolic_shape=True,
            save_as_external_data=large,
            all_tensors_to_one_file=True,
            external_data_location="shaped.onnx.data",
        )
        graph = onnx.load(shaped, load_external_data=False).graph
        quantize_static(
            shaped,
            str(path),
            _Reader(calibration, [item.name for item in graph.input]),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["MatMul"],
            nodes_to_exclude=_sensitive(graph) if recipe == STATIC else [],
            use_external_data_format=large,
            per_channel=recipe == STATIC,
            reduce_range=not has_vnni(),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )


def _sensitive(graph: Any) -> list[str]:
    """Products of two activations, and the FFN's down projections: weights at least twice as long as wide."""
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    found = []
    for node in graph.node:
        if node.op_type != "MatMul":
            continue
        shape = weights.get(node.input[1])
        if shape is None or len(shape) != 2 or shape[0] >= 2 * shape[1]:
            found.append(node.name)
    return found


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    return options
