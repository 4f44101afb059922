"""ONNX Runtime on CPU: fp32, and int8 dynamic or static.

Dynamic quantization per channel needs no calibration and keeps what large
activations need: each tensor's range is taken as it comes. Static per tensor
does not: one outlier of the FFN decides the range of its whole layer, and F1
is gone; it is here by name, to be seen.

`quantize_static` on a graph whose attention is fused inserts nothing and says
nothing, so quantized nodes are counted. Percentile and entropy calibration
fail on windows of unequal lengths, so ranges are minima and maxima.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from ner_jobs.backends.base import Calibration, FloatArray, IntArray, Recipe
from ner_jobs.backends.graph_inputs import copy_folder_files, feed, refuse_options
from ner_jobs.host import cpu_features, versions
from ner_jobs.task import ExitCode, PermanentError

EXPORTED = "dynamic.onnx"
MODEL = "model.onnx"
FACTS = "onnxruntime.json"

INTEGER_OPERATORS = frozenset(
    {"MatMulInteger", "DynamicQuantizeMatMul", "QLinearMatMul", "MatMulIntegerToFloat", "QAttention"}
)
"""Operators of a loaded graph that multiply in integers."""

RECIPES = {
    "fp32": (Recipe("fp32", "fp32", "the exported graph, fused by the engine"),),
    "int8": (
        Recipe("dynamic-per-channel", "int8", "weights per channel, activations by their range as they come"),
        Recipe(
            "static-per-channel",
            "int8",
            "weights per channel, activations by the range of the calibration set",
            needs_calibration=True,
        ),
        Recipe(
            "naive",
            "int8",
            "static, one range a tensor: collapses on outliers of the FFN",
            searched=False,
            needs_calibration=True,
        ),
    ),
}


class OnnxRuntimeBackend:
    """The backend `onnxruntime`."""

    name = "onnxruntime"

    def recipes(self, precision: str) -> Sequence[Recipe]:
        """fp32; int8 dynamic first, which is the fastest and needs no calibration."""
        return RECIPES.get(precision, ())

    def compile(
        self,
        exported: Path,
        recipe: Recipe,
        calibration: Calibration,
        target: Path,
        options: Mapping[str, str],
    ) -> None:
        """Write `model.onnx`, and what the engine makes of it.

        Raises:
            PermanentError: nothing was quantized although int8 was asked for.
        """
        refuse_options(self.name, options)
        source, path = exported / EXPORTED, target / MODEL
        # Without VNNI two products of 8 bits saturate 16: weights keep 7 bits.
        reduce_range = not any("vnni" in feature for feature in cpu_features())
        if recipe.precision == "fp32":
            copy_folder_files(exported, target, [EXPORTED])
            (target / EXPORTED).rename(path)
        elif recipe.name == "dynamic-per-channel":
            quantize_dynamic(
                str(source),
                str(path),
                op_types_to_quantize=["MatMul"],
                per_channel=True,
                reduce_range=reduce_range,
                weight_type=QuantType.QInt8,
            )
        else:
            quantize_static(
                str(source),
                str(path),
                _Reader(calibration, _input_names(source)),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["MatMul"],
                per_channel=recipe.name == "static-per-channel",
                reduce_range=reduce_range,
                activation_type=QuantType.QInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
            )
        integer = _integer_operators(path, target / "optimized.onnx")
        if recipe.precision == "int8" and not sum(integer.values()):
            raise PermanentError(
                f"ONNX Runtime quantized nothing with recipe {recipe.name}: the loaded graph has no integer "
                "product; use dynamic-per-channel",
                ExitCode.SOFTWARE,
            )
        facts = {"precision": recipe.precision, "integerOperators": dict(sorted(integer.items()))}
        (target / FACTS).write_text(json.dumps(facts, indent=1) + "\n")

    def load(self, folder: Path, threads: int = 1) -> "OnnxRuntimeSession":
        """Open the model.

        Raises:
            PermanentError: the folder says int8 and counts no integer product.
        """
        facts = json.loads((folder / FACTS).read_text())
        precision = "int8" if sum(facts["integerOperators"].values()) else "fp32"
        if precision != facts["precision"]:
            raise PermanentError(
                f"{folder} runs in {precision}, {facts['precision']} was compiled", ExitCode.SOFTWARE
            )
        return OnnxRuntimeSession(folder / MODEL, precision, threads)

    def versions(self) -> dict[str, str]:
        """onnxruntime, and onnx which writes the graphs."""
        return versions(("onnxruntime", "onnx"))


class OnnxRuntimeSession:
    """A loaded graph."""

    fixed_length: int | None = None

    def __init__(self, path: Path, precision: str, threads: int) -> None:
        self.effective_precision = precision
        options = _options(threads)
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._names = [item.name for item in self._session.get_inputs()]

    def run(self, input_ids: IntArray, attention_mask: IntArray) -> FloatArray:
        """float32 (batch, length, labels) of int64 (batch, length)."""
        (logits,) = self._session.run(None, feed(self._names, input_ids, attention_mask))
        return np.asarray(logits, np.float32)


def open_model(path: Path, threads: int = 1) -> OnnxRuntimeSession:
    """An exported graph as it is, in fp32."""
    return OnnxRuntimeSession(path, "fp32", threads)


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Windows one by one, each its own length."""

    def __init__(self, calibration: Calibration, names: Sequence[str]) -> None:
        self._windows: Iterator[dict[str, IntArray]] = (
            feed(names, input_ids, attention_mask) for input_ids, attention_mask in calibration
        )

    def get_next(self) -> dict[str, IntArray] | None:
        """The next window, or None at the end: the protocol of ONNX Runtime."""
        return next(self._windows, None)


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    return options


def _input_names(path: Path) -> list[str]:
    return [item.name for item in onnx.load(str(path), load_external_data=False).graph.input]


def _integer_operators(path: Path, optimized: Path) -> Counter[str]:
    """Count what the engine multiplies in integers, in the graph that it really loads."""
    options = _options(1)
    options.optimized_model_filepath = str(optimized)
    try:
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        graph = onnx.load(str(optimized)).graph
    finally:
        optimized.unlink(missing_ok=True)
    return Counter(node.op_type for node in graph.node if node.op_type in INTEGER_OPERATORS)
