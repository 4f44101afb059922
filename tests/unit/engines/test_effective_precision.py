"""What runs, in one word, from what an engine says of its graph; a mixture is no precision."""

import pytest
from onnx import TensorProto, helper

from ner_jobs.engines import onnxruntime, openvino
from ner_jobs.engines.onnxruntime_products import effective_precision


@pytest.mark.parametrize(
    ("products", "hint", "asked", "expected"),
    [
        pytest.param({"fp32": 73}, "f32", "f32", "fp32", id="all in fp32"),
        pytest.param({"bf16": 73}, "bf16", "bf16", "bf16", id="all in bf16"),
        pytest.param({"int8": 61, "bf16": 12}, "bf16", "bf16", "int8", id="int8, the rest in bf16"),
        pytest.param(
            {"bf16": 73}, "bf16", "f32", "the hint bf16 instead of f32", id="the engine chose another"
        ),
        pytest.param(
            {"bf16": 70, "fp32": 3},
            "bf16",
            "bf16",
            "bf16 (70 products) and fp32 (3 products)",
            id="a mixture",
        ),
        pytest.param({}, "f32", "f32", "nothing at all", id="no product"),
    ],
)
def test_openvino(products: dict[str, int], hint: str, asked: str, expected: str) -> None:
    assert openvino._effective(products, hint, asked) == expected


@pytest.mark.parametrize(
    ("products", "expected"),
    [
        ({"MatMul": 73}, "fp32"),
        ({"MatMulIntegerToFloat": 49, "MatMul": 24}, "int8"),
        ({"QAttention": 12}, "int8"),
        ({}, "fp32"),
    ],
)
def test_onnxruntime(products: dict[str, int], expected: str) -> None:
    assert effective_precision(products) == expected


def test_the_static_recipe_leaves_attention_and_down_projections_alone() -> None:
    def weights(name: str, rows: int, columns: int) -> TensorProto:
        return helper.make_tensor(name, TensorProto.FLOAT, [rows, columns], [0.0] * rows * columns)

    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "query"], ["q"], name="query"),
            helper.make_node("MatMul", ["q", "k"], ["scores"], name="scores"),
            helper.make_node("MatMul", ["x", "up"], ["u"], name="up"),
            helper.make_node("MatMul", ["u", "down"], ["y"], name="down"),
            helper.make_node("Relu", ["y"], ["z"], name="relu"),
        ],
        "layer",
        [],
        [],
        [weights("query", 4, 4), weights("up", 4, 16), weights("down", 16, 4)],
    )
    assert onnxruntime._sensitive(graph) == ["scores", "down"]
