"""What the pointer becomes: pure, as stories."""

import pytest

from ner_jobs.promotion.pointer import Action, Pointer, Promotion, promoted, rolled_back
from ner_jobs.task import ExitCode, Owner, PermanentError

OWNER = Owner(namespace="nlp", name="peoples-daily", uid="1111")


def promotion(revision: str, variant: str = "int8", action: Action = Action.PROMOTE) -> Promotion:
    return Promotion(
        generation=0,
        revision=revision,
        variant=variant,
        compile_key="c" * 64,
        manifest_digest="d" * 64,
        promoted_at=1.0,
        by="promote",
        action=action,
    )


def after(*revisions: str, limit: int = 10) -> Pointer:
    pointer: Pointer | None = None
    for revision in revisions:
        pointer = promoted(pointer, promotion(revision), OWNER, limit)
    assert pointer is not None
    return pointer


def test_the_first_promotion_is_generation_one() -> None:
    pointer = after("a")
    assert (pointer.generation, pointer.revision, pointer.history) == (1, "a", ())


def test_the_generation_only_grows_and_history_has_the_former() -> None:
    pointer = after("a", "b", "c")
    assert pointer.generation == 3
    assert [(each.generation, each.revision) for each in pointer.history] == [(1, "a"), (2, "b")]


def test_history_is_bounded_and_the_generation_is_not() -> None:
    pointer = after(*"abcdefgh", limit=3)
    assert pointer.generation == 8
    assert [each.revision for each in pointer.history] == ["e", "f", "g"]


def test_a_rollback_is_a_new_generation_that_says_who() -> None:
    pointer = rolled_back(after("a", "b"), 9.0, "mei", message="it reads 北京 as a person")
    assert (pointer.generation, pointer.revision) == (3, "a")
    assert (pointer.action, pointer.by, pointer.promoted_at) == (Action.ROLLBACK, "mei", 9.0)
    assert pointer.message == "it reads 北京 as a person"
    assert pointer.owner == OWNER
    assert [each.revision for each in pointer.history] == ["a", "b"]


def test_what_was_rolled_back_is_held() -> None:
    pointer = rolled_back(after("a", "b"), 9.0, "mei")
    assert pointer.held == "b"
    assert pointer.holds("b")
    assert not pointer.holds("a")


def test_it_stays_held_whatever_comes_in_between() -> None:
    pointer = promoted(rolled_back(after("a", "b"), 9.0, "mei"), promotion("c"), OWNER)
    assert pointer.held == ""
    assert pointer.holds("b")


def test_a_person_who_promotes_it_frees_it() -> None:
    back = rolled_back(after("a", "b"), 9.0, "mei")
    pointer = promoted(back, promotion("b", action=Action.MANUAL), OWNER)
    assert not pointer.holds("b")


def test_a_second_rollback_goes_further_back_not_forth() -> None:
    once = rolled_back(after("a", "b", "c"), 9.0, "mei")
    twice = rolled_back(once, 10.0, "mei")
    assert (once.revision, twice.revision) == ("b", "a")
    assert twice.holds("b")
    assert twice.holds("c")


def test_a_revision_may_be_named_by_its_beginning() -> None:
    pointer = rolled_back(after("abc1", "abd2", "eee3"), 9.0, "mei", revision="abc")
    assert pointer.revision == "abc1"


def test_going_back_to_one_that_was_held_frees_it() -> None:
    once = rolled_back(after("a", "b"), 9.0, "mei")
    forth = rolled_back(once, 10.0, "mei", revision="b")
    assert forth.revision == "b"
    assert not forth.holds("b")
    assert forth.holds("a")


def test_another_variant_of_the_same_revision_holds_nothing() -> None:
    pointer = promoted(promoted(None, promotion("a", "fp32"), OWNER), promotion("a", "int8"), OWNER)
    back = rolled_back(pointer, 9.0, "mei")
    assert (back.revision, back.variant, back.held) == ("a", "fp32", "")
    assert not back.holds("a")


@pytest.mark.parametrize(
    ("pointer", "revision", "words"),
    [
        pytest.param(after("a"), None, "no earlier model", id="nothing was there before"),
        pytest.param(after("a", "a"), None, "no earlier model", id="the same one twice is nothing to go to"),
        pytest.param(
            rolled_back(after("a", "b"), 9.0, "mei"), None, "it holds b: name one", id="the rest is held"
        ),
        pytest.param(after("a", "b"), "x", "holds no revision x; it holds a", id="no such revision"),
        pytest.param(after("ab", "ac", "d"), "a", "may be any of ab, ac", id="a beginning of several"),
    ],
)
def test_a_rollback_that_leads_nowhere_says_what_there_is(
    pointer: Pointer, revision: str | None, words: str
) -> None:
    with pytest.raises(PermanentError, match=words) as refused:
        rolled_back(pointer, 9.0, "mei", revision)
    assert refused.value.code == ExitCode.USAGE


def test_a_pointer_survives_its_json() -> None:
    pointer = rolled_back(after("a", "b", "c"), 9.0, "梅")
    assert Pointer.model_validate_json(pointer.model_dump_json(by_alias=True)) == pointer
