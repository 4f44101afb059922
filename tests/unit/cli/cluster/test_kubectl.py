"""kubectl's failures, as an exit code and one sentence."""

import os
from pathlib import Path

import pytest

from ner_jobs.task import ExitCode, StageError
from ner_operator.cli.cluster.kubectl import Kubectl, error_of, message_of


@pytest.mark.parametrize(
    ("stderr", "code", "sentence"),
    [
        pytest.param(
            'Error from server (NotFound): nerdeployments.nerd.dev "tiny" not found\n',
            ExitCode.NO_INPUT,
            'nerdeployments.nerd.dev "tiny" not found; kubectl nerd list shows what there is',
            id="no such deployment",
        ),
        pytest.param(
            "Error from server (Forbidden): nerdeployments.nerd.dev is forbidden: User mei cannot list\n",
            ExitCode.CONFIGURATION,
            "nerdeployments.nerd.dev is forbidden: User mei cannot list",
            id="not allowed",
        ),
        pytest.param(
            "error: You must be logged in to the server (Unauthorized)\n",
            ExitCode.CONFIGURATION,
            "You must be logged in to the server (Unauthorized)",
            id="not logged in",
        ),
        pytest.param(
            "Error from server (Conflict): Operation cannot be fulfilled\n",
            ExitCode.TRY_AGAIN,
            "somebody else changed it at the same moment; try again (Operation cannot be fulfilled)",
            id="a write that lost",
        ),
        pytest.param(
            "Error from server (ServiceUnavailable): the server is currently unable\n",
            ExitCode.TRY_AGAIN,
            "the cluster does not answer: the server is currently unable",
            id="a server that cannot answer now",
        ),
        pytest.param(
            "Warning: spec.x is deprecated\nError from server (Invalid): spec.x: Required value\n",
            ExitCode.DATA,
            "spec.x: Required value",
            id="a refused object, after a warning",
        ),
    ],
)
def test_an_error_has_the_code_of_the_reason(stderr: str, code: ExitCode, sentence: str) -> None:
    error = error_of(message_of(stderr))
    assert error is not None
    assert (error.code, str(error)) == (code, sentence)


@pytest.mark.parametrize(
    ("stderr", "message"),
    [
        pytest.param('error: context "x" does not exist\n', 'context "x" does not exist', id="kubectl's own"),
        pytest.param(
            "E0102 memcache.go:265] couldn't get current server API group list\nno such host\n",
            "no such host",
            id="after a line of the log",
        ),
        pytest.param("error: unknown flag: --x\nSee help.\n", "unknown flag: --x See help.", id="two lines"),
        pytest.param("", "kubectl failed without a message", id="silence"),
    ],
)
def test_without_a_reason_there_is_a_message_alone(stderr: str, message: str) -> None:
    assert message_of(stderr) == message
    assert error_of(message) is None


CONFIG = '{"contexts": [{"name": "here"}], "current-context": "here"}'
EMPTY = '{"contexts": null, "current-context": ""}'


@pytest.mark.parametrize(
    ("config", "served", "kubectl", "code", "sentence"),
    [
        pytest.param(CONFIG, [], Kubectl(context="x"), ExitCode.USAGE, "failed", id="no such context"),
        pytest.param(EMPTY, [], Kubectl(kubeconfig="x"), ExitCode.USAGE, "failed", id="an empty kubeconfig"),
        pytest.param(
            CONFIG, [], Kubectl(), ExitCode.TRY_AGAIN, "the cluster does not answer: failed", id="no server"
        ),
        pytest.param(
            EMPTY,
            [],
            Kubectl(),
            ExitCode.TRY_AGAIN,
            "the cluster does not answer: failed",
            id="no kubeconfig",
        ),
        pytest.param(
            CONFIG,
            ["/version"],
            Kubectl(),
            ExitCode.CONFIGURATION,
            "the operator is not installed there",
            id="no such kind",
        ),
        pytest.param(
            CONFIG,
            ["/version", "/apis/nerd.dev/v1alpha1"],
            Kubectl(),
            ExitCode.USAGE,
            "failed",
            id="a wrong option",
        ),
    ],
)
def test_a_failure_without_a_reason_is_looked_into(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    config: str,
    served: list[str],
    kubectl: Kubectl,
    code: ExitCode,
    sentence: str,
) -> None:
    program = tmp_path / "kubectl"
    answers = "".join(f"*' --raw {path} '*) exit 0;;\n" for path in served)
    program.write_text(
        f"#!/bin/sh\ncase \" $* \" in\n*' config view '*) echo '{config}'; exit 0;;\n{answers}esac\n"
        "echo 'error: failed' >&2\nexit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(StageError) as failed:
        kubectl.json("get", "nerdeployments.nerd.dev")
    assert failed.value.code == code
    assert sentence in str(failed.value)
