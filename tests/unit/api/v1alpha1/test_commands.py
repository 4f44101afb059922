"""What people ask by annotation: each form as a row, and that writing and reading agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_jobs.task.parameters import PromoteCommand, RollbackCommand
from ner_operator.api.v1alpha1.commands import (
    LONGEST_REASON,
    CommandError,
    read_promote,
    read_rerun,
    read_rollback,
    write_promote,
    write_rerun,
    write_rollback,
)

TOKENS = st.from_regex(r"[A-Za-z0-9._:-]{1,63}", fullmatch=True)
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        pytest.param("finetune=a", {"finetune": "a"}, id="a stage"),
        pytest.param("compile/int8=a, finetune=b", {"compile/int8": "a", "finetune": "b"}, id="two"),
        pytest.param("finetune=a,finetune=b", {"finetune": "b"}, id="the later token of a stage holds"),
        pytest.param("", {}, id="nothing"),
    ],
)
def test_rerun(text: str, tokens: dict[str, str]) -> None:
    assert read_rerun(text) == tokens
    assert read_rerun(write_rerun(tokens)) == tokens


@pytest.mark.parametrize(
    ("text", "command"),
    [
        pytest.param("int8@t1", PromoteCommand(token="t1", variant="int8"), id="a variant"),
        pytest.param("*@t1", PromoteCommand(token="t1"), id="the preferred one"),
        pytest.param(
            "int8@t1 revision=b9d4 by=mei force='the team read 北京'",
            PromoteCommand(token="t1", variant="int8", revision="b9d4", by="mei", force="the team read 北京"),
            id="against a gate, with who and why",
        ),
    ],
)
def test_promote(text: str, command: PromoteCommand) -> None:
    assert read_promote(text) == command
    assert read_promote(write_promote(command)) == command


@pytest.mark.parametrize(
    ("text", "command"),
    [
        pytest.param("previous@t1", RollbackCommand(token="t1"), id="the one before"),
        pytest.param("3@t1", RollbackCommand(token="t1", generation=3), id="a generation"),
        pytest.param(
            'previous@t1 leaving=5 by=mei reason="reads 李 as a place"',
            RollbackCommand(token="t1", leaving=5, by="mei", reason="reads 李 as a place"),
            id="with what was in service, who and why",
        ),
    ],
)
def test_rollback(text: str, command: RollbackCommand) -> None:
    assert read_rollback(text) == command
    assert read_rollback(write_rollback(command)) == command


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        pytest.param(read_rerun, "finetune", "write STAGE=TOKEN", id="a stage without a token"),
        pytest.param(read_rerun, "Fine tune=a", "'Fine tune=a' is not a command", id="no stage"),
        pytest.param(
            read_promote, "int8", r"write VARIANT@TOKEN or \*@TOKEN", id="a variant without a token"
        ),
        pytest.param(read_promote, "", "write VARIANT@TOKEN", id="nothing"),
        pytest.param(read_promote, "@t1", "write VARIANT@TOKEN", id="a token alone"),
        pytest.param(read_promote, "int8@t1 force='x", "write VARIANT@TOKEN", id="an open quote"),
        pytest.param(read_promote, "int8@t1 because=x", "revision=…, force=…, by=…", id="an unknown word"),
        pytest.param(read_promote, "int8@t1 force=", "'force=' is not known", id="force without a reason"),
        pytest.param(read_rollback, "last@t1", "'last' is not a generation", id="no generation"),
        pytest.param(read_rollback, "0@t1", "'0' is not a generation", id="generations begin with 1"),
        pytest.param(read_rollback, "previous@t1 leaving=x", "leaving=GENERATION", id="left what?"),
    ],
)
def test_what_asks_for_nothing_is_told_what_to_write(read: object, text: str, words: str) -> None:
    assert callable(read)
    with pytest.raises(CommandError, match=words):
        read(text)


@given(token=TOKENS, variant=st.none() | NAMES, by=WORDS, force=WORDS, revision=st.text("0123456789abcdef"))
def test_whatever_a_person_says_is_read_as_it_was_said(
    token: str, variant: str | None, by: str, force: str, revision: str
) -> None:
    command = PromoteCommand(token=token, variant=variant, by=by, force=force, revision=revision)
    assert read_promote(write_promote(command)) == command


def test_a_reason_has_an_end() -> None:
    told = read_rollback(write_rollback(RollbackCommand(token="t1", reason="x" * 5000)))
    assert len(told.reason) == LONGEST_REASON
