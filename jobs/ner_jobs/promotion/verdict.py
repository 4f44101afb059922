"""Verdicts: on each variant, from the findings of its gates, and on the whole revision.

Pure and light: reports and the command line read verdicts without NumPy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from ner_jobs.promotion.gates import Finding, GateOutcome, Reason
from ner_jobs.scoring.estimate import Bounds
from ner_jobs.task.model import Contract


class Outcome(StrEnum):
    """What a promote stage did."""

    PROMOTED = "Promoted"
    ALREADY_CURRENT = "AlreadyCurrent"
    AWAITING_APPROVAL = "AwaitingApproval"
    REFUSED = "Refused"
    ROLLED_BACK = "RolledBack"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of a variant without measuring it.

    Attributes:
        emulated: some stage ran on a stand-in for the device.
        held: a person rolled this revision back.
    """

    variant: str
    revision: str
    emulated: bool = False
    held: bool = False


@dataclass(frozen=True, slots=True)
class VariantScores:
    """Scores of one variant on the test set.

    Attributes:
        f1: in 0..1.
        precision, recall: in 0..1, as measured.
        drop: points of F1 below the reference variant, paired; None if there is no reference.
    """

    f1: Bounds
    precision: float
    recall: float
    drop: Bounds | None


class VariantVerdict(Contract):
    """All findings on one variant; `outcome`, `reason` and `message` are those of the one that decides."""

    variant: str
    outcome: GateOutcome
    reason: Reason
    message: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether every gate let it pass."""
        return self.outcome is GateOutcome.SUCCESSFUL


class Verdict(Contract):
    """What `promote` decided; `verdict/verdict.json` of its artifact.

    Attributes:
        variant: the chosen one; None if all were refused.
        generation: of the pointer afterwards; 0 if nothing was ever promoted.
        f1: of the chosen variant; if all were refused, of the first in preference.
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


def admission(candidate: Candidate, allow_emulated: bool) -> tuple[Finding, ...]:
    """Findings that no score can change: the variant is emulated, or the revision was rolled back."""
    findings: list[Finding] = []
    if candidate.emulated:
        if allow_emulated:
            outcome, reason = GateOutcome.SUCCESSFUL, Reason.PASSED
            message = "produced on a stand-in for the device, which the spec allows"
        else:
            outcome, reason = GateOutcome.FAILED, Reason.EMULATED
            message = (
                f"variant {candidate.variant} was produced on a stand-in for the device, so its figures say "
                "nothing of the device; run it on a real one, or set spec.rollout.allowEmulated"
            )
        findings.append(
            Finding(gate="made on a real device", outcome=outcome, reason=reason, message=message)
        )
    if candidate.held:
        message = (
            f"revision {candidate.revision[:12]} was rolled back by a person and is held; change the spec "
            "for a new revision, or promote it by name with nerd promote"
        )
        findings.append(
            Finding(
                gate="not rolled back", outcome=GateOutcome.FAILED, reason=Reason.ROLLED_BACK, message=message
            )
        )
    return tuple(findings)


def judge(variant: str, findings: Sequence[Finding]) -> VariantVerdict:
    """The verdict on one variant: its first failed gate decides, else the first that decides nothing.

    Every finding is kept.
    """
    refusals = sorted(
        (finding for finding in findings if not finding.passed),
        key=lambda finding: finding.outcome is not GateOutcome.FAILED,
    )
    if refusals:
        outcome, reason, message = refusals[0].outcome, refusals[0].reason, refusals[0].message
    else:
        count = len(findings)
        outcome, reason = GateOutcome.SUCCESSFUL, Reason.PASSED
        message = f"passed {count} {'gate' if count == 1 else 'gates'}" if count else "no gates to pass"
    return VariantVerdict(
        variant=variant, outcome=outcome, reason=reason, message=message, findings=tuple(findings)
    )


def choose(verdicts: Sequence[VariantVerdict]) -> VariantVerdict | None:
    """The first variant, in the order of preference, that passed every gate."""
    return next((verdict for verdict in verdicts if verdict.passed), None)
