"""OpenVINO on CPU: true fp32, bf16, and int8 by NNCF.

The engine chooses its own precision unless told: an fp32 model runs in bf16
on processors that have it. The hint is set, read back from the compiled
model, and a mismatch is an error.

NNCF without a model type quantizes the input of the FFN's down projection per
tensor, whose outliers cost 45 points of F1 and more; with
`ModelType.TRANSFORMER` and SmoothQuant they are moved into the weights. The
former is here by name, to be seen.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# NNCF reports its use over the network unless this is set before it is imported:
# https://github.com/openvinotoolkit/telemetry
os.environ.setdefault("NNCF_TELEMETRY", "OFF")
os.environ.setdefault("OPENVINO_TELEMETRY", "OFF")

import openvino

from ner_jobs.backends.base import Calibration, FloatArray, IntArray, Recipe
from ner_jobs.backends.graph_inputs import feed, refuse_options
from ner_jobs.host import cpu_features, versions
from ner_jobs.task import ExitCode, PermanentError

EXPORTED = "dynamic.onnx"
MODEL = "model.xml"
FACTS = "openvino.json"

HINTS = {"fp32": "f32", "bf16": "bf16"}
"""What the engine calls the precisions of what is not quantized."""

RECIPES = {
    "fp32": (Recipe("fp32", "fp32", "everything in fp32"),),
    "bf16": (Recipe("bf16", "bf16", "everything that the engine can in bf16"),),
    "int8": (
        Recipe(
            "transformer-bf16",
            "int8",
            "NNCF for transformers with SmoothQuant, the rest in bf16",
            needs_calibration=True,
        ),
        Recipe(
            "transformer-fp32",
            "int8",
            "NNCF for transformers with SmoothQuant, the rest in fp32",
            needs_calibration=True,
        ),
        Recipe(
            "transformer-wide-ffn",
            "int8",
            "the same, the FFN's down projections left in fp32",
            needs_calibration=True,
        ),
        Recipe(
            "naive",
            "int8",
            "NNCF without a model type: collapses on outliers of the FFN",
            searched=False,
            needs_calibration=True,
        ),
    ),
}


class OpenVinoBackend:
    """The backend `openvino`."""

    name = "openvino"

    def recipes(self, precision: str) -> Sequence[Recipe]:
        """fp32, bf16, and int8 in the order of expected speed; bf16 only where the processor has it."""
        return RECIPES.get(precision, ())

    def compile(
        self,
        exported: Path,
        recipe: Recipe,
        calibration: Calibration,
        target: Path,
        options: Mapping[str, str],
    ) -> None:
        """Write `model.xml` and `model.bin`, and the precision of what is not quantized."""
        refuse_options(self.name, options)
        model = openvino.Core().read_model(exported / EXPORTED)
        rest = "fp32"
        if recipe.precision == "bf16" or recipe.name == "transformer-bf16":
            rest = "bf16" if _has_bf16() else "fp32"
            if recipe.precision == "bf16" and rest != "bf16":
                raise PermanentError(
                    "this processor has no bf16 (avx512_bf16 or amx_bf16), OpenVINO would run fp32; "
                    "choose fp32 or int8",
                    ExitCode.CONFIGURATION,
                )
        if recipe.precision == "int8":
            model = _quantized(model, recipe, calibration)
        openvino.save_model(model, target / MODEL, compress_to_fp16=False)
        facts = {"precision": recipe.precision, "rest": rest}
        (target / FACTS).write_text(json.dumps(facts, indent=1) + "\n")

    def load(self, folder: Path, threads: int = 1) -> "OpenVinoSession":
        """Open the model.

        Raises:
            PermanentError: the engine does not run it in the precision that was compiled.
        """
        facts = json.loads((folder / FACTS).read_text())
        session = OpenVinoSession(folder / MODEL, HINTS[facts["rest"]], threads)
        if session.effective_precision != facts["precision"]:
            raise PermanentError(
                f"OpenVINO runs in {session.effective_precision} on this host, {facts['precision']} was "
                "compiled; compile it on this kind of processor",
                ExitCode.SOFTWARE,
            )
        return session

    def versions(self) -> dict[str, str]:
        """openvino, and nncf which quantizes."""
        return versions(("openvino", "nncf"))


class OpenVinoSession:
    """A compiled graph with one request, on a given number of threads."""

    fixed_length: int | None = None

    def __init__(self, path: Path, hint: str, threads: int) -> None:
        core = openvino.Core()
        self._compiled = core.compile_model(
            core.read_model(path),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": hint,
                "INFERENCE_NUM_THREADS": threads,
                "NUM_STREAMS": 1,
            },
        )
        self._names = [item.get_any_name() for item in self._compiled.inputs]
        self._request = self._compiled.create_infer_request()
        self.effective_precision = self._read_back(hint)

    def run(self, input_ids: IntArray, attention_mask: IntArray) -> FloatArray:
        """float32 (batch, length, labels) of int64 (batch, length)."""
        found = self._request.infer(feed(self._names, input_ids, attention_mask), share_inputs=True)
        return np.array(found[0], np.float32)

    def _read_back(self, asked: str) -> str:
        """What the engine does: its hint, and what the products of the executed graph run in."""
        hint = self._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        if hint != asked:
            return f"hint {hint}"
        products = [
            operation.get_rt_info()["runtimePrecision"].astype(str)
            for operation in self._compiled.get_runtime_model().get_ops()
            if operation.get_rt_info()["layerType"].astype(str) in ("FullyConnected", "MatMul")
        ]
        if any(kind in ("i8", "u8", "I8", "U8") for kind in products):
            return "int8"
        return {"bf16": "bf16", "f32": "fp32"}[hint]


def _quantized(model: Any, recipe: Recipe, calibration: Calibration) -> Any:
    # NNCF takes seconds to import: only whoever quantizes pays.
    import nncf

    names = [item.get_any_name() for item in model.inputs]
    windows = [feed(names, input_ids, attention_mask) for input_ids, attention_mask in calibration]
    data = nncf.Dataset(windows)
    if recipe.name == "naive":
        return nncf.quantize(model, data, subset_size=len(windows))
    ignored = None
    if recipe.name == "transformer-wide-ffn":
        ignored = nncf.IgnoredScope(names=_down_projections(model))
    vnni = any("vnni" in feature for feature in cpu_features())
    fix = nncf.OverflowFix.DISABLE if vnni else nncf.OverflowFix.ENABLE
    return nncf.quantize(
        model,
        data,
        subset_size=len(windows),
        model_type=nncf.ModelType.TRANSFORMER,
        ignored_scope=ignored,
        advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=fix),
    )


def _down_projections(model: Any) -> list[str]:
    """Products whose constant operand has more rows in than out: the FFN's second layer."""
    found = []
    for operation in model.get_ops():
        if operation.get_type_name() != "MatMul":
            continue
        weights = operation.input_value(1)
        shape = weights.get_partial_shape()
        if weights.get_node().get_type_name() not in ("Constant", "Transpose", "Convert") or shape.is_dynamic:
            continue
        inner, outer = list(shape.to_shape())[-2:]
        if operation.get_attributes().get("transpose_b"):
            inner, outer = outer, inner
        if inner >= 2 * outer and outer > 64:
            found.append(operation.get_friendly_name())
    return found


def _has_bf16() -> bool:
    return any(feature in ("avx512_bf16", "amx_bf16", "bf16") for feature in cpu_features())
