"""kubectl's words, as an exit code and a sentence of ours."""

import pytest

from ner_jobs.task import ExitCode
from ner_operator.cli.cluster.kubectl import meaning


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        pytest.param(
            'Error from server (NotFound): nerdeployments.nerd.dev "tiny" not found\n',
            ExitCode.NO_INPUT,
            'nerdeployments.nerd.dev "tiny" not found; kubectl nerd list',
            id="no such deployment",
        ),
        pytest.param(
            "Error from server (Forbidden): nerdeployments.nerd.dev is forbidden: User mei cannot list\n",
            ExitCode.CONFIGURATION,
            "nerdeployments.nerd.dev is forbidden",
            id="not allowed",
        ),
        pytest.param(
            "Error from server (Conflict): Operation cannot be fulfilled\n",
            ExitCode.TRY_AGAIN,
            "somebody else changed it at the same moment; ask again (Operation",
            id="a write that lost",
        ),
        pytest.param(
            'error: the server doesn\'t have a resource type "nerdeployments"\n',
            ExitCode.CONFIGURATION,
            "the operator is not installed there",
            id="no such kind",
        ),
        pytest.param(
            "The connection to the server localhost:8080 was refused - did you specify the right host?\n",
            ExitCode.TRY_AGAIN,
            "the cluster does not answer: The connection",
            id="no server",
        ),
        pytest.param(
            "E0102 memcache.go:265] couldn't get current server API group list\n"
            "Unable to connect to the server: dial tcp: lookup nowhere: no such host\n",
            ExitCode.TRY_AGAIN,
            "the cluster does not answer: Unable",
            id="no host, told twice",
        ),
        pytest.param(
            'error: context "x" does not exist\n',
            ExitCode.USAGE,
            'context "x" does not exist',
            id="no such context",
        ),
        pytest.param("", ExitCode.USAGE, "without a word", id="silence"),
    ],
)
def test_meaning(said: str, code: ExitCode, words: str) -> None:
    error = meaning(said)
    assert error.code == code
    assert words in str(error)
    assert not str(error).startswith("error")
