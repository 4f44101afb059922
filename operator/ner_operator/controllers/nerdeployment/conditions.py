"""The conditions: what a person, `kubectl wait`, Flux and Argo CD read. Ready is set here and nowhere else.

First the state is told in one word and one sentence (`Verdict`), then the
four conditions follow from it by the table of DESIGN section 4: Reconciling
and Stalled are never both there, and never neither while there is work left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from ner_operator.api.meta import Condition
from ner_operator.api.times import to_seconds, to_text
from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.api.v1alpha1.status import NerDeploymentStatus, PromotionStatus, StageStatus
from ner_operator.controllers.nerdeployment.diagnosis import Trouble
from ner_operator.controllers.nerdeployment.truncation import few

MESSAGE = 2048
"""Characters of a condition's message."""


class Standing(Enum):
    """Which row of the table holds."""

    WORKING = "working"
    MISSING = "missing"
    STALLED = "stalled"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state in one word and one sentence.

    Attributes:
        blocked_since: since when something has been missing; None where nothing is.
        look_again: seconds until a deadline changes it; None for never.
    """

    standing: Standing
    reason: Reason
    message: str
    blocked_since: float | None = None
    look_again: float | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the state follows from.

    Attributes:
        stages: as the status will hold them, the command's apart.
        obstacle: what only a changed spec mends.
        revision: of the spec; None until it is known.
        promotion: where the pointer stands.
        outcome, outcome_message: of promote's verdict on this revision; empty before it.
        held: why promote does not judge this revision; empty where it does.
        deadline: seconds that something may be missing.
        blocked_since: as the status has it.
    """

    stages: Sequence[StageStatus]
    obstacle: Trouble | None
    suspended: bool
    revision: str | None
    promotion: PromotionStatus | None
    outcome: str
    outcome_message: str
    held: str
    deadline: float
    blocked_since: float | None


LASTING = frozenset(
    {
        Reason.RUNTIME_NOT_FOUND,
        Reason.SERVICE_ACCOUNT_NOT_ALLOWED,
        Reason.SECRET_NOT_FOUND,
        Reason.POD_NOT_CONFIGURED,
        Reason.IMAGE_NOT_PULLED,
        Reason.DEVICE_NOT_FREE,
        Reason.UNSCHEDULABLE,
        Reason.POD_REFUSED,
        Reason.RETRYING,
        Reason.INPUT_NOT_FOUND,
        Reason.INTERRUPTED,
        Reason.JOB_NOT_FOUND,
        Reason.TERMINATION_MESSAGE_LOST,
    }
)
"""Reasons that become a person's matter where they last: somebody has to bring something, or to stop
something. It goes on by itself then."""

_OVER = frozenset({"Succeeded", "Held"})


def verdict_of(facts: Facts, now: float) -> Verdict:
    """The state in one word and one sentence."""
    left = [stage for stage in facts.stages if stage.state not in _OVER]
    if facts.obstacle is not None:
        return Verdict(Standing.STALLED, facts.obstacle.reason, facts.obstacle.message)
    if facts.suspended and left:
        return Verdict(
            Standing.WORKING,
            Reason.SUSPENDED,
            f"suspended with {_count(left)} left; spec.suspend: false goes on from there",
        )
    failed = [stage for stage in left if stage.state == "Failed"]
    if failed:
        first = failed[0]
        more = f" (and {_names(failed[1:])})" if failed[1:] else ""
        return Verdict(Standing.STALLED, Reason(first.reason), f"{first.name}: {first.message}{more}")
    missing = [stage for stage in left if stage.reason in LASTING]
    if missing:
        return _missing(facts, missing, now)
    if facts.outcome == "Refused":
        return Verdict(Standing.STALLED, Reason.GATES_FAILED, facts.outcome_message)
    if left:
        return _working(facts, left)
    if facts.outcome == "AwaitingApproval":
        return Verdict(Standing.WORKING, Reason.AWAITING_APPROVAL, facts.outcome_message)
    return _ready(facts)


def conditions_of(
    verdict: Verdict,
    status: NerDeploymentStatus,
    promotion: PromotionStatus | None,
    generation: int,
    now: float,
) -> tuple[Condition, ...]:
    """Ready, then Reconciling or Stalled where one holds, then Available.

    Args:
        verdict: the state.
        status: as it was, whose transition times stay where nothing changed.
        promotion: where the pointer stands.
        generation: of the spec.
        now: seconds since the epoch.
    """
    ready = verdict.standing is Standing.READY
    wanted = [("Ready", ready, verdict.reason, verdict.message)]
    if verdict.standing is Standing.STALLED:
        wanted.append(("Stalled", True, verdict.reason, verdict.message))
    elif not ready:
        wanted.append(("Reconciling", True, verdict.reason, verdict.message))
    if promotion is not None:
        wanted.append(("Available", True, Reason.PROMOTED, _in_service(promotion)))
    else:
        wanted.append(("Available", False, Reason.NOTHING_PROMOTED, "no model has been promoted yet"))
    return tuple(
        _condition(status, type_, holds, reason, message, generation, now)
        for type_, holds, reason, message in wanted
    )


def _condition(
    status: NerDeploymentStatus,
    type_: str,
    holds: bool,
    reason: Reason,
    message: str,
    generation: int,
    now: float,
) -> Condition:
    before = status.condition(type_)
    value: Literal["True", "False"] = "True" if holds else "False"
    stays = before is not None and before.status == value
    return Condition(
        type=type_,
        status=value,
        reason=str(reason),
        message=message if len(message) <= MESSAGE else message[: MESSAGE - 1] + "…",
        last_transition_time=before.last_transition_time if before and stays else to_text(now),
        observed_generation=generation,
    )


def _missing(facts: Facts, missing: Sequence[StageStatus], now: float) -> Verdict:
    """Something is missing: first it is waited for, after the deadline it is called stalled."""
    reason, message = Reason(missing[0].reason), f"{missing[0].name}: {missing[0].message}"
    if missing[1:]:
        message += f" (also {_names(missing[1:])})"
    since = now if facts.blocked_since is None else facts.blocked_since
    left = since + facts.deadline - now
    works = [stage for stage in facts.stages if stage.state == "Running" and stage.reason not in LASTING]
    if left > 0 or works:
        return Verdict(Standing.MISSING, reason, message, since, max(left, 0) or None)
    return Verdict(Standing.STALLED, reason, message, since)


def _working(facts: Facts, left: Sequence[StageStatus]) -> Verdict:
    done = len(facts.stages) - len(left)
    progress = f"{done} of {len(facts.stages)} stages done"
    late = next((stage for stage in left if stage.reason == Reason.QUEUE_DEADLINE_EXCEEDED), None)
    if late is not None:
        return Verdict(
            Standing.WORKING, Reason.QUEUE_DEADLINE_EXCEEDED, f"{late.name}: {late.message}; {progress}"
        )
    again = next((stage for stage in left if stage.state == "Retrying"), None)
    if again is not None:
        return Verdict(Standing.WORKING, Reason(again.reason), f"{again.name}: {again.message}; {progress}")
    running = [stage for stage in left if stage.state in ("Queued", "Running")]
    queued = [stage for stage in running if stage.reason == Reason.QUEUED]
    if running and len(queued) == len(running):
        return Verdict(Standing.WORKING, Reason.QUEUED, f"{_names(queued)}: {queued[0].message}; {progress}")
    return Verdict(Standing.WORKING, Reason.STAGES_RUNNING, f"{_names(running)} at work; {progress}")


def _ready(facts: Facts) -> Verdict:
    promotion = facts.promotion
    if promotion is None:
        return Verdict(Standing.READY, Reason.HELD, facts.held or "nothing is left to do")
    if promotion.revision == facts.revision:
        reason = Reason.ALREADY_CURRENT if facts.outcome == "AlreadyCurrent" else Reason.PROMOTED
        return Verdict(Standing.READY, reason, _in_service(promotion))
    return Verdict(Standing.READY, Reason.HELD, facts.held or _in_service(promotion))


def _in_service(promotion: PromotionStatus) -> str:
    figures = f", F1 {promotion.f1:.4f}" if promotion.f1 is not None else ""
    hand = ", put there by hand" if promotion.manual else ""
    return (
        f"variant {promotion.variant} of revision {promotion.revision[:12]} is in service "
        f"(generation {promotion.generation}{figures}{hand})"
    )


def _names(stages: Sequence[StageStatus]) -> str:
    return few([stage.name for stage in stages]) or "nothing"


def _count(stages: Sequence[StageStatus]) -> str:
    return f"{len(stages)} {'stage' if len(stages) == 1 else 'stages'}"


def blocked_since(status: NerDeploymentStatus) -> float | None:
    """Since when something has been missing, as the status has it."""
    return to_seconds(status.blocked_since) if status.blocked_since else None
