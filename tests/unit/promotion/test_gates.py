"""The gates as a table: a row is a story, its name is the sentence that it tells."""

import subprocess
import sys

import pytest

from ner_jobs.promotion.gates import (
    Evidence,
    check_gate,
    describe,
    judge_gate,
)
from ner_jobs.scoring.estimate import Bounds
from ner_jobs.task.parameters import GateParameters

MINIMUM = GateParameters(min=0.85)
SURE_MINIMUM = GateParameters(min=0.85, confidence=0.95)
DROP = GateParameters(max_drop=0.5, against="reference")
SURE_DROP = GateParameters(max_drop=0.5, against="reference", confidence=0.95)
CURRENT = GateParameters(max_drop=1.0, against="current")
ORG = GateParameters(max_drop=1.5, against="reference", entity_type="ORG")


def evidence(
    value: float,
    lower: float | None = None,
    *,
    drop: tuple[float, float | None] | None = None,
    gold: int | None = None,
) -> Evidence:
    """Bounds that a row does not state are the point: a gate without a confidence does not use them."""

    def estimate(point: float, bound: float | None) -> Bounds:
        deciding = point if bound is None else bound
        return Bounds(point, deciding, deciding)

    return Evidence(estimate(value, lower), estimate(*drop) if drop else None, gold)


@pytest.mark.parametrize(
    ("gate", "seen", "reason"),
    [
        pytest.param(MINIMUM, evidence(0.85), "Passed", id="on the minimum is enough"),
        pytest.param(MINIMUM, evidence(0.8499), "BelowMinimum", id="just below is not"),
        pytest.param(SURE_MINIMUM, evidence(0.86, 0.852), "Passed", id="surely above the minimum"),
        pytest.param(SURE_MINIMUM, evidence(0.86, 0.841), "BelowMinimum", id="above, and not surely"),
        pytest.param(DROP, evidence(0.90, drop=(0.5, None)), "Passed", id="on the allowed drop is enough"),
        pytest.param(DROP, evidence(0.90, drop=(0.51, None)), "DropTooLarge", id="a drop too large"),
        pytest.param(DROP, evidence(0.386, drop=(56.7, None)), "DropTooLarge", id="the int8 collapse"),
        pytest.param(DROP, evidence(0.95, drop=(-2.0, None)), "Passed", id="a gain is no drop"),
        pytest.param(SURE_DROP, evidence(0.90, drop=(0.2, 0.4)), "Passed", id="shown to be small"),
        pytest.param(SURE_DROP, evidence(0.90, drop=(0.2, 0.7)), "DropTooLarge", id="not shown to be small"),
        pytest.param(SURE_DROP, evidence(0.90, drop=(0.0, 0.0)), "Passed", id="the reference against itself"),
        pytest.param(DROP, evidence(0.90), "NoReference", id="without a reference nobody can tell"),
        pytest.param(
            CURRENT, evidence(0.90), "NotApplicable", id="the first model has nothing to fall below"
        ),
        pytest.param(CURRENT, evidence(0.90, drop=(1.2, None)), "DropTooLarge", id="worse than what serves"),
        pytest.param(ORG, evidence(0.80, drop=(1.0, None), gold=100), "Passed", id="a type, enough gold"),
        pytest.param(
            ORG, evidence(0.80, drop=(1.0, None), gold=99), "InsufficientData", id="a type, too rare"
        ),
        pytest.param(ORG, evidence(0.00, drop=(0.0, None), gold=0), "InsufficientData", id="a type nowhere"),
        pytest.param(
            GateParameters(min=0.5, entity_type="ORG"),
            evidence(0.9, gold=20),
            "InsufficientData",
            id="a minimum of a rare type",
        ),
    ],
)
def test_one_gate(gate: GateParameters, seen: Evidence, reason: str) -> None:
    (finding,) = judge_gate(gate, seen)
    assert finding.reason == reason
    assert finding.passed == (reason in ("Passed", "NotApplicable"))
    assert finding.message
    assert finding.gate == describe(gate)[0]


@pytest.mark.parametrize(
    ("gate", "seen", "words"),
    [
        (MINIMUM, evidence(0.8211), ("0.8211", "0.85", "lower spec.evaluation.gates[].min")),
        (SURE_MINIMUM, evidence(0.86, 0.841), ("0.8600", "0.8410", "95%", "more sentences")),
        (DROP, evidence(0.90, drop=(5.7, None)), ("5.70 points below the reference", "recipes tried")),
        (SURE_DROP, evidence(0.90, drop=(0.2, 0.7)), ("0.20 points", "up to 0.70 points", "more sentences")),
        (CURRENT, evidence(0.90, drop=(1.2, None)), ("1.20 points below the current", "stays in service")),
        (ORG, evidence(0.80, drop=(1.0, None), gold=12), ("12 entities of type ORG", "remove this gate")),
        (DROP, evidence(0.90), ("has not been evaluated", "reference: true")),
    ],
)
def test_a_refusal_tells_the_figures_and_the_next_step(
    gate: GateParameters, seen: Evidence, words: tuple[str, ...]
) -> None:
    (finding,) = judge_gate(gate, seen)
    assert not finding.passed
    for word in words:
        assert word in finding.message


def test_the_figures_are_in_the_gates_own_unit() -> None:
    (finding,) = judge_gate(SURE_DROP, evidence(0.90, 0.89, drop=(0.2, 0.7)))
    assert (finding.value, finding.bound, finding.limit, finding.confidence) == (0.2, 0.7, 0.5, 0.95)


def test_an_entry_may_ask_for_both() -> None:
    both = GateParameters(min=0.8, max_drop=0.5)
    assert describe(both) == ("f1 >= 0.8", "f1: drop against reference <= 0.5 points")
    assert [finding.reason for finding in judge_gate(both, evidence(0.7, drop=(0.1, None)))] == [
        "BelowMinimum",
        "Passed",
    ]


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        (GateParameters(), "min"),
        (GateParameters(metric="accuracy", entity_type="ORG", min=0.9), "leave entityType out"),
    ],
)
def test_a_gate_that_cannot_be_asked(gate: GateParameters, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_gate(gate)


def test_the_gates_are_light() -> None:
    """The operator and `nerd plan` import them."""
    heavy = "{'numpy', 'torch', 'transformers', 'boto3', 'jinja2'} & set(sys.modules)"
    code = f"import sys, ner_jobs.promotion.verdict; found = {heavy}; sys.exit(str(found) if found else 0)"
    subprocess.run([sys.executable, "-c", code], check=True)
