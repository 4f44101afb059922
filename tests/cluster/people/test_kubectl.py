"""kubectl's failures on a real API server: each has the exit code of what went wrong."""

from typing import Any

import pytest

from ner_jobs.task import ExitCode, StageError
from ner_operator.cli.cluster import kubectl as module
from ner_operator.cli.cluster.kubectl import KIND, ConflictError, Kubectl


@pytest.fixture
def kubectl(promoted: Any) -> Kubectl:
    return Kubectl(promoted.namespace, kubeconfig=str(promoted.cluster.kubeconfig))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["get", KIND, "nowhere"], ExitCode.NO_INPUT, id="no such object"),
        pytest.param(["annotate", KIND, "nowhere", "a=b"], ExitCode.NO_INPUT, id="a write to no object"),
        pytest.param(
            ["annotate", KIND, "tiny", "a=b", "--resource-version=1"], ExitCode.TRY_AGAIN, id="a lost write"
        ),
        pytest.param(["get", KIND, "--selector=a b"], ExitCode.DATA, id="a bad request"),
        pytest.param(["get", KIND, "--as=nobody"], ExitCode.CONFIGURATION, id="not allowed"),
        pytest.param(["get", KIND, "--token=wrong", "--context=x"], ExitCode.USAGE, id="no such context"),
        pytest.param(["get", KIND, "--no-such-option"], ExitCode.USAGE, id="no such option"),
    ],
)
def test_a_failure_has_its_exit_code(kubectl: Kubectl, arguments: list[str], code: ExitCode) -> None:
    with pytest.raises(StageError) as failed:
        kubectl.json(*arguments)
    assert failed.value.code == code, str(failed.value)


def test_a_refused_object_is_explained(kubectl: Kubectl) -> None:
    with pytest.raises(StageError, match=r"spec\.suspend: Invalid value"):
        kubectl.text("patch", KIND, "tiny", "--type=merge", '--patch={"spec": {"suspend": 1}}')


def test_a_lost_write_can_be_caught(kubectl: Kubectl) -> None:
    with pytest.raises(ConflictError):
        kubectl.text("annotate", KIND, "tiny", "a=b", "--resource-version=1")


def test_an_object_that_is_not_there_is_found_missing(kubectl: Kubectl) -> None:
    assert kubectl.find(KIND, "nowhere") is None
    assert kubectl.find(KIND, "tiny")["metadata"]["name"] == "tiny"


def test_a_cluster_without_our_kinds_says_so(kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "API_VERSION", "nerd.dev/v0")
    with pytest.raises(StageError, match="the operator is not installed there") as failed:
        kubectl.json("get", "nosuchkinds.nerd.dev")
    assert failed.value.code == ExitCode.CONFIGURATION
    with pytest.raises(StageError, match="the operator is not installed there"):
        kubectl.find(KIND, "nowhere")
