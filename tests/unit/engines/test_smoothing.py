"""Smoothing: the same function in floats, milder ranges in integers, and nobody else's input touched."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from ner_jobs.engines.smoothing import MOST, smooth_ffn, smoothing_factors

WIDTH, OUTLIER = 16, 3


WINDOWS = [np.arange(length) % 10 for length in (2, 5, 9)]


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """Embedding, two FFN layers of products behind it, a square one, and a residual; one channel is huge."""
    chance = np.random.default_rng(7)

    def drawn(*shape: int) -> np.ndarray:
        return chance.standard_normal(shape).astype(np.float32)

    table = drawn(10, WIDTH)
    table[:, OUTLIER] *= 60
    weights = {
        "table": table,
        "up": drawn(WIDTH, 4 * WIDTH),
        "down": drawn(4 * WIDTH, WIDTH),
        "square": drawn(WIDTH, WIDTH),
    }
    # Trained weights are small where their input is large: both sides of a product matter alike.
    weights["up"][OUTLIER] /= 60
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["x"], name="embed"),
        helper.make_node("MatMul", ["x", "up"], ["u"], name="up"),
        helper.make_node("Relu", ["u"], ["r"], name="relu"),
        helper.make_node("MatMul", ["r", "down"], ["d"], name="down"),
        helper.make_node("MatMul", ["x", "square"], ["s"], name="square"),
        helper.make_node("Add", ["d", "s"], ["logits"], name="residual"),
    ]
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "length"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "length", WIDTH])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    path = tmp_path / "layer.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def run(model: bytes) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(["logits"], {"input_ids": np.arange(10)[None]})[0]
    return found


def test_in_floats_it_is_the_same_function(layer: Path) -> None:
    smoothed = smooth_ffn(layer, WINDOWS)
    onnx.checker.check_model(smoothed, full_check=True)
    np.testing.assert_allclose(
        run(smoothed.SerializeToString()), run(layer.read_bytes()), rtol=1e-4, atol=1e-3
    )


def test_only_the_products_of_the_ffn_read_what_was_divided(layer: Path) -> None:
    reads = {node.name: node.input[0] for node in smooth_ffn(layer, WINDOWS).graph.node}
    assert reads["up"] == "x.smoothed"
    assert reads["down"] == "r.smoothed"
    assert reads["square"] == "x"


def test_in_integers_it_is_nearer_to_floats(layer: Path, tmp_path: Path) -> None:
    truth = run(layer.read_bytes())
    error = {}
    for name, model in {"plain": onnx.load(layer), "smoothed": smooth_ffn(layer, WINDOWS)}.items():
        path = tmp_path / f"{name}.onnx"
        quantize_dynamic(
            model,
            path,
            op_types_to_quantize=["MatMul"],
            nodes_to_exclude=["square"],
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )
        error[name] = float(np.square(run(path.read_bytes()) - truth).mean())
    assert error["smoothed"] < error["plain"] / 4


def test_factors_follow_the_outliers_and_stay_within_bounds() -> None:
    channels = np.array([1, 1, 50, 0, 1e9], np.float32)
    factors = smoothing_factors(channels, np.ones(5, np.float32))
    assert factors[0] == factors[1] < factors[2] < factors[4]
    assert factors.min() >= np.float32(1 / MOST)
    assert factors.max() <= np.float32(MOST)
    np.testing.assert_allclose(smoothing_factors(np.ones(3, np.float32), np.ones(3, np.float32)), 1)
