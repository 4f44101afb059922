"""Which operators multiply in a loaded session of ONNX Runtime.

The engine fuses and replaces operators when it loads a graph, so neither the
file nor the record of a compilation says what runs. The profile of one run
lists the kernels of the session itself.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from ner_jobs.engines.base import feed

INTEGER_PRODUCTS = frozenset(
    {
        "MatMulInteger",
        "MatMulIntegerToFloat",
        "DynamicQuantizeMatMul",
        "QLinearMatMul",
        "QGemm",
        "QAttention",
    }
)
"""Operators that multiply in integers."""

FLOAT_PRODUCTS = frozenset({"MatMul", "FusedMatMul", "Gemm", "FusedGemm", "Attention", "MultiHeadAttention"})

FUSED_ATTENTION = frozenset({"Attention", "QAttention"})
"""Products with the weights of query, key and value at once."""

KERNEL = "_kernel_time"
"""How the name of an event ends that is the run of an operator."""


@dataclass(frozen=True, slots=True)
class Products:
    """The operators of a loaded graph that multiply.

    Attributes:
        counts: how many there are, by operator name.
        weights: how many weights they multiply, by precision.
    """

    counts: dict[str, int]
    weights: dict[str, int]


def open_profiled(
    path: Path, options: onnxruntime.SessionOptions, disabled_optimizers: Iterable[str]
) -> tuple[onnxruntime.InferenceSession, Products]:
    """Open a graph, and run one small window to see what multiplies.

    Args:
        path: of the graph.
        options: of the session; profiling ends before this function returns.
        disabled_optimizers: of the engine.

    Returns:
        The session, and its operators that multiply.
    """
    with tempfile.TemporaryDirectory(prefix="nerd-profile-") as folder:
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "run"))
        session = onnxruntime.InferenceSession(
            str(path),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=[*disabled_optimizers],
        )
        names = [item.name for item in session.get_inputs()]
        session.run(None, feed(names, np.zeros((1, 2), np.int64)))
        events = json.loads(Path(session.end_profiling()).read_text())
    return session, read_products(events)


def read_products(events: Iterable[Mapping[str, Any]]) -> Products:
    """Find the operators that multiply in a profile of one run."""
    counts, weights = Counter[str](), Counter[str]()
    for event in events:
        if event.get("cat") != "Node" or not str(event["name"]).endswith(KERNEL):
            continue
        name = event["args"]["op_name"]
        if name in INTEGER_PRODUCTS | FLOAT_PRODUCTS:
            counts[name] += 1
            weights["int8" if name in INTEGER_PRODUCTS else "fp32"] += _weights_of(name, event["args"])
    return Products(dict(sorted(counts.items())), dict(sorted((+weights).items())))


def _weights_of(name: str, arguments: Mapping[str, Any]) -> int:
    """How many weights a product has; 0 if both factors are activations.

    The engine packs weights when it loads a graph, and the profile does not list a packed input. So the
    number is that of the channels that go in, times those that come out.
    """
    inputs, outputs = (
        [shape for item in arguments[f"{side}_type_shape"] for shape in item.values()]
        for side in ("input", "output")
    )
    if not inputs or not inputs[0] or not outputs:
        return 0
    weights = int(inputs[0][-1]) * int(outputs[0][-1])
    if name in FUSED_ATTENTION:
        return 3 * weights
    return 0 if any(len(shape) > 2 for shape in inputs[1:]) else weights


def effective_precision(products: Mapping[str, int]) -> str:
    """int8 if any operator multiplies in integers; otherwise the CPU provider runs in fp32."""
    return "int8" if any(products.get(name) for name in INTEGER_PRODUCTS) else "fp32"
