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
    upper: float | None = None,
    *,
    drop: tuple[float, float | None] | tuple[float, float, float] | None = None,
    gold: int | None = 1000,
    units: int = 500,
) -> Evidence:
    """Bounds that a row does not state are the point. A drop is (point, upper) or (point, upper, lower)."""

    def bounds(point: float, lower: float | None, upper: float | None) -> Bounds:
        return Bounds(point, point if lower is None else lower, point if upper is None else upper)

    loss = None if drop is None else bounds(drop[0], drop[2] if len(drop) == 3 else None, drop[1])
    return Evidence(bounds(value, lower, upper), loss, gold, units)


@pytest.mark.parametrize(
    ("gate", "seen", "outcome", "reason"),
    [
        pytest.param(MINIMUM, evidence(0.85), "Successful", "Passed", id="on the minimum is enough"),
        pytest.param(MINIMUM, evidence(0.8499), "Failed", "BelowMinimum", id="just below is not"),
        pytest.param(
            MINIMUM,
            evidence(0.85, 0.7, 0.9),
            "Successful",
            "Passed",
            id="without a confidence the point decides",
        ),
        pytest.param(
            SURE_MINIMUM, evidence(0.86, 0.852, 0.87), "Successful", "Passed", id="surely above the minimum"
        ),
        pytest.param(
            SURE_MINIMUM,
            evidence(0.86, 0.841, 0.88),
            "Inconclusive",
            "BelowMinimum",
            id="above, and not surely",
        ),
        pytest.param(
            SURE_MINIMUM,
            evidence(0.84, 0.81, 0.86),
            "Inconclusive",
            "BelowMinimum",
            id="below, and not surely",
        ),
        pytest.param(
            SURE_MINIMUM, evidence(0.80, 0.78, 0.82), "Failed", "BelowMinimum", id="surely below the minimum"
        ),
        pytest.param(
            DROP, evidence(0.90, drop=(0.5, None)), "Successful", "Passed", id="on the allowed drop is enough"
        ),
        pytest.param(
            DROP, evidence(0.90, drop=(0.51, None)), "Failed", "DropTooLarge", id="a drop too large"
        ),
        pytest.param(
            DROP, evidence(0.386, drop=(56.7, None)), "Failed", "DropTooLarge", id="the int8 collapse"
        ),
        pytest.param(DROP, evidence(0.95, drop=(-2.0, None)), "Successful", "Passed", id="a gain is no drop"),
        pytest.param(
            SURE_DROP, evidence(0.90, drop=(0.2, 0.4, 0.0)), "Successful", "Passed", id="shown to be small"
        ),
        pytest.param(
            SURE_DROP,
            evidence(0.90, drop=(0.2, 0.7, -0.3)),
            "Inconclusive",
            "DropTooLarge",
            id="not shown to be small",
        ),
        pytest.param(
            SURE_DROP,
            evidence(0.90, drop=(0.6, 0.9, 0.3)),
            "Inconclusive",
            "DropTooLarge",
            id="not shown to be too large",
        ),
        pytest.param(
            SURE_DROP,
            evidence(0.90, drop=(56.7, 57.5, 55.9)),
            "Failed",
            "DropTooLarge",
            id="shown to be too large",
        ),
        pytest.param(
            SURE_DROP,
            evidence(0.90, drop=(0.0, 0.1, -0.1)),
            "Successful",
            "Passed",
            id="a perfect int8 on enough data",
        ),
        pytest.param(DROP, evidence(0.90), "Error", "NoReference", id="without a reference nobody can tell"),
        pytest.param(
            CURRENT,
            evidence(0.90),
            "Successful",
            "NotApplicable",
            id="the first model has nothing to fall below",
        ),
        pytest.param(
            CURRENT, evidence(0.90, drop=(1.2, None)), "Failed", "DropTooLarge", id="worse than what serves"
        ),
        pytest.param(
            ORG, evidence(0.80, drop=(1.0, None), gold=100), "Successful", "Passed", id="a type, enough gold"
        ),
        pytest.param(
            ORG, evidence(0.80, drop=(1.0, None), gold=99), "Error", "InsufficientData", id="a type, too rare"
        ),
        pytest.param(
            ORG, evidence(0.00, drop=(0.0, None), gold=0), "Error", "NothingToFind", id="a type nowhere"
        ),
        pytest.param(
            MINIMUM, evidence(0.0, 0.0, 1.0, gold=0), "Error", "NothingToFind", id="no entity at all"
        ),
        pytest.param(
            DROP,
            evidence(0.0, 0.0, 1.0, drop=(0.0, None), gold=0),
            "Error",
            "NothingToFind",
            id="no entity at all, and no drop either",
        ),
        pytest.param(
            SURE_MINIMUM,
            evidence(1.0, 0.97, 1.0, gold=99),
            "Error",
            "InsufficientData",
            id="few entities in all",
        ),
        pytest.param(
            SURE_MINIMUM,
            evidence(1.0, 0.97, 1.0, units=29),
            "Error",
            "InsufficientData",
            id="many entities in few sentences",
        ),
        pytest.param(
            SURE_DROP,
            evidence(1.0, drop=(0.0, 0.4, -0.4), gold=100, units=30),
            "Successful",
            "Passed",
            id="on the floors, however few sentences differ",
        ),
        pytest.param(
            MINIMUM,
            evidence(0.9, gold=7, units=5),
            "Successful",
            "Passed",
            id="without a confidence the point decides on little data too",
        ),
        pytest.param(
            GateParameters(metric="accuracy", min=0.9, confidence=0.95),
            evidence(0.95, 0.94, 0.96, gold=None, units=29),
            "Error",
            "InsufficientData",
            id="accuracy of few sentences",
        ),
        pytest.param(
            GateParameters(metric="accuracy", min=0.9, confidence=0.95),
            evidence(0.95, 0.94, 0.96, gold=None),
            "Successful",
            "Passed",
            id="accuracy needs no entity",
        ),
        pytest.param(
            GateParameters(min=0.5, entity_type="ORG"),
            evidence(0.9, gold=20),
            "Error",
            "InsufficientData",
            id="a minimum of a rare type",
        ),
    ],
)
def test_one_gate(gate: GateParameters, seen: Evidence, outcome: str, reason: str) -> None:
    (finding,) = judge_gate(gate, seen)
    assert (finding.outcome, finding.reason) == (outcome, reason)
    assert finding.passed == (outcome == "Successful")
    assert finding.message
    assert finding.gate == describe(gate)[0]


@pytest.mark.parametrize(
    ("gate", "seen", "words"),
    [
        (MINIMUM, evidence(0.8211), ("0.8211", "0.85", "lower spec.evaluation.gates[].min")),
        (SURE_MINIMUM, evidence(0.86, 0.841, 0.88), ("0.8600", "0.8410", "0.8800", "95%", "more sentences")),
        (DROP, evidence(0.90, drop=(5.7, None)), ("5.70 points below the reference", "recipes tried")),
        (
            SURE_DROP,
            evidence(0.90, drop=(0.2, 0.7, -0.3)),
            ("0.20 points", "up to 0.70 points", "more sentences"),
        ),
        (CURRENT, evidence(0.90, drop=(1.2, None)), ("1.20 points below the current", "stays in service")),
        (ORG, evidence(0.80, drop=(1.0, None), gold=12), ("12 entities of type ORG", "remove this gate")),
        (MINIMUM, evidence(0.0, gold=0), ("nothing to find", "no entities", "add test sentences")),
        (
            SURE_MINIMUM,
            evidence(1.0, units=5),
            ("5 sentences with entities", "fewer than 30", "or its confidence"),
        ),
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
    (finding,) = judge_gate(SURE_DROP, evidence(0.90, 0.89, drop=(0.2, 0.7, -0.3)))
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
        (GateParameters(max=0.9), "in 0..1 and has a min"),
        (GateParameters(min=20), "in 0..1 and has a min"),
        (GateParameters(metric="p99Ms"), "max for p50Ms"),
        (GateParameters(metric="p99Ms", min=20), "max for p50Ms"),
        (GateParameters(metric="sentencesPerSecond", max=20), "min for sentencesPerSecond"),
        (GateParameters(metric="sizeMiB", max=20, confidence=0.95), "takes no maxDrop"),
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
