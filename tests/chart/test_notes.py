"""What a person reads after the installation: commands that are there, and a NerRuntime that is valid."""

import re
from typing import Any

import pytest

from ner_operator.api.v1alpha1.runtime import NerRuntime
from ner_operator.schema.validation import load_text


def notes(chart: Any, values: Any) -> str:
    # `helm template` does not show them; this asks no cluster either.
    done = chart.attempt(
        "install", "nerd", str(chart.chart), "--dry-run=client", "--namespace=x", chart.values_file(values)
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout.partition("\nNOTES:\n")[2])


@pytest.mark.parametrize(
    ("values", "emulated"),
    [({}, False), ({"deviceEmulator": {"enabled": True, "resourceName": "example.com/npu"}}, True)],
)
def test_the_runtime_to_apply_is_valid(chart: Any, values: Any, emulated: bool) -> None:
    found = re.search(r"<<EOF\n(.*?)\n +EOF\n", notes(chart, values), re.S)
    assert found
    checked = load_text(found[1], "NOTES.txt")
    assert not checked.mistakes
    (document,) = checked.documents
    assert isinstance(document.object, NerRuntime)
    assert document.object.spec.emulated is emulated


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param({}, "manages every NerDeployment of the cluster", id="everywhere"),
        pytest.param({"watch": {"namespaces": ["a", "b"]}}, "the NerDeployments in a, b.", id="somewhere"),
        pytest.param({"crds": {"enabled": False}}, "must be installed already", id="CRDs by somebody else"),
        pytest.param({"crds": {"keep": False}}, "removes the CRDs, and with them every", id="CRDs that go"),
        pytest.param(
            {"garbageCollection": {"stores": [{"name": "a", "storage": {"uri": "s3://a"}}]}},
            "only lists what it would delete",
            id="a collector's dry run",
        ),
    ],
)
def test_what_depends_on_values(chart: Any, values: Any, said: str) -> None:
    assert said in notes(chart, values)


def test_nothing_is_said_that_does_not_concern(chart: Any) -> None:
    text = notes(chart, {})
    assert "garbage" not in text
    assert "crds." not in text
    assert "rollout status deployment/nerd-nerd-operator" in text
