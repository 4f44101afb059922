"""Decisions as stories: from what was observed to a verdict, without a store."""

from dataclasses import replace
from typing import Any

import pytest

from ner_jobs.promotion.decide import Observed, decide
from ner_jobs.promotion.gates import Evidence
from ner_jobs.promotion.pointer import Action, Pointer, Promotion, promoted, rolled_back
from ner_jobs.promotion.pointer_state import PointerState
from ner_jobs.promotion.verdict import Outcome, VariantScores
from ner_jobs.scoring.estimate import Bounds
from ner_jobs.task import Owner, PermanentError
from ner_jobs.task.parameters import GateParameters, PromoteCommand, PromoteParameters

OWNER = Owner(namespace="nlp", name="tiny", uid="1")
PARAMETERS = PromoteParameters(
    revision="r2", preference=("int8", "fp32"), reference="fp32", gates=(GateParameters(min=0.9),)
)
GOOD, BAD = 0.95, 0.4
COMMAND = PromoteCommand(token="t", by="mei")


def pointer(*revisions: str) -> Pointer:
    current: Pointer | None = None
    for revision in revisions:
        position = Promotion(
            generation=0,
            revision=revision,
            variant="int8",
            compile_key="c" * 64,
            manifest_digest="d" * 64,
            promoted_at=1.0,
            by="promote",
            action=Action.PROMOTE,
        )
        current = promoted(current, position, OWNER)
    assert current is not None
    return current


R1 = PointerState(pointer("r1"), pointer("r1"))
R2 = PointerState(pointer("r1", "r2"), pointer("r1", "r2"))
R2_HELD = PointerState(rolled_back(pointer("r1", "r2"), 2.0, "mei"), None)
OUR_OWN_MOVE = PointerState(pointer("r1", "r2"), pointer("r1"), moved=True)


def observed(
    scores: dict[str, float],
    state: PointerState = R1,
    emulated: frozenset[str] = frozenset(),
    **parameters: Any,
) -> Observed:
    estimates = {name: Bounds(f1, f1, f1) for name, f1 in scores.items()}
    loss = Bounds(1, 0.6, 1.4)
    return Observed(
        parameters=PARAMETERS.model_copy(update=parameters),
        pointer=state,
        emulated=emulated,
        evidence={name: (Evidence(f1, None, 1000, 500),) for name, f1 in estimates.items()},
        scores={name: VariantScores(f1, 0.9, 0.9, loss) for name, f1 in estimates.items()},
        judged=2,
        test="t" * 64,
    )


BOTH = {"int8": GOOD, "fp32": GOOD}


@pytest.mark.parametrize(
    ("seen", "outcome", "variant", "generation"),
    [
        pytest.param(observed(BOTH), "Promoted", "int8", 2, id="the first in preference is promoted"),
        pytest.param(observed(BOTH, PointerState(None, None)), "Promoted", "int8", 1, id="the first ever"),
        pytest.param(
            observed({"int8": BAD, "fp32": GOOD}), "Promoted", "fp32", 2, id="the next one if it is refused"
        ),
        pytest.param(observed({"int8": BAD, "fp32": BAD}), "Refused", None, 1, id="all are refused"),
        pytest.param(observed(BOTH, R2), "AlreadyCurrent", "int8", 2, id="it is in service already"),
        pytest.param(observed(BOTH, mode="Manual"), "AwaitingApproval", "int8", 1, id="a person decides"),
        pytest.param(observed(BOTH, OUR_OWN_MOVE), "Promoted", "int8", 2, id="our own move is found again"),
        pytest.param(observed(BOTH, R2_HELD), "Refused", None, 3, id="a person rolled it back"),
        pytest.param(
            observed(BOTH, R2_HELD, release_held=True),
            "Promoted",
            "int8",
            4,
            id="and asked for a new verdict",
        ),
        pytest.param(
            observed(BOTH, R2_HELD, command=COMMAND), "Promoted", "int8", 4, id="and then promotes it"
        ),
        pytest.param(
            observed(BOTH, emulated=frozenset({"int8"})), "Promoted", "fp32", 2, id="a stand-in is refused"
        ),
        pytest.param(
            observed(BOTH, mode="Manual", command=COMMAND), "Promoted", "int8", 2, id="a person has decided"
        ),
        pytest.param(
            observed({"int8": BAD, "fp32": GOOD}, command=COMMAND.model_copy(update={"variant": "int8"})),
            "Refused",
            None,
            1,
            id="a person names a variant that a gate refuses",
        ),
        pytest.param(
            observed(BOTH, command=COMMAND.model_copy(update={"revision": "r1"})),
            "Refused",
            None,
            1,
            id="a person looked at another revision",
        ),
    ],
)
def test_decide(seen: Observed, outcome: str, variant: str | None, generation: int) -> None:
    verdict = decide(seen).verdict
    assert (verdict.outcome, verdict.variant, verdict.generation) == (outcome, variant, generation)
    assert (verdict.judged, verdict.test, verdict.revision) == (2, "t" * 64, "r2")


def test_a_reason_overrules_a_gate_and_is_kept() -> None:
    command = COMMAND.model_copy(update={"variant": "int8", "force": "a demo"})
    decision = decide(observed({"int8": BAD, "fp32": GOOD}, command=command))
    assert (decision.verdict.outcome, decision.reason) == (Outcome.PROMOTED, "forced: a demo")
    assert decision.verdict.variants[0].reason == "BelowMinimum"


def test_the_message_states_f1_and_the_drop_with_its_bound() -> None:
    assert decide(observed(BOTH)).verdict.message == (
        "int8 passed every gate and is promoted in place of int8 of revision r1: F1 0.9500, "
        "\N{MINUS SIGN}1.00 points against the reference (95% sure: at worst \N{MINUS SIGN}1.40)"
    )


def test_without_a_reference_the_message_states_f1_alone() -> None:
    seen = observed(BOTH)
    alone = {name: replace(scores, drop=None) for name, scores in seen.scores.items()}
    verdict = decide(replace(seen, scores=alone)).verdict
    assert verdict.message.endswith(": F1 0.9500")
    assert (verdict.drop, verdict.drop_upper) == (None, None)


def test_a_preference_for_a_variant_that_was_not_evaluated_is_named() -> None:
    with pytest.raises(PermanentError, match="names va16, which was not evaluated; there are fp32, int8"):
        decide(observed(BOTH, preference=("va16",)))
