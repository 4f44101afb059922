"""Resolving: which runtimes are missing, and what is still known then."""

from typing import Any

import pytest

from ner_operator.api.v1alpha1 import NerDeployment
from ner_operator.planning.graph import steps_of
from ner_operator.planning.resolve import resolve

BUILT_IN = "cpu-onnxruntime, cpu-openvino, cpu-torchscript"


def deployment(runtime: str | None = None, **runtimes: str) -> NerDeployment:
    spec: dict[str, Any] = {
        "model": {"base": "s3://models/base"},
        "data": {"train": {"uri": "s3://data/train"}, "test": {"uri": "s3://data/test"}},
        "finetune": {},
        "variants": [
            {"name": name, "runtime": runtime, "precision": "int8", "reference": name == "a" or None}
            for name, runtime in runtimes.items()
        ],
        "storage": {"uri": "s3://ner/small"},
    }
    return NerDeployment.model_validate(
        {
            "apiVersion": "nerd.dev/v1alpha1",
            "kind": "NerDeployment",
            "metadata": {"name": "small"},
            "spec": spec | ({"runtime": runtime} if runtime else {}),
        }
    )


@pytest.mark.parametrize(
    ("written", "missing"),
    [
        pytest.param(deployment(a="cpu-openvino"), (), id="all are there"),
        pytest.param(
            deployment(a="cpu-openvino", b="va16"),
            (f"spec.variants[b].runtime: there is no NerRuntime va16; there are {BUILT_IN}",),
            id="a variant's",
        ),
        pytest.param(
            deployment("gpu", a="cpu-openvino"),
            (f"spec.runtime: there is no NerRuntime gpu; there are {BUILT_IN}",),
            id="the one of the other stages",
        ),
    ],
)
def test_missing_runtimes_are_named_with_their_field(
    written: NerDeployment, missing: tuple[str, ...]
) -> None:
    assert resolve(written, {}).missing_runtimes == missing


def test_the_graph_is_the_same_while_a_runtime_is_missing() -> None:
    """A result of prepare has to have the outputs that the blocked variant will need."""
    known = steps_of(resolve(deployment(a="cpu-openvino", b="cpu-onnxruntime"), {}))
    blocked = steps_of(resolve(deployment(a="cpu-openvino", b="va16"), {}))
    assert [(step.name, step.inputs) for step in blocked] == [(step.name, step.inputs) for step in known]
