"""Gates: may this candidate be promoted?

A gate compares measured figures with a limit. Its finding says that the
candidate passes, or why not and what to do. A gate reads no file, no clock and
no cluster, and imports nothing heavy. So every gate is tested as a table, and
the operator, the command line, the report and `promote` show one sentence.

A drop is judged by non-inferiority: "not shown to be worse" is not enough, the
data must show that the drop is small. If a gate has a confidence, its
one-sided bound decides, so a test set that is too small is refused.
"""

from dataclasses import dataclass
from enum import StrEnum

from ner_jobs.scoring.estimate import Bounds
from ner_jobs.task.model import Contract
from ner_jobs.task.parameters import GateParameters

FEWEST_GOLD_ENTITIES = 100
"""With fewer, F1 of a type moves by several points by chance, and a gate on it is refused."""


class Reason(StrEnum):
    """Why a gate passed or refused: constants for conditions and tables."""

    PASSED = "Passed"
    NOT_APPLICABLE = "NotApplicable"
    BELOW_MINIMUM = "BelowMinimum"
    DROP_TOO_LARGE = "DropTooLarge"
    NO_REFERENCE = "NoReference"
    INSUFFICIENT_DATA = "InsufficientData"
    EMULATED = "Emulated"
    ROLLED_BACK = "RolledBack"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one gate may use. The bounds have the gate's confidence, if it has one.

    Attributes:
        value: the candidate's metric, in 0..1.
        drop: points that the candidate loses to the variant that it is compared with, paired; None if
            there is no such variant.
        gold_entities: of the gate's entity type; None for a gate over all types.
    """

    value: Bounds
    drop: Bounds | None = None
    gold_entities: int | None = None


class Finding(Contract):
    """What one gate says of one variant.

    Attributes:
        gate: the gate in words: "f1 of ORG: drop against reference <= 1.5".
        value, bound: the figure that was judged and its one-sided bound, in the gate's unit (0..1 for a
            minimum, points for a drop); None if not measured, bound also None without a confidence.
        limit: what the spec allows, in the same unit.
    """

    gate: str
    reason: Reason
    message: str
    value: float | None = None
    bound: float | None = None
    limit: float | None = None
    confidence: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the gate lets the candidate pass."""
        return self.reason in (Reason.PASSED, Reason.NOT_APPLICABLE)


def check_gate(gate: GateParameters) -> None:
    """Check that one entry of `spec.evaluation.gates` can be judged.

    Raises:
        ValueError: the entry has no limit, or its metric cannot be measured.
    """
    if gate.metric == "accuracy" and gate.entity_type is not None:
        raise ValueError("accuracy is measured over all tokens; leave entityType out, or take f1")
    if gate.min is None and gate.max_drop is None:
        raise ValueError("a gate needs min (0..1) or maxDrop (points)")


def judge_gate(gate: GateParameters, evidence: Evidence) -> tuple[Finding, ...]:
    """The findings of one entry of `spec.evaluation.gates`: on its minimum, then on its drop."""
    minimum = () if gate.min is None else (_judge_minimum(gate, gate.min, evidence),)
    drop = () if gate.max_drop is None else (_judge_drop(gate, gate.max_drop, evidence),)
    return (*minimum, *drop)


def describe(gate: GateParameters) -> tuple[str, ...]:
    """The gates of an entry in words, in the order of `judge_gate`."""
    subject = f"{gate.metric} of {gate.entity_type}" if gate.entity_type else gate.metric
    minimum = () if gate.min is None else (f"{subject} >= {gate.min:g}",)
    other = gate.against or "reference"
    drop = () if gate.max_drop is None else (f"{subject}: drop against {other} <= {gate.max_drop:g} points",)
    return (*minimum, *drop)


def _judge_minimum(gate: GateParameters, limit: float, evidence: Evidence) -> Finding:
    """Refuse a candidate whose metric is below the limit (0..1)."""
    value = evidence.value
    bound = None if gate.confidence is None else value.lower
    deciding = value.point if bound is None else bound
    subject = _subject(gate)
    reason = Reason.BELOW_MINIMUM
    above = "" if bound is None else f" (above {bound:.4f} with {_percent(gate)} confidence)"
    if few := _too_few(gate, evidence):
        reason, message = Reason.INSUFFICIENT_DATA, few
    elif deciding >= limit:
        reason, message = Reason.PASSED, f"{subject} is {value.point:.4f}{above}, at least {limit:g} asked"
    elif value.point >= limit:
        message = (
            f"{subject} is {value.point:.4f}, but this test set only shows that it is above {deciding:.4f} "
            f"({_percent(gate)} confidence), at least {limit:g} asked; test on more sentences, train "
            "longer, or lower spec.evaluation.gates[].min"
        )
    else:
        message = (
            f"{subject} is {value.point:.4f}{above}, at least {limit:g} asked; train longer, give more "
            "data, or lower spec.evaluation.gates[].min"
        )
    return _finding(gate, describe(gate)[0], reason, message, value.point, bound, limit)


def _judge_drop(gate: GateParameters, limit: float, evidence: Evidence) -> Finding:
    """Refuse a candidate that loses more points than the limit, or might."""
    drop = evidence.drop
    if drop is None:
        return _nothing_to_compare(gate, limit)
    against_current = gate.against == "current"
    bound = None if gate.confidence is None else drop.upper
    deciding = drop.point if bound is None else bound
    loss = f"{_subject(gate)} is {_distance(drop.point, gate.against or 'reference')}"
    advice = (
        "see what changed with nerd report; the current model stays in service"
        if against_current
        else "see the recipes tried on the report's page, or name a fallback precision"
    )
    reason = Reason.DROP_TOO_LARGE
    at_most = "" if bound is None else f" (at most {bound:.2f} with {_percent(gate)} confidence)"
    if few := _too_few(gate, evidence):
        reason, message = Reason.INSUFFICIENT_DATA, few
    elif deciding <= limit:
        reason, message = Reason.PASSED, f"{loss}{at_most}, {limit:g} allowed"
    elif drop.point <= limit:
        message = (
            f"{loss}, but on this test set it might be up to {deciding:.2f} points below "
            f"({_percent(gate)} confidence), {limit:g} allowed; test on more sentences, or {advice}"
        )
    else:
        message = f"{loss}{at_most}, {limit:g} allowed; {advice}"
    return _finding(gate, describe(gate)[-1], reason, message, drop.point, bound, limit)


def _nothing_to_compare(gate: GateParameters, limit: float) -> Finding:
    if gate.against == "current":
        reason = Reason.NOT_APPLICABLE
        message = "nothing is promoted yet, so there is nothing to fall below"
    else:
        reason = Reason.NO_REFERENCE
        message = (
            "the reference variant has not been evaluated on this data; evaluate it first, or name another "
            "with reference: true"
        )
    return Finding(gate=describe(gate)[-1], reason=reason, message=message, limit=limit)


def _finding(
    gate: GateParameters,
    name: str,
    reason: Reason,
    message: str,
    value: float,
    bound: float | None,
    limit: float,
) -> Finding:
    return Finding(
        gate=name,
        reason=reason,
        message=message,
        value=value,
        bound=bound,
        limit=limit,
        confidence=gate.confidence,
    )


def _too_few(gate: GateParameters, evidence: Evidence) -> str:
    """Why the test set cannot answer the gate; empty if it can."""
    if evidence.gold_entities is None or evidence.gold_entities >= FEWEST_GOLD_ENTITIES:
        return ""
    return (
        f"the test set has {evidence.gold_entities} entities of type {gate.entity_type}, fewer than "
        f"{FEWEST_GOLD_ENTITIES}: chance would decide; add test sentences with {gate.entity_type}, "
        "or remove this gate"
    )


def _subject(gate: GateParameters) -> str:
    """The metric at the beginning of a sentence."""
    name = {"f1": "F1", "f1Strict": "Strict F1"}.get(gate.metric, gate.metric.capitalize())
    return f"{name} of {gate.entity_type}" if gate.entity_type else name


def _distance(points: float, other: str) -> str:
    if abs(points) < 0.005:
        return f"level with the {other}"
    side = "below" if points > 0 else "above"
    return f"{abs(points):.2f} points {side} the {other}"


def _percent(gate: GateParameters) -> str:
    return f"{100 * (gate.confidence or 0):g}%"
