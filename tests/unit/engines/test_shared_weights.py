"""Layers that share weights: every product runs in int8, and smoothing does not change the function."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ner_jobs.engines.base import IntArray
from ner_jobs.engines.onnx_models import open_model
from ner_jobs.engines.onnxruntime import EXPORTED, RECIPES, OnnxRuntimeBackend, open_exported
from ner_jobs.engines.onnxruntime_products import INTEGER_PRODUCTS
from ner_jobs.engines.smoothing import refuse_other_function, smooth_ffn
from ner_jobs.task import PermanentError

LAYERS = 3
"""Of the fixture's model."""

WINDOWS = [np.arange(1, length + 1) for length in (4, 9, 16)]


def logits(path: Path, window: IntArray) -> np.ndarray:
    return np.asarray(open_exported(path).run(window[None], np.ones((1, len(window)), np.int64)))


def test_the_smoothed_model_is_the_same_function(albert: Path, tmp_path: Path) -> None:
    onnx.save(smooth_ffn(albert / EXPORTED, WINDOWS), tmp_path / "smoothed.onnx")
    for window in WINDOWS:
        np.testing.assert_allclose(
            logits(tmp_path / "smoothed.onnx", window), logits(albert / EXPORTED, window), atol=1e-4
        )


@pytest.mark.parametrize("recipe", ["dynamic-per-channel", "dynamic-smooth-ffn"])
def test_the_products_of_every_layer_run_in_int8(albert: Path, tmp_path: Path, recipe: str) -> None:
    engine = OnnxRuntimeBackend()
    (wanted,) = [each for each in RECIPES["int8"] if each.name == recipe]
    engine.compile(albert, wanted, WINDOWS, tmp_path, {})
    session = engine.load(tmp_path)
    products = session.products
    # The projection, the classifier, and in each layer four square products and two of the FFN.
    assert session.weights == {"int8": 16 * 32 + 32 * 7 + LAYERS * (4 * 32 * 32 + 2 * 32 * 128)}
    # A layer has six products with weights; before and after them are a projection and the classifier.
    assert sum(products.get(name, 0) for name in INTEGER_PRODUCTS) == 6 * LAYERS + 2
    assert (tmp_path / "model.onnx").stat().st_size < (albert / EXPORTED).stat().st_size * 1.5
    difference = np.abs(logits(tmp_path / "model.onnx", WINDOWS[2]) - logits(albert / EXPORTED, WINDOWS[2]))
    assert difference.max() < 0.2


def graph_of(nodes: list[onnx.NodeProto]) -> onnx.ModelProto:
    """Layers of one product each, of weights that are named `weights`."""
    weights = numpy_helper.from_array(np.eye(4, 8, dtype=np.float32), "weights")
    table = numpy_helper.from_array(np.ones((20, 4), np.float32), "table")
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "length"])
    found = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "length", 8])
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["x"]), *nodes],
        "shared",
        [ids],
        [found],
        [weights, table],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_copies_of_copies_are_the_weight_itself(tmp_path: Path) -> None:
    model = graph_of(
        [
            helper.make_node("Identity", ["weights"], ["copy"]),
            helper.make_node("Identity", ["copy"], ["again"]),
            helper.make_node("MatMul", ["x", "again"], ["a"]),
            helper.make_node("MatMul", ["x", "copy"], ["b"]),
            helper.make_node("Add", ["a", "b"], ["sum"]),
            helper.make_node("Identity", ["sum"], ["logits"]),
        ]
    )
    onnx.save(model, tmp_path / "model.onnx")
    opened = open_model(tmp_path / "model.onnx")
    onnx.checker.check_model(opened, full_check=True)
    assert [list(node.input) for node in opened.graph.node if node.op_type == "MatMul"] == [
        ["x", "weights"],
        ["x", "weights"],
    ]
    assert [node.op_type for node in opened.graph.node] == ["Gather", "MatMul", "MatMul", "Add", "Identity"]
    with pytest.raises(PermanentError, match="layers that share weights cannot be smoothed"):
        smooth_ffn(tmp_path / "model.onnx", WINDOWS)


def test_another_function_is_refused_with_its_difference() -> None:
    old = graph_of([helper.make_node("MatMul", ["x", "weights"], ["logits"])])
    new = graph_of([helper.make_node("MatMul", ["x", "weights"], ["logits"])])
    refuse_other_function(old, new, WINDOWS)
    new.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(np.eye(4, 8, dtype=np.float32) * 1.18, "weights")
    )
    with pytest.raises(PermanentError, match=r"another function .* a logit differs by 0\.18 in fp32"):
        refuse_other_function(old, new, WINDOWS)
