"""Gates: may this candidate be promoted?

A gate compares measured figures with a limit. Its finding says that the
candidate passes, or why not and what to do. A gate reads no file, no clock and
no cluster, and imports nothing heavy. So every gate is tested as a table, and
the operator, the command line, the report and `promote` show one sentence.

A drop is judged by non-inferiority: "not shown to be worse" is not enough, the
data must show that the drop is small. If a gate has a confidence, its two
one-sided bounds decide: one shows that the gate holds, the opposite one that it
does not, and between them the test set is too small to tell.
"""

from dataclasses import dataclass
from enum import StrEnum

from ner_jobs.scoring.estimate import Bounds
from ner_jobs.task.model import Contract
from ner_jobs.task.parameters import PERFORMANCE_METRICS, GateParameters

FEWEST_GOLD_ENTITIES = 100
"""For a gate on a type, and for every gate with a confidence: with fewer, F1 moves by points by chance."""

FEWEST_UNITS = 30
"""Sentences with something to find, for a gate with a confidence. The smallest test sets for which
`benchmarks/coverage.py` shows that the bounds cover have 29 sentences."""


ADD_A_BENCHMARK = "add spec.benchmark, which measures it"


class GateOutcome(StrEnum):
    """What the data shows about a gate. A promotion needs Successful."""

    SUCCESSFUL = "Successful"
    """The gate holds."""
    FAILED = "Failed"
    """The gate does not hold: with a confidence, the opposite bound is beyond the limit too."""
    INCONCLUSIVE = "Inconclusive"
    """The limit is between the bounds; more sentences would decide."""
    ERROR = "Error"
    """The gate cannot be measured."""


class Reason(StrEnum):
    """Why a gate passed or refused: constants for conditions and tables."""

    PASSED = "Passed"
    NOT_APPLICABLE = "NotApplicable"
    BELOW_MINIMUM = "BelowMinimum"
    ABOVE_MAXIMUM = "AboveMaximum"
    DROP_TOO_LARGE = "DropTooLarge"
    NO_REFERENCE = "NoReference"
    INSUFFICIENT_DATA = "InsufficientData"
    NOT_BENCHMARKED = "NotBenchmarked"
    NOTHING_TO_FIND = "NothingToFind"
    EMULATED = "Emulated"
    ROLLED_BACK = "RolledBack"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one gate may use. The bounds have the gate's confidence, if it has one.

    Attributes:
        value: the candidate's metric, in 0..1.
        drop: points that the candidate loses to the variant that it is compared with, paired; None if
            there is no such variant.
        gold_entities: of the gate's entity type, or of all; None for accuracy, which counts tokens.
        units: sentences with something that the metric counts.
    """

    value: Bounds
    drop: Bounds | None
    gold_entities: int | None
    units: int


@dataclass(frozen=True, slots=True)
class Performance:
    """What a gate on latency, throughput or size may use: its figure, or None if it was not measured."""

    value: float | None


class Finding(Contract):
    """What one gate says of one variant.

    Attributes:
        gate: the gate in words: "f1 of ORG: drop against reference <= 1.5".
        outcome: what the data shows; a gate that does not apply is Successful.
        reason: which kind of gate, or what is missing.
        value, bound: the figure that was judged and its one-sided bound, in the gate's unit (0..1 for a
            minimum, points for a drop); None if not measured, bound also None without a confidence.
        limit: what the spec allows, in the same unit.
    """

    gate: str
    outcome: GateOutcome
    reason: Reason
    message: str
    value: float | None = None
    bound: float | None = None
    limit: float | None = None
    confidence: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the gate lets the candidate pass."""
        return self.outcome is GateOutcome.SUCCESSFUL


def check_gate(gate: GateParameters) -> None:
    """Check that one entry of `spec.evaluation.gates` can be judged.

    Raises:
        ValueError: the entry has no limit, or its metric cannot be measured.
    """
    if gate.metric in PERFORMANCE_METRICS:
        if gate.max_drop is not None or gate.entity_type is not None or gate.confidence is not None:
            raise ValueError(f"{gate.metric} takes no maxDrop, entityType or confidence")
        if (gate.min is None) == (gate.max is None) or (gate.min is None) == _is_throughput(gate):
            raise ValueError("write min for sentencesPerSecond, and max for p50Ms, p99Ms and sizeMiB")
        return
    if gate.max is not None or (gate.min or 0) > 1:
        raise ValueError(f"{gate.metric} is in 0..1 and has a min")
    if gate.metric == "accuracy" and gate.entity_type is not None:
        raise ValueError("accuracy is measured over all tokens; leave entityType out, or take f1")
    if gate.min is None and gate.max_drop is None:
        raise ValueError("a gate needs min (0..1) or maxDrop (points)")


def judge_gate(gate: GateParameters, evidence: Evidence | Performance) -> tuple[Finding, ...]:
    """The findings of one entry of `spec.evaluation.gates`: on its minimum, then on its drop."""
    if isinstance(evidence, Performance):
        return (_judge_performance(gate, evidence.value),)
    minimum = () if gate.min is None else (_judge_minimum(gate, gate.min, evidence),)
    drop = () if gate.max_drop is None else (_judge_drop(gate, gate.max_drop, evidence),)
    return (*minimum, *drop)


def describe(gate: GateParameters) -> tuple[str, ...]:
    """The gates of an entry in words, in the order of `judge_gate`."""
    if gate.max is not None:
        return (f"{gate.metric} <= {gate.max:g}",)
    subject = f"{gate.metric} of {gate.entity_type}" if gate.entity_type else gate.metric
    minimum = () if gate.min is None else (f"{subject} >= {gate.min:g}",)
    other = gate.against or "reference"
    drop = () if gate.max_drop is None else (f"{subject}: drop against {other} <= {gate.max_drop:g} points",)
    return (*minimum, *drop)


def _judge_minimum(gate: GateParameters, limit: float, evidence: Evidence) -> Finding:
    """Judge whether the metric is at least the limit (0..1)."""
    value = evidence.value
    bounds = Bounds(value.point, value.point, value.point) if gate.confidence is None else value
    measured = f"{_subject(gate)} is {value.point:.4f}"
    asked = f"at least {limit:g} asked"
    advice = "train longer, give more data, or lower spec.evaluation.gates[].min"
    outcome, reason = GateOutcome.FAILED, Reason.BELOW_MINIMUM
    if lack := _lack_of_data(gate, evidence):
        outcome, (reason, message) = GateOutcome.ERROR, lack
    elif bounds.lower >= limit:
        outcome, reason = GateOutcome.SUCCESSFUL, Reason.PASSED
        message = f"{measured}{_sure(gate, f'above {bounds.lower:.4f}')}, {asked}"
    elif bounds.upper < limit:
        message = f"{measured}{_sure(gate, f'below {bounds.upper:.4f}')}, {asked}; {advice}"
    else:
        outcome = GateOutcome.INCONCLUSIVE
        message = (
            f"{measured}, but this test set only shows that it is above {bounds.lower:.4f} and below "
            f"{bounds.upper:.4f} ({_percent(gate)} confidence each), {asked}; test on more sentences, "
            f"{advice}"
        )
    deciding = None if gate.confidence is None else bounds.lower
    return _finding(gate, describe(gate)[0], outcome, reason, message, value.point, deciding, limit)


def _judge_drop(gate: GateParameters, limit: float, evidence: Evidence) -> Finding:
    """Judge whether the candidate loses at most as many points as the limit."""
    drop = evidence.drop
    if drop is None:
        return _nothing_to_compare(gate, limit)
    bounds = Bounds(drop.point, drop.point, drop.point) if gate.confidence is None else drop
    loss = f"{_subject(gate)} is {_distance(drop.point, gate.against or 'reference')}"
    allowed = f"{limit:g} allowed"
    advice = (
        "see what changed with nerd report; the current model stays in service"
        if gate.against == "current"
        else "see the recipes tried on the report's page, or name a fallback precision"
    )
    outcome, reason = GateOutcome.FAILED, Reason.DROP_TOO_LARGE
    if lack := _lack_of_data(gate, evidence):
        outcome, (reason, message) = GateOutcome.ERROR, lack
    elif bounds.upper <= limit:
        outcome, reason = GateOutcome.SUCCESSFUL, Reason.PASSED
        message = f"{loss}{_sure(gate, f'at most {bounds.upper:.2f}')}, {allowed}"
    elif bounds.lower > limit:
        message = f"{loss}{_sure(gate, f'at least {bounds.lower:.2f}')}, {allowed}; {advice}"
    else:
        outcome = GateOutcome.INCONCLUSIVE
        message = (
            f"{loss}, but on this test set it might be up to {bounds.upper:.2f} points below "
            f"({_percent(gate)} confidence), {allowed}; test on more sentences, raise "
            f"spec.evaluation.gates[].maxDrop, or {advice}"
        )
    deciding = None if gate.confidence is None else bounds.upper
    return _finding(gate, describe(gate)[-1], outcome, reason, message, drop.point, deciding, limit)


def _judge_performance(gate: GateParameters, value: float | None) -> Finding:
    """Judge a figure of the benchmark or of compile; it is measured once, so the point decides."""
    limit = (gate.min if gate.max is None else gate.max) or 0.0
    name = describe(gate)[0]
    if value is None:
        source = "compile states no size; run it again" if gate.metric == "sizeMiB" else ADD_A_BENCHMARK
        message = f"{gate.metric} was not measured: {source}"
        return Finding(
            gate=name,
            outcome=GateOutcome.ERROR,
            reason=Reason.NOT_BENCHMARKED,
            message=message,
            limit=limit,
        )
    at_most = gate.max is not None
    measured = f"{gate.metric} is {value:.6g}, at {'most' if at_most else 'least'} {limit:g} asked"
    if value <= limit if at_most else value >= limit:
        return _finding(gate, name, GateOutcome.SUCCESSFUL, Reason.PASSED, measured, value, None, limit)
    field = "max" if at_most else "min"
    advice = f"take a smaller model or a lower precision, or change spec.evaluation.gates[].{field}"
    reason = Reason.ABOVE_MAXIMUM if at_most else Reason.BELOW_MINIMUM
    message = f"{measured}; {advice}"
    return _finding(gate, name, GateOutcome.FAILED, reason, message, value, None, limit)


def _is_throughput(gate: GateParameters) -> bool:
    return gate.metric == "sentencesPerSecond"


def _nothing_to_compare(gate: GateParameters, limit: float) -> Finding:
    if gate.against == "current":
        outcome, reason = GateOutcome.SUCCESSFUL, Reason.NOT_APPLICABLE
        message = "nothing is promoted yet, so there is nothing to fall below"
    else:
        outcome, reason = GateOutcome.ERROR, Reason.NO_REFERENCE
        message = (
            "the reference variant has not been evaluated on this data; evaluate it first, or name another "
            "with reference: true"
        )
    return Finding(gate=describe(gate)[-1], outcome=outcome, reason=reason, message=message, limit=limit)


def _finding(
    gate: GateParameters,
    name: str,
    outcome: GateOutcome,
    reason: Reason,
    message: str,
    value: float,
    bound: float | None,
    limit: float,
) -> Finding:
    return Finding(
        gate=name,
        outcome=outcome,
        reason=reason,
        message=message,
        value=value,
        bound=bound,
        limit=limit,
        confidence=gate.confidence,
    )


def _lack_of_data(gate: GateParameters, evidence: Evidence) -> tuple[Reason, str] | None:
    """Why the test set cannot answer the gate; None if it can.

    What counts is what there is to find, never how many errors or differences were seen: a perfect model must
    be able to pass.
    """
    gold, kind = evidence.gold_entities, gate.entity_type
    entities = f"entities of type {kind}" if kind else "entities"
    remedy = f"add test sentences{f' with {kind}' if kind else ''}, or remove "
    if gold == 0:
        message = f"there is nothing to find: the test set has no {entities}; {remedy}this gate"
        return Reason.NOTHING_TO_FIND, message
    remedy += "this gate" if gate.confidence is None else "this gate or its confidence"
    if gold is not None and gold < FEWEST_GOLD_ENTITIES and (kind or gate.confidence is not None):
        found = f"the test set has {gold} {entities}, fewer than {FEWEST_GOLD_ENTITIES}"
        message = f"{found}: chance would decide; {remedy}"
        return Reason.INSUFFICIENT_DATA, message
    if evidence.units < FEWEST_UNITS and gate.confidence is not None:
        items = "tokens" if gold is None else entities
        found = f"the test set has {evidence.units} sentences with {items}, fewer than {FEWEST_UNITS}"
        message = f"{found}: the bounds may not hold; {remedy}"
        return Reason.INSUFFICIENT_DATA, message
    return None


def _subject(gate: GateParameters) -> str:
    """The metric at the beginning of a sentence."""
    name = {"f1": "F1", "f1Strict": "Strict F1"}.get(gate.metric, gate.metric.capitalize())
    return f"{name} of {gate.entity_type}" if gate.entity_type else name


def _distance(points: float, other: str) -> str:
    if abs(points) < 0.005:
        return f"level with the {other}"
    side = "below" if points > 0 else "above"
    return f"{abs(points):.2f} points {side} the {other}"


def _sure(gate: GateParameters, bound: str) -> str:
    """The bound in brackets; empty if the gate has no confidence."""
    return "" if gate.confidence is None else f" ({bound} with {_percent(gate)} confidence)"


def _percent(gate: GateParameters) -> str:
    return f"{100 * (gate.confidence or 0):g}%"
