"""Parsing what the server has, even if its CRD is of another release."""

from typing import Any

import pytest

from ner_operator.controllers.nerdeployment.observe import parse

RAW: dict[str, Any] = {
    "apiVersion": "nerd.dev/v1alpha1",
    "kind": "NerDeployment",
    "metadata": {"name": "small", "namespace": "nlp", "uid": "u", "generation": 4},
    "spec": {
        "model": {"base": "s3://models/base"},
        "data": {"test": {"uri": "s3://data/test"}},
        "variants": [
            {"name": "reference", "runtime": "cpu-openvino", "precision": "fp32", "reference": True}
        ],
        "storage": {"uri": "s3://ner/small"},
    },
}


def test_a_valid_spec_is_parsed() -> None:
    deployment, unreadable = parse(RAW)
    assert unreadable == ""
    assert deployment.spec.storage.uri == "s3://ner/small"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param(
            {**RAW["spec"], "later": 1}, "spec.later: Extra inputs are not permitted", id="a field more"
        ),
        pytest.param({**RAW["spec"], "later": 1, "much": 2}, "(and 1 more)", id="two fields more"),
        pytest.param({**RAW["spec"], "variants": []}, "spec.variants", id="a rule that was not there"),
    ],
)
def test_a_spec_that_cannot_be_parsed_leaves_the_metadata_and_a_reason(
    spec: dict[str, Any], words: str
) -> None:
    deployment, unreadable = parse({**RAW, "spec": spec})
    assert (deployment.metadata.name, deployment.metadata.generation) == ("small", 4)
    assert words in unreadable
