"""OpenVINO on CPU: true fp32, bf16, and int8 by NNCF.

By default the engine chooses its own precision: an fp32 model runs in bf16 on
processors that have it. So the hint is set, and the precisions of the products
are read back from the executed graph; a mismatch is an error. The hint f16 is
not offered, because the engine turns it into bf16 on a CPU.

NNCF without a model type quantizes the input of the FFN's down projection per
tensor. The outliers of that input then cost 45 points of F1 and more; with
`ModelType.TRANSFORMER` and SmoothQuant they are moved into the weights. The
recipe without (`naive`) is compiled only if the spec names it.
"""

import contextlib
import io
import json
import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from ner_jobs.engines.base import FloatArray, IntArray, Recipe, feed, refuse_options
from ner_jobs.host import has_bf16, has_vnni, versions
from ner_jobs.task import ExitCode, PermanentError

EXPORTED = "dynamic.onnx"
MODEL = "model.xml"
FACTS = "openvino.json"

HINTS = {"fp32": "f32", "bf16": "bf16"}
"""The engine's names for the precisions of the products that are not quantized."""

PRECISIONS = {"f32": "fp32", "bf16": "bf16", "f16": "fp16", "i8": "int8", "u8": "int8"}
"""Precisions of products in the executed graph, by the engine's names."""

PRODUCTS = ("FullyConnected", "MatMul")

SMOOTHING = 0.85
"""How much of a channel's range SmoothQuant moves into the weights; NNCF's default is 0.95.

Tried on the 12x384 encoder: divergence from fp32 (KL, in 1e-4) 2.6 at 0.95, 2.0 at 0.85, 2.4 at 0.75, 6.2 at
0.6; with weights of 7 bits 4.8 at 0.95 and 2.8 at 0.75.
"""

FP32 = Recipe("fp32", "fp32", "everything in fp32")
BF16 = Recipe("bf16", "bf16", "products in bf16")
TRANSFORMER_BF16 = Recipe(
    "transformer-bf16",
    "int8",
    "NNCF for transformers with SmoothQuant, the rest in bf16",
    needs_calibration=True,
)
TRANSFORMER_FP32 = Recipe(
    "transformer-fp32",
    "int8",
    "NNCF for transformers with SmoothQuant, the rest in fp32",
    needs_calibration=True,
)
TRANSFORMER_7_BITS = Recipe(
    "transformer-7-bits",
    "int8",
    "the same with weights of 7 bits, whose sums of products never saturate",
    needs_calibration=True,
)
TRANSFORMER_WIDE_FFN = Recipe(
    "transformer-wide-ffn",
    "int8",
    "NNCF for transformers with SmoothQuant, the rest in fp32, and the FFN's down projections too",
    needs_calibration=True,
)
NAIVE = Recipe(
    "naive",
    "int8",
    "NNCF without a model type: collapses on outliers of the FFN",
    searched=False,
    needs_calibration=True,
)

RECIPES = {
    "fp32": (FP32,),
    "bf16": (BF16,),
    "int8": (TRANSFORMER_BF16, TRANSFORMER_FP32, TRANSFORMER_7_BITS, TRANSFORMER_WIDE_FFN, NAIVE),
}
IN_BF16 = (BF16, TRANSFORMER_BF16)

# The first tensor of a process initialises the Python bindings. Two threads that create it at the same time
# can deadlock (OpenVINO 2026.4), so it is created here, under the import lock.
openvino.Tensor(np.zeros(1, np.int64))


class OpenVinoBackend:
    """The backend `openvino`."""

    name = "openvino"

    def recipes(self, precision: str) -> Sequence[Recipe]:
        """fp32, bf16, and int8 in the order of expected speed."""
        return RECIPES.get(precision, ())

    def unsupported(self, recipe: Recipe) -> str:
        """bf16 needs a processor that has it, or the engine takes fp32; 7 bits are for those without VNNI."""
        if recipe == TRANSFORMER_7_BITS and has_vnni():
            return "this processor has VNNI, which never saturates: 8 bits lose less and take no longer"
        if recipe not in IN_BF16 or has_bf16():
            return ""
        return (
            "this processor has no bf16 (avx512_bf16 or amx_bf16), and OpenVINO would run fp32 instead; "
            "write fp32 or int8, or take bf16 on the runtime cpu-torchscript"
        )

    def required_features(self, recipe: Recipe) -> tuple[str, ...]:
        """bf16 where products run in it; VNNI if int8 was measured on a processor that has it."""
        bf16 = ("bf16",) if recipe in IN_BF16 else ()
        return (*bf16, "vnni") if recipe.precision == "int8" and has_vnni() else bf16

    def compile(
        self,
        exported: Path,
        recipe: Recipe,
        calibration: Sequence[IntArray],
        target: Path,
        options: Mapping[str, str],
    ) -> None:
        """Write `model.xml` and `model.bin`, and the precision of what is not quantized."""
        refuse_options(self.name, options)
        model = openvino.Core().read_model(exported / EXPORTED)
        if recipe.precision == "int8":
            model = _quantized(model, recipe, calibration)
        openvino.save_model(model, target / MODEL, compress_to_fp16=False)
        facts = {"precision": recipe.precision, "rest": "bf16" if recipe in IN_BF16 else "fp32"}
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
        """Of openvino, and of nncf, which quantizes."""
        return versions(("openvino", "nncf"))


class OpenVinoSession:
    """A compiled graph with one request, on a given number of threads.

    Attributes:
        products: how many products of the executed graph run in each precision.
        weights: how many weights they multiply.
    """

    fixed_length: int | None = None
    length_step = 8

    def __init__(self, path: Path, hint: str, threads: int) -> None:
        core = openvino.Core()
        # With pinning, N processes of one thread each would all run on the same processor.
        self._compiled = core.compile_model(
            core.read_model(path),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": hint,
                "INFERENCE_NUM_THREADS": threads,
                "NUM_STREAMS": 1,
                "ENABLE_CPU_PINNING": False,
            },
        )
        self._names = [item.get_any_name() for item in self._compiled.inputs]
        self._request = self._compiled.create_infer_request()
        self.products, self.weights = self._read_back()
        self.effective_precision = _effective(self.products, self._hint(), hint)

    def run(self, input_ids: IntArray, attention_mask: IntArray) -> FloatArray:
        """float32 (batch, length, labels) of int64 (batch, length)."""
        found = self._request.infer(feed(self._names, input_ids, attention_mask), share_inputs=True)
        return np.array(found[0], np.float32)

    def _hint(self) -> str:
        return str(self._compiled.get_property("INFERENCE_PRECISION_HINT").to_string())

    def _read_back(self) -> tuple[dict[str, int], dict[str, int]]:
        """The products of the executed graph and their weights, by the precision that they run in."""
        products, weights = Counter[str](), Counter[str]()
        for operation in self._compiled.get_runtime_model().get_ops():
            about = operation.get_rt_info()
            if about["layerType"].astype(str) in PRODUCTS:
                name = about["runtimePrecision"].astype(str)
                kind = PRECISIONS.get(name, name)
                products[kind] += 1
                shape = operation.input_value(1).get_partial_shape()
                # The second factor of other products is an activation, whose shape is open.
                if shape.is_static and len(shape) == 2:
                    weights[kind] += math.prod(shape.to_shape())
        return dict(sorted(products.items())), dict(sorted(weights.items()))


def open_exported(path: Path) -> OpenVinoSession:
    """Open an exported graph without changes, in true fp32."""
    return OpenVinoSession(path, HINTS["fp32"], threads=1)


def _effective(products: Mapping[str, int], hint: str, asked: str) -> str:
    """int8 if products are quantized, otherwise the precision in which all of them run."""
    if hint != asked:
        return f"the hint {hint} instead of {asked}"
    if products.get("int8"):
        return "int8"
    if len(products) == 1:
        return next(iter(products))
    return " and ".join(f"{kind} ({count} products)" for kind, count in products.items()) or "nothing at all"


def _quantized(model: Any, recipe: Recipe, calibration: Sequence[IntArray]) -> Any:
    # NNCF prints progress bars to standard output, which belongs to the runner.
    with contextlib.redirect_stdout(io.StringIO()):
        return _quantize(model, recipe, calibration)


def _quantize(model: Any, recipe: Recipe, calibration: Sequence[IntArray]) -> Any:
    import nncf

    nncf.set_log_level(logging.ERROR)
    names = [item.get_any_name() for item in model.inputs]
    windows = [feed(names, window[None]) for window in calibration]
    data = nncf.Dataset(windows)
    if recipe == NAIVE:
        return nncf.quantize(model, data, subset_size=len(windows))
    ignored = nncf.IgnoredScope(names=_down_projections(model)) if recipe == TRANSFORMER_WIDE_FFN else None
    # Without VNNI a sum of two 8-bit products may saturate 16 bits, but rarely does; 7 bits always cost F1.
    fix = nncf.OverflowFix.ENABLE if recipe == TRANSFORMER_7_BITS else nncf.OverflowFix.DISABLE
    return nncf.quantize(
        model,
        data,
        subset_size=len(windows),
        model_type=nncf.ModelType.TRANSFORMER,
        ignored_scope=ignored,
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            overflow_fix=fix, smooth_quant_alphas=nncf.AdvancedSmoothQuantParameters(matmul=SMOOTHING)
        ),
    )


def _down_projections(model: Any) -> list[str]:
    """Products with a constant that is at least twice as long as wide: the FFN's second layer.

    The classifier is one of them. It is small, so it stays in fp32 with the others.
    """
    found = []
    for operation in model.get_ops():
        if operation.get_type_name() != "MatMul":
            continue
        weights = operation.input_value(1)
        shape = weights.get_partial_shape()
        if shape.is_dynamic or len(shape) != 2:
            continue
        inner, outer = list(shape.to_shape())
        if operation.get_attributes().get("transpose_b"):
            inner, outer = outer, inner
        if inner >= 2 * outer:
            found.append(operation.get_friendly_name())
    return found
