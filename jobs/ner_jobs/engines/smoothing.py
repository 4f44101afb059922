"""SmoothQuant for the FFN of a transformer in ONNX: moves outliers of activations into the weights.

In the inputs of the FFN's two products a few channels are tens of times as
large as the others, and one range for all of them leaves the others few of the
256 steps. So each channel is divided by a factor, and its row of the weights
is multiplied by the same factor. In floats the graph computes the same, and
both sides of the product have smaller ranges. The division is a node of its
own, because other nodes (the residual) read the same input; it takes 1 to 2%
of the time.

A weight that several nodes read (layers that share weights) stays as it is: it
would be multiplied for all of them, and the input of one would be divided. The
new graph is compared with the old one before it is used.

An engine applies this while it compiles a recipe, so it belongs to the engines
and not to the search over recipes.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ner_jobs.engines.base import FloatArray, IntArray, feed
from ner_jobs.engines.onnx_models import open_model, open_session
from ner_jobs.task import ExitCode, PermanentError

ALPHA = 0.75
"""How much of a channel's range goes into the weights: 0 is none, 1 all of it.

Tried on the 12x384 encoder, dynamic int8: divergence from fp32 (KL, in 1e-4) 12.1 without smoothing, and
8.8 at 0.5, 3.2 at 0.65, 2.1 at 0.75, 3.4 at 0.85, 3.7 at 1; the FFN's down projections in fp32: 3.8.
"""

LEAST = 1e-5
"""The smallest range that is used: a channel that is always 0 has none."""

MOST = 1e3
"""The largest factor; the smallest is its inverse."""

WINDOWS_COMPARED = 16
"""Calibration windows on which the smoothed graph is compared with the old one."""

TOLERANCE = 1e-3
"""The largest difference of a logit, as a part of the largest logit; rounding stays far below."""


def smooth_ffn(path: Path, calibration: Sequence[IntArray]) -> onnx.ModelProto:
    """The model with smoothed inputs of its FFN's products.

    Args:
        path: of an exported graph in fp32.
        calibration: windows on which the channels' ranges are measured, int64 (length,) each.

    Returns:
        The same function, up to rounding.

    Raises:
        PermanentError: nothing can be smoothed, or the function would be another one.
    """
    model = open_model(path)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    products = _ffn_products(model.graph, weights)
    if not products:
        raise PermanentError(
            "no product of the FFN has weights of its own: layers that share weights cannot be smoothed",
            ExitCode.SOFTWARE,
        )
    ranges = _channel_ranges(model, list(products), calibration)
    for name, nodes in products.items():
        arrays = [numpy_helper.to_array(weights[node.input[1]]) for node in nodes]
        rows = np.max([np.abs(array).max(1) for array in arrays], axis=0)
        factors = smoothing_factors(ranges[name], rows)
        for node, array in zip(nodes, arrays, strict=True):
            scaled = numpy_helper.from_array(array * factors[:, None], node.input[1])
            weights[node.input[1]].CopyFrom(scaled)
        _divide(model.graph, name, nodes, factors)
    refuse_other_function(open_model(path), model, calibration)
    return model


def refuse_other_function(
    old: onnx.ModelProto, new: onnx.ModelProto, calibration: Sequence[IntArray]
) -> None:
    """Compare a rewritten model with the one that it was made from, in floats.

    Raises:
        PermanentError: their logits differ by more than rounding.
    """
    before, after = open_session(old), open_session(new)
    names = [item.name for item in before.get_inputs()]
    for window in calibration[:WINDOWS_COMPARED]:
        inputs = feed(names, window[None])
        (expected,), (found,) = before.run(None, inputs), after.run(None, inputs)
        difference, scale = float(np.abs(found - expected).max()), float(np.abs(expected).max())
        if not difference <= TOLERANCE * max(scale, 1.0):
            raise PermanentError(
                f"the smoothed graph is another function than the exported one: a logit differs by "
                f"{difference:.2g} in fp32",
                ExitCode.SOFTWARE,
            )


def smoothing_factors(channels: FloatArray, rows: FloatArray) -> FloatArray:
    """The factor by which each channel is divided.

    Args:
        channels: the largest magnitude of each channel of the activations.
        rows: the largest magnitude of each channel's row of the weights.

    Returns:
        float32 (channels,), around 1 in the geometric mean.
    """
    factors = np.maximum(channels, LEAST) ** ALPHA / np.maximum(rows, LEAST) ** (1 - ALPHA)
    factors = factors / np.exp(np.log(factors).mean())
    return np.asarray(np.clip(factors, 1 / MOST, MOST), np.float32)


def _ffn_products(graph: Any, weights: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The FFN's products, by the tensor that they read: their weights are at least twice as long as wide.

    Those whose weights another node reads too are left out.
    """
    readers = Counter(name for node in graph.node for name in node.input)
    found: dict[str, list[Any]] = defaultdict(list)
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in weights or readers[node.input[1]] > 1:
            continue
        shape = sorted(weights[node.input[1]].dims)
        if len(shape) == 2 and shape[1] >= 2 * shape[0]:
            found[node.input[0]].append(node)
    return dict(found)


def _channel_ranges(
    model: onnx.ModelProto, names: list[str], calibration: Sequence[IntArray]
) -> dict[str, FloatArray]:
    """The largest magnitude of each channel of these tensors over the calibration windows."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    del shown.graph.output[:]
    shown.graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names
    )
    session = open_session(shown)
    inputs = [item.name for item in session.get_inputs()]
    ranges: dict[str, FloatArray] = {}
    for window in calibration:
        values = session.run(names, feed(inputs, window[None]))
        for name, value in zip(names, values, strict=True):
            largest = np.abs(value).reshape(-1, value.shape[-1]).max(0)
            ranges[name] = np.maximum(ranges[name], largest) if name in ranges else largest
    return ranges


def _divide(graph: Any, name: str, nodes: list[Any], factors: FloatArray) -> None:
    """Make these nodes read the tensor divided by the factors."""
    inverse, divided = f"{name}.inverse", f"{name}.smoothed"
    graph.initializer.append(numpy_helper.from_array((1 / factors).astype(np.float32), inverse))
    first = min(at for at, node in enumerate(graph.node) if node in nodes)
    graph.node.insert(first, helper.make_node("Mul", [name, inverse], [divided], name=f"{name}.smooth"))
    for node in nodes:
        node.input[0] = divided
