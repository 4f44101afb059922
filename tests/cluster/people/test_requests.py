"""What people ask of real objects: what is written, by whom, and what is refused before it is written."""

from typing import Any, ClassVar

import pytest

from ner_operator.api.v1alpha1.commands import read_promote, read_rerun, read_rollback
from ner_operator.cli.cluster.kubectl import Kubectl
from ner_operator.cli.cluster.requests import request_rerun


def annotation(person: Any, name: str) -> str:
    return str(person.read("tiny")["metadata"]["annotations"][f"nerd.dev/{name}"])


def test_promote_asks_for_what_was_seen(promoted: Any) -> None:
    said = promoted("promote", "tiny", "--variant", "int8", "--force", "the team read 北京")
    assert said.code == 0, said.err
    assert "asked to promote variant int8 of revision cccccccccccc" in said.out
    command = read_promote(annotation(promoted, "promote"))
    assert (command.variant, command.revision, command.force) == ("int8", "c" * 64, "the team read 北京")
    assert command.by == "admin"
    writers = [entry["manager"] for entry in promoted.read("tiny")["metadata"]["managedFields"]]
    assert "nerd" in writers


def test_two_requests_have_two_tokens(promoted: Any) -> None:
    tokens = set()
    for _ in range(2):
        tokens.add(promoted("promote", "tiny", "-o", "json").json["promote"]["token"])
        assert read_promote(annotation(promoted, "promote")).variant is None
    assert len(tokens) == 2


def test_rollback_says_what_it_leaves(promoted: Any) -> None:
    assert promoted("rollback", "tiny", "--to-generation", "1", "--reason", "reads 李 as a place").code == 0
    command = read_rollback(annotation(promoted, "rollback"))
    assert (command.generation, command.leaving, command.reason) == (1, 3, "reads 李 as a place")
    assert promoted("rollback", "tiny").code == 0
    assert read_rollback(annotation(promoted, "rollback")).generation is None


def test_rerun_keeps_what_was_asked_of_other_stages(promoted: Any) -> None:
    assert promoted("rerun", "tiny", "finetune").code == 0
    first = read_rerun(annotation(promoted, "rerun"))
    assert promoted("rerun", "tiny", "compile/int8", "export").code == 0
    second = read_rerun(annotation(promoted, "rerun"))
    assert set(second) == {"finetune", "compile/int8", "export"}
    assert second["finetune"] == first["finetune"]
    assert second["export"] != first["finetune"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(
            ["promote", "tiny", "--variant", "va16"], 64, "there are fp32, int8", id="no such variant"
        ),
        pytest.param(["rerun", "tiny", "tune"], 64, "there are prepare, finetune", id="no such stage"),
        pytest.param(["rollback", "tiny", "--to", "abc"], 64, "history tiny shows", id="by revision"),
        pytest.param(["promote", "tiny", "-f", "x.yaml"], 64, "exclude each other", id="a name and a file"),
        pytest.param(["promote"], 64, "give -f FILE or NAME", id="neither"),
        pytest.param(["logs", "tiny", "tune"], 64, "there are prepare, finetune", id="logs of no stage"),
        pytest.param(["logs", "tiny", "export", "--follow"], 66, "named export is running", id="not running"),
    ],
)
def test_a_wrong_request_is_refused_here(promoted: Any, arguments: list[str], code: int, words: str) -> None:
    said = promoted(*arguments)
    assert said.code == code
    assert words in said.err
    assert "annotations" not in promoted.read("tiny")["metadata"]


def test_what_was_never_promoted_cannot_be_rolled_back(person: Any) -> None:
    person.apply("tiny")
    said = person("rollback", "tiny")
    assert said.code == 64
    assert "nothing was ever promoted" in said.err


class Overtaken(Kubectl):
    """Somebody else asks for another stage between our first reading and our first write."""

    waiting: ClassVar[list[str]] = ["finetune"]

    def text(self, *arguments: str) -> str:
        if arguments[0] == "annotate" and self.waiting:
            others = Kubectl(self.namespace, kubeconfig=self.kubeconfig)
            request_rerun(others, "tiny", [self.waiting.pop()])
        return super().text(*arguments)


def test_of_two_who_ask_at_once_both_are_heard(promoted: Any) -> None:
    token = request_rerun(
        Overtaken(promoted.namespace, kubeconfig=str(promoted.cluster.kubeconfig)), "tiny", ["export"]
    )
    asked = read_rerun(annotation(promoted, "rerun"))
    assert set(asked) == {"export", "finetune"}
    assert asked["export"] == token


def test_suspend_and_resume_leave_the_spec_as_it_was(promoted: Any) -> None:
    before = promoted.read("tiny")["spec"]
    assert promoted("suspend", "tiny").out == "tiny is suspended\n"
    assert promoted.read("tiny")["spec"]["suspend"] is True
    assert promoted("suspend", "tiny").out == "tiny was suspended already\n"
    assert promoted("resume", "tiny").out == "tiny is resumed\n"
    assert promoted("resume", "tiny").out == "tiny was not suspended\n"
    assert promoted.read("tiny")["spec"] == before
