"""Reading what the server has, also where its CRD is of another release."""

from typing import Any

import pytest

from ner_operator.controllers.nerdeployment.observe import read

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


def test_what_can_be_read_is_read() -> None:
    deployment, unreadable = read(RAW)
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
def test_what_cannot_be_read_has_a_name_and_a_reason(spec: dict[str, Any], words: str) -> None:
    deployment, unreadable = read({**RAW, "spec": spec})
    assert (deployment.metadata.name, deployment.metadata.generation) == ("small", 4)
    assert words in unreadable
