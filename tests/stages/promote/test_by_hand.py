"""A person promotes: the gates judge all the same, and say so."""

import re
from typing import Any

import pytest

from ner_jobs.promotion.pointer import Action, move_pointer, read_pointer, rolled_back
from ner_jobs.promotion.verdict import Outcome
from ner_jobs.task.promote_headline import PromoteHeadline

BOTH = {"int8": "int8", "fp32": "fp32"}


def asked(**fields: Any) -> dict[str, Any]:
    return {"token": "t", "by": "mei", **fields}


def test_it_moves_the_pointer_where_the_spec_waits_for_a_person(world: Any) -> None:
    verdict = world.verdict(world.task(BOTH, mode="Manual", command=asked()))
    assert verdict.outcome is Outcome.PROMOTED
    pointer = world.pointer()
    assert (pointer.variant, pointer.action, pointer.by) == ("int8", Action.MANUAL, "mei")
    assert pointer.message == "passed every gate, promoted by hand"


def test_the_named_variant_is_taken_though_another_is_preferred(world: Any) -> None:
    assert world.verdict(world.task(BOTH, command=asked(variant="fp32"))).variant == "fp32"


def test_a_variant_that_is_never_promoted_by_itself_is_judged_for_it(world: Any) -> None:
    verdict = world.verdict(world.task(BOTH, preference=["fp32"], command=asked(variant="int8")))
    assert (verdict.outcome, verdict.variant) == (Outcome.PROMOTED, "int8")
    assert [each.variant for each in verdict.variants] == ["int8", "fp32"]


@pytest.mark.parametrize(
    ("candidates", "said", "words"),
    [
        pytest.param(
            {"int8": "collapsed", "fp32": "fp32"},
            {"variant": "int8"},
            "int8 is refused \\(Failed, BelowMinimum\\)",
            id="a gate refuses it",
        ),
        pytest.param(
            BOTH, {"variant": "va16"}, "there is no variant va16; there are fp32, int8", id="no such"
        ),
        pytest.param(
            BOTH,
            {"revision": "r0"},
            "revision r0 was to be promoted, and the spec makes r1",
            id="another one",
        ),
        pytest.param(
            {"int8": "collapsed", "fp32": "collapsed"},
            {},
            "int8 is refused \\(Failed, BelowMinimum\\)",
            id="none passes",
        ),
        pytest.param(
            {"int8": "stand-in", "fp32": "fp32"},
            {"variant": "int8", "force": "for a demo"},
            "stand-in for the device.*--force does not change that",
            id="no reason makes a stand-in real",
        ),
    ],
)
def test_what_cannot_be_promoted_is_refused_as_a_result(
    world: Any, candidates: dict[str, str], said: dict[str, Any], words: str
) -> None:
    world.candidate("collapsed", wrong=300)
    world.candidate("stand-in", wrong=0, emulated=True)
    result, output = world.run(world.task(candidates, command=asked(**said)))
    headline = PromoteHeadline.read(result.headline)
    assert headline is not None
    assert (headline.verdict, headline.variant, headline.generation) == ("Refused", None, 0)
    assert re.search(words, headline.message)
    assert read_pointer(world.store, world.owner) is None
    assert not (output / "model").exists()


def test_a_reason_overrules_a_gate_and_is_kept(world: Any) -> None:
    world.candidate("collapsed", wrong=300)
    task = world.task({"int8": "collapsed", "fp32": "fp32"}, command=asked(variant="int8", force="a demo"))
    verdict = world.verdict(task)
    assert "is promoted (forced: a demo): F1" in verdict.message
    assert verdict.variants[0].reason == "BelowMinimum"
    assert world.pointer().message == "forced: a demo"


def test_it_frees_a_revision_that_was_rolled_back(world: Any) -> None:
    world.run(world.task(BOTH))
    world.candidate("better", wrong=0)
    world.run(world.task({"fp32": "better"}, revision="r2"))
    current = world.pointer()
    assert move_pointer(world.store, rolled_back(current, 5.0, "mei"), current)
    assert world.verdict(world.task({"fp32": "better"}, revision="r2")).outcome is Outcome.REFUSED
    verdict = world.verdict(world.task({"fp32": "better"}, revision="r2", command=asked()))
    assert verdict.outcome is Outcome.PROMOTED
    assert not world.pointer().holds("r2")


def test_what_is_in_service_already_is_left_alone(world: Any) -> None:
    world.run(world.task(BOTH))
    assert world.verdict(world.task(BOTH, command=asked())).outcome is Outcome.ALREADY_CURRENT
    assert world.pointer().generation == 1


def test_a_second_attempt_finds_the_move_of_the_first(world: Any) -> None:
    task = world.task(BOTH, command=asked(variant="fp32"))
    first, _ = world.run(task)
    second, output = world.run(task)
    assert second.headline == first.headline
    assert (output / "model/README.md").is_file()
    assert world.pointer().generation == 1
