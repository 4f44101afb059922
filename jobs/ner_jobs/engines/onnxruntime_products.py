"""Which operators multiply in a loaded session of ONNX Runtime.

The engine fuses and replaces operators when it loads a graph, so neither the
file nor the record of a compilation says what runs. The profile of one run
lists the kernels of the session itself.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
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

KERNEL = "_kernel_time"
"""How the name of an event ends that is the run of an operator."""


def open_profiled(
    path: Path, options: onnxruntime.SessionOptions, disabled_optimizers: Iterable[str]
) -> tuple[onnxruntime.InferenceSession, dict[str, int]]:
    """Open a graph, and run one small window to see what multiplies.

    Args:
        path: of the graph.
        options: of the session; profiling ends before this function returns.
        disabled_optimizers: of the engine.

    Returns:
        The session, and how many of its operators multiply, by operator name.
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
    return session, count_products(events)


def count_products(events: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Count the operators that multiply in a profile of one run."""
    found = Counter(
        event["args"]["op_name"]
        for event in events
        if event.get("cat") == "Node" and str(event["name"]).endswith(KERNEL)
    )
    return {name: found[name] for name in sorted(found) if name in INTEGER_PRODUCTS | FLOAT_PRODUCTS}


def effective_precision(products: Mapping[str, int]) -> str:
    """int8 if any operator multiplies in integers; otherwise the CPU provider runs in fp32."""
    return "int8" if any(products.get(name) for name in INTEGER_PRODUCTS) else "fp32"
