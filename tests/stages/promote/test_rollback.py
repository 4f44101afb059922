"""A person rolls back: one move of the pointer, or a refusal that says why."""

import shutil
from typing import Any

import pytest

from ner_jobs.promotion.pointer import Action
from ner_jobs.promotion.verdict import Outcome
from ner_jobs.stages.registry import figures_of_this_moment
from ner_jobs.store.artifacts import read_manifest
from ner_jobs.task import RetryableError, Stage
from ner_jobs.task.promote_headline import PromoteHeadline


@pytest.fixture
def promoted(world: Any) -> Any:
    """Generation 1 is int8 of r1, generation 2 is fp32 of r2."""
    world.run(world.task({"int8": "int8", "fp32": "fp32"}))
    world.candidate("better", wrong=0)
    world.run(world.task({"fp32": "better"}, revision="r2"))
    return world


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({}, id="the one before"),
        pytest.param({"generation": 1}, id="a generation"),
        pytest.param({"leaving": 2}, id="while what was seen is in service"),
    ],
)
def test_it_goes_back(promoted: Any, said: dict[str, Any]) -> None:
    verdict = promoted.verdict(promoted.rollback(reason="reads 李 as a place", **said))
    assert (verdict.outcome, verdict.revision, verdict.variant) == (Outcome.ROLLED_BACK, "r1", "int8")
    assert "int8 of revision r1 is in service again, in place of fp32 of revision r2" in verdict.message
    assert "only a person promotes revision r2 again (mei: reads 李 as a place)" in verdict.message
    pointer = promoted.pointer()
    assert (pointer.generation, pointer.action, pointer.by) == (3, Action.ROLLBACK, "mei")
    assert pointer.holds("r2")


def test_the_headline_says_what_is_in_service_and_what_is_held(promoted: Any) -> None:
    result, _ = promoted.run(promoted.rollback())
    headline = PromoteHeadline.read(result.headline)
    assert headline is not None
    assert headline.held_revisions == ("r2",)
    assert (headline.manual, headline.current_variant, headline.compile_key) == (
        True,
        "int8",
        promoted.key("int8"),
    )
    assert headline.current_f1 == headline.f1 == pytest.approx(0.995, abs=1e-3)
    assert headline.current_drop == 0.0


def test_an_old_verdict_is_told_with_where_the_pointer_stands_now(promoted: Any) -> None:
    task = promoted.rollback()
    result, _ = promoted.run(task)
    promoted.run(promoted.task({"fp32": "better"}, revision="r3"))
    now = {**result.headline, **figures_of_this_moment(promoted.store, task)}
    headline = PromoteHeadline.read(now)
    assert headline is not None
    assert (headline.verdict, headline.revision) == (str(Outcome.ROLLED_BACK), "r1")
    assert (headline.generation, headline.current_revision, headline.manual) == (4, "r3", False)
    assert headline.compile_key == promoted.key("better")


def test_the_model_in_service_is_told_with_its_digest_and_backend(promoted: Any) -> None:
    found = read_manifest(promoted.store, Stage.COMPILE, promoted.key("better"))
    assert found is not None
    figures = figures_of_this_moment(promoted.store, promoted.rollback())
    assert figures["compiled"] == found[0].outputs["compiled"]
    assert figures["backend"] == "openvino"


def test_a_second_attempt_finds_the_move_of_the_first(promoted: Any) -> None:
    task = promoted.rollback()
    first, _ = promoted.run(task)
    second, _ = promoted.run(task)
    assert second.headline == first.headline
    assert second.metrics == first.metrics
    assert promoted.pointer().generation == 3


@pytest.mark.parametrize(
    ("said", "words"),
    [
        pytest.param({"generation": 7}, "holds no generation 7; it holds 1", id="no such generation"),
        pytest.param(
            {"leaving": 1},
            "generation 1 was to be left, and generation 2 came into service since",
            id="another model came into service since",
        ),
    ],
)
def test_what_leads_nowhere_is_refused_as_a_result(promoted: Any, said: dict[str, Any], words: str) -> None:
    verdict = promoted.verdict(promoted.rollback(**said))
    assert verdict.outcome is Outcome.REFUSED
    assert words in verdict.message
    assert promoted.pointer().generation == 2


def test_a_model_that_is_not_whole_is_not_put_into_service(promoted: Any) -> None:
    shutil.rmtree(promoted.root / "store" / "compile" / promoted.key("int8") / "a")
    verdict = promoted.verdict(promoted.rollback())
    assert verdict.outcome is Outcome.REFUSED
    assert "is not whole any more" in verdict.message


def test_without_any_promotion_there_is_nothing_to_leave(world: Any) -> None:
    verdict = world.verdict(world.rollback())
    assert verdict.outcome is Outcome.REFUSED
    assert "nothing was ever promoted for nlp/tiny" in verdict.message


def test_a_pointer_that_has_moved_since_it_was_planned_is_told(promoted: Any) -> None:
    stale = promoted.rollback()
    promoted.run(promoted.rollback(token="another"))
    with pytest.raises(RetryableError, match="generation 2 to 3") as moved:
        promoted.run(stale)
    told = PromoteHeadline.read(moved.value.headline)
    assert told is not None
    assert told.generation == 3
