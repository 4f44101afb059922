"""Gates: may this candidate be promoted?

A gate is a pure function of measured figures to a finding: it passes, or says
why not and what to do. It reads no file, no clock and no cluster, and imports
nothing heavy, so the operator, the command line, the report and `promote` say
the same sentence, and each gate is tested as a table.

A drop is judged by non-inferiority: "not shown to be worse" is not enough,
the data must show that the drop is small. So with a confidence the one-sided
bound decides, and too little data refuses rather than lets pass. The first
refusal is the answer for a variant; the later findings are kept all the same,
since a person wants to see every figure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from ner_jobs.task.model import Contract
from ner_jobs.task.parameters import GateParameters

FEWEST_GOLD_ENTITIES = 100
"""Below it a type's F1 moves by several points by chance: no gate on it can be answered."""


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


class Outcome(StrEnum):
    """What a verdict led to."""

    PROMOTED = "Promoted"
    ALREADY_CURRENT = "AlreadyCurrent"
    AWAITING_APPROVAL = "AwaitingApproval"
    REFUSED = "Refused"
    ROLLED_BACK = "RolledBack"


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure and its one-sided bound at the gate's confidence (None: the point decides)."""

    point: float
    bound: float | None = None

    @property
    def deciding(self) -> float:
        """The bound where there is one."""
        return self.point if self.bound is None else self.bound


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one gate may look at.

    Attributes:
        value: the candidate's metric in 0..1; the bound is the lower one.
        drop: points that the candidate loses to what it is held against, paired; the bound is
            the upper one. None where there is nothing to hold it against.
        gold_entities: of the gate's entity type; None for a gate over all types.
    """

    value: Measure
    drop: Measure | None = None
    gold_entities: int | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of a variant before any figure.

    Attributes:
        emulated: some stage ran on a stand-in for the device.
        held: a person rolled this revision back.
    """

    variant: str
    revision: str
    emulated: bool = False
    held: bool = False


class Finding(Contract):
    """What one gate says of one variant.

    Attributes:
        gate: the gate in words: "f1 of ORG: drop against reference <= 1.5".
        value, bound: the figure that was judged and its one-sided bound, in the gate's unit
            (0..1 for a minimum, points for a drop); None where nothing was measured.
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
        """Whether the candidate may go on."""
        return self.reason in (Reason.PASSED, Reason.NOT_APPLICABLE)


class VariantVerdict(Contract):
    """All findings on one variant; `reason` and `message` are those of the first refusal."""

    variant: str
    reason: Reason
    message: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether every gate let it pass."""
        return self.reason is Reason.PASSED


class Verdict(Contract):
    """What `promote` decided; `verdict/verdict.json` of its artifact.

    Attributes:
        variant: the one that was chosen, or None where all were refused.
        generation: of the pointer afterwards; 0 where nothing was ever promoted.
        f1: of the chosen variant, or of the first in preference where all were refused.
        drop: its points of F1 below the reference variant; drop_upper: the one-sided 95% bound.
        judged: how many candidates this test snapshot has judged so far, these included.
        test: digest of the test snapshot.
    """

    format: Literal[1] = 1
    outcome: Outcome
    message: str
    revision: str
    variant: str | None
    generation: int
    f1: float | None
    drop: float | None
    drop_upper: float | None
    judged: int
    test: str
    variants: tuple[VariantVerdict, ...]


Gate = Callable[[Evidence], Finding]


def gates_of(parameters: GateParameters) -> tuple[Gate, ...]:
    """The gates that one entry of `spec.evaluation.gates` asks for.

    Raises:
        ValueError: the entry asks for nothing, or for what cannot be measured.
    """
    if parameters.metric == "accuracy" and parameters.entity_type is not None:
        raise ValueError("accuracy is measured over all tokens; leave entityType out, or take f1")
    if parameters.min is None and parameters.max_drop is None:
        raise ValueError("a gate needs min (0..1) or maxDrop (points)")
    gates: list[Gate] = []
    if parameters.min is not None:
        gates.append(_minimum(parameters, parameters.min))
    if parameters.max_drop is not None:
        against_current = parameters.against == "current"
        missing = _no_current if against_current else _no_reference
        gates.append(_largest_drop(parameters, parameters.max_drop, missing))
    return tuple(gates)


def admission(candidate: Candidate, allow_emulated: bool) -> tuple[Finding, ...]:
    """What no figure can mend: an emulated variant, a revision that a person took back."""
    findings: list[Finding] = []
    if candidate.emulated:
        if allow_emulated:
            reason, message = Reason.PASSED, "produced on a stand-in for the device, which the spec allows"
        else:
            reason = Reason.EMULATED
            message = (
                f"variant {candidate.variant} was produced on a stand-in for the device, so its figures say "
                "nothing of the device; run it on a real one, or set spec.rollout.allowEmulated"
            )
        findings.append(Finding(gate="made on a real device", reason=reason, message=message))
    if candidate.held:
        findings.append(
            Finding(
                gate="not rolled back",
                reason=Reason.ROLLED_BACK,
                message=f"revision {candidate.revision[:12]} was rolled back by a person and is held; "
                "change the spec for a new revision, or promote it by name with nerd promote",
            )
        )
    return tuple(findings)


def judge(variant: str, findings: Sequence[Finding]) -> VariantVerdict:
    """Stop at the first refusal; keep every finding to be shown."""
    refusal = next((finding for finding in findings if not finding.passed), None)
    if refusal is None:
        count = len(findings)
        message = f"passed {count} {'gate' if count == 1 else 'gates'}" if count else "no gates to pass"
        return VariantVerdict(
            variant=variant, reason=Reason.PASSED, message=message, findings=tuple(findings)
        )
    return VariantVerdict(
        variant=variant, reason=refusal.reason, message=refusal.message, findings=tuple(findings)
    )


def choose(verdicts: Sequence[VariantVerdict]) -> VariantVerdict | None:
    """The first variant, in the order of preference, that passed every gate."""
    return next((verdict for verdict in verdicts if verdict.passed), None)


def describe(parameters: GateParameters) -> tuple[str, ...]:
    """Each gate of an entry in words, in the order of `gates_of`."""
    subject = _subject(parameters)
    words: list[str] = []
    if parameters.min is not None:
        words.append(f"{subject} >= {parameters.min:g}")
    if parameters.max_drop is not None:
        words.append(
            f"{subject}: drop against {parameters.against or 'reference'} <= {parameters.max_drop:g} points"
        )
    return tuple(words)


def _subject(parameters: GateParameters) -> str:
    """The metric as the spec writes it."""
    return f"{parameters.metric} of {parameters.entity_type}" if parameters.entity_type else parameters.metric


def _spoken(parameters: GateParameters) -> str:
    """The metric at the beginning of a sentence."""
    name = {"f1": "F1", "f1Strict": "Strict F1"}.get(parameters.metric, parameters.metric.capitalize())
    return f"{name} of {parameters.entity_type}" if parameters.entity_type else name


def _minimum(parameters: GateParameters, limit: float) -> Gate:
    """Refuse a candidate whose metric is below the limit (0..1)."""
    subject = _spoken(parameters)
    words = describe(parameters)[0]

    def gate(evidence: Evidence) -> Finding:
        value = evidence.value

        def finding(reason: Reason, message: str) -> Finding:
            return Finding(
                gate=words,
                reason=reason,
                message=message,
                value=value.point,
                bound=value.bound,
                limit=limit,
                confidence=parameters.confidence,
            )

        if (few := _too_few(parameters, evidence)) is not None:
            return finding(Reason.INSUFFICIENT_DATA, few)
        sure = _lower(value, parameters.confidence)
        if value.deciding >= limit:
            return finding(Reason.PASSED, f"{subject} is {value.point:.4f}{sure}, at least {limit:g} asked")
        if value.point >= limit:
            return finding(
                Reason.BELOW_MINIMUM,
                f"{subject} is {value.point:.4f}, but this test set only shows that it is above "
                f"{value.deciding:.4f} ({_percent(parameters.confidence)} confidence), at least {limit:g} "
                "asked; test on more sentences, train longer, or lower spec.evaluation.gates[].min",
            )
        return finding(
            Reason.BELOW_MINIMUM,
            f"{subject} is {value.point:.4f}{sure}, at least {limit:g} asked; "
            "train longer, give more data, or lower spec.evaluation.gates[].min",
        )

    return gate


def _largest_drop(parameters: GateParameters, limit: float, missing: Callable[[str, float], Finding]) -> Gate:
    """Refuse a candidate that loses more points than the limit, or might."""
    subject = _spoken(parameters)
    other = parameters.against or "reference"
    words = describe(parameters)[-1]
    mend = (
        "see the recipes tried on the report's page, or name a fallback precision"
        if other == "reference"
        else "see what changed with nerd report; the current model stays in service"
    )

    def gate(evidence: Evidence) -> Finding:
        drop = evidence.drop
        if drop is None:
            return missing(words, limit)

        def finding(reason: Reason, message: str) -> Finding:
            return Finding(
                gate=words,
                reason=reason,
                message=message,
                value=drop.point,
                bound=drop.bound,
                limit=limit,
                confidence=parameters.confidence,
            )

        if (few := _too_few(parameters, evidence)) is not None:
            return finding(Reason.INSUFFICIENT_DATA, few)
        sure = _upper(drop, parameters.confidence)
        distance = _distance(drop.point, other)
        if drop.deciding <= limit:
            return finding(Reason.PASSED, f"{subject} is {distance}{sure}, {limit:g} allowed")
        if drop.point <= limit:
            return finding(
                Reason.DROP_TOO_LARGE,
                f"{subject} is {distance}, but on this test set it might be up to "
                f"{drop.deciding:.2f} points below ({_percent(parameters.confidence)} confidence), {limit:g} "
                f"allowed; test on more sentences, or {mend}",
            )
        return finding(Reason.DROP_TOO_LARGE, f"{subject} is {distance}{sure}, {limit:g} allowed; {mend}")

    return gate


def _no_reference(words: str, limit: float) -> Finding:
    return Finding(
        gate=words,
        reason=Reason.NO_REFERENCE,
        message="the reference variant has not been evaluated on this data; evaluate it first, or name "
        "another with reference: true",
        limit=limit,
    )


def _no_current(words: str, limit: float) -> Finding:
    return Finding(
        gate=words,
        reason=Reason.NOT_APPLICABLE,
        message="nothing is promoted yet, so there is nothing to fall below",
        limit=limit,
    )


def _too_few(parameters: GateParameters, evidence: Evidence) -> str | None:
    if evidence.gold_entities is None or evidence.gold_entities >= FEWEST_GOLD_ENTITIES:
        return None
    return (
        f"the test set has {evidence.gold_entities} entities of type {parameters.entity_type}, fewer than "
        f"{FEWEST_GOLD_ENTITIES}: chance would decide; add test sentences with {parameters.entity_type}, "
        "or remove this gate"
    )


def _lower(value: Measure, confidence: float | None) -> str:
    return "" if value.bound is None else f" (above {value.bound:.4f} with {_percent(confidence)} confidence)"


def _upper(drop: Measure, confidence: float | None) -> str:
    if drop.bound is None:
        return ""
    return f" (at most {drop.bound:.2f} with {_percent(confidence)} confidence)"


def _distance(points: float, other: str) -> str:
    if abs(points) < 0.005:
        return f"level with the {other}"
    side = "below" if points > 0 else "above"
    return f"{abs(points):.2f} points {side} the {other}"


def _percent(confidence: float | None) -> str:
    return f"{100 * (confidence or 0):g}%"
