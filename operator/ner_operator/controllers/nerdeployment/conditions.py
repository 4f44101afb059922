"""The conditions: what a person, `kubectl wait`, Flux and Argo CD read.

`summarize` reduces the progress of a deployment to one reason and one message.
`conditions_of` makes the four conditions from this summary. There is always
either Ready=True, or exactly one of Reconciling and Stalled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from ner_operator.api.meta import Condition
from ner_operator.api.times import to_seconds, to_text
from ner_operator.api.v1alpha1 import NerDeploymentSpec
from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.api.v1alpha1.status import NerDeploymentStatus, PromotionStatus, StageStatus
from ner_operator.controllers.nerdeployment.attempts import RETRIED
from ner_operator.controllers.nerdeployment.diagnosis import Diagnosis
from ner_operator.controllers.nerdeployment.truncation import cut_characters, few
from ner_operator.planning.plan import Cached, Held, Plan

MESSAGE = 2048
"""Characters of a condition's message."""


class Readiness(Enum):
    """The states that have different conditions or Events."""

    WORKING = "working"
    MISSING = "missing"
    """Something is missing, for less than `progressDeadlineSeconds`."""
    STALLED = "stalled"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class Summary:
    """The state of a deployment, as one reason and one message.

    Attributes:
        blocked_since: since when something has been missing, in seconds since the epoch; None if nothing is.
        requeue_after: seconds until a deadline changes it; None for never.
    """

    readiness: Readiness
    reason: Reason
    message: str
    blocked_since: float | None = None
    requeue_after: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a deployment: what its summary depends on.

    Attributes:
        before: the present status.
        stages: the next status's entries, without the command's.
        promotion: where the pointer stands.
        blocked: why no stage can run until the spec changes; None if they can.
    """

    spec: NerDeploymentSpec
    before: NerDeploymentStatus
    plan: Plan
    stages: Sequence[StageStatus]
    promotion: PromotionStatus | None
    blocked: Diagnosis | None

    @property
    def outcome(self) -> str:
        """The outcome of promote's verdict on this revision; empty before the verdict."""
        promote = self.plan.state("promote")
        return promote.artifact.outcome if isinstance(promote, Cached) else ""

    @property
    def verdict(self) -> str:
        """The message of the last verdict."""
        promote = next(stage for stage in self.stages if stage.name == "promote")
        return promote.result.message if promote.result else ""

    @property
    def held(self) -> str:
        """Why promote does not judge this revision; empty if it does."""
        promote = self.plan.state("promote")
        return promote.message if isinstance(promote, Held) else ""


_STALLS_AFTER_DEADLINE = RETRIED | {
    Reason.RUNTIME_NOT_FOUND,
    Reason.SERVICE_ACCOUNT_NOT_ALLOWED,
    Reason.SECRET_NOT_FOUND,
    Reason.POD_NOT_CONFIGURED,
    Reason.IMAGE_NOT_PULLED,
    Reason.DEVICE_NOT_FREE,
    Reason.UNSCHEDULABLE,
    Reason.POD_REFUSED,
}
"""Reasons that need a person if they last longer than the deadline. The work continues by itself when the
cause is gone."""

_ENDED = frozenset({"Succeeded", "Held"})


def summarize(progress: Progress, now: float) -> Summary:
    """The state of a deployment, as one reason and one message."""
    left = [stage for stage in progress.stages if stage.state not in _ENDED]
    if progress.blocked is not None:
        return Summary(Readiness.STALLED, progress.blocked.reason, progress.blocked.message)
    if progress.spec.suspend and left:
        return Summary(
            Readiness.WORKING,
            Reason.SUSPENDED,
            f"suspended with {_count(left)} left; set spec.suspend to false to continue",
        )
    failed = [stage for stage in left if stage.state == "Failed"]
    if failed:
        first = failed[0]
        more = f" (and {_names(failed[1:])})" if failed[1:] else ""
        return Summary(Readiness.STALLED, Reason(first.reason), f"{first.name}: {first.message}{more}")
    missing = [stage for stage in left if stage.reason in _STALLS_AFTER_DEADLINE]
    if missing:
        return _missing(progress, missing, now)
    if progress.outcome == "Refused":
        return Summary(Readiness.STALLED, Reason.GATES_FAILED, progress.verdict)
    if left:
        return _working(progress, left)
    if progress.outcome == "AwaitingApproval":
        return Summary(Readiness.WORKING, Reason.AWAITING_APPROVAL, progress.verdict)
    return _ready(progress)


def conditions_of(
    summary: Summary,
    before: NerDeploymentStatus,
    promotion: PromotionStatus | None,
    generation: int,
    now: float,
) -> tuple[Condition, ...]:
    """Ready, then Reconciling or Stalled if one of them holds, then Available.

    Args:
        summary: of the deployment.
        before: the present status. A condition that does not change keeps its transition time.
        promotion: where the pointer stands.
        generation: of the spec.
        now: seconds since the epoch.
    """

    def condition(type_: str, holds: bool, reason: Reason, message: str) -> Condition:
        former = before.condition(type_)
        value: Literal["True", "False"] = "True" if holds else "False"
        since = former.last_transition_time if former and former.status == value else to_text(now)
        return Condition(
            type=type_,
            status=value,
            reason=str(reason),
            message=cut_characters(message, MESSAGE),
            last_transition_time=since,
            observed_generation=generation,
        )

    ready = condition("Ready", summary.readiness is Readiness.READY, summary.reason, summary.message)
    available = (
        condition("Available", False, Reason.NOTHING_PROMOTED, "no model has been promoted yet")
        if promotion is None
        else condition("Available", True, Reason.PROMOTED, _in_service(promotion))
    )
    if summary.readiness is Readiness.READY:
        return ready, available
    progress = "Stalled" if summary.readiness is Readiness.STALLED else "Reconciling"
    return ready, condition(progress, True, summary.reason, summary.message), available


def _missing(progress: Progress, missing: Sequence[StageStatus], now: float) -> Summary:
    """Something is missing. After the deadline the deployment has stalled, unless other stages still run."""
    reason, message = Reason(missing[0].reason), f"{missing[0].name}: {missing[0].message}"
    if missing[1:]:
        message += f" (also {_names(missing[1:])})"
    since = to_seconds(progress.before.blocked_since) if progress.before.blocked_since else now
    left = since + progress.spec.progress_deadline_seconds - now
    running = [
        stage
        for stage in progress.stages
        if stage.state == "Running" and stage.reason not in _STALLS_AFTER_DEADLINE
    ]
    if left > 0 or running:
        return Summary(Readiness.MISSING, reason, message, since, max(left, 0) or None)
    return Summary(Readiness.STALLED, reason, message, since)


def _working(progress: Progress, left: Sequence[StageStatus]) -> Summary:
    done = len(progress.stages) - len(left)
    count = f"{done} of {len(progress.stages)} stages done"
    late = next((stage for stage in left if stage.reason == Reason.QUEUE_DEADLINE_EXCEEDED), None)
    retrying = next((stage for stage in left if stage.state == "Retrying"), None)
    first = late or retrying
    if first is not None:
        return Summary(Readiness.WORKING, Reason(first.reason), f"{first.name}: {first.message}; {count}")
    started = [stage for stage in left if stage.state in ("Queued", "Running")]
    queued = [stage for stage in started if stage.reason == Reason.QUEUED]
    if started and len(queued) == len(started):
        return Summary(Readiness.WORKING, Reason.QUEUED, f"{_names(queued)}: {queued[0].message}; {count}")
    return Summary(Readiness.WORKING, Reason.STAGES_RUNNING, f"{_names(started)} at work; {count}")


def _ready(progress: Progress) -> Summary:
    promotion = progress.promotion
    if promotion is None:
        return Summary(Readiness.READY, Reason.HELD, progress.held or "nothing is left to do")
    if promotion.revision == progress.plan.revision:
        reason = Reason.ALREADY_CURRENT if progress.outcome == "AlreadyCurrent" else Reason.PROMOTED
        return Summary(Readiness.READY, reason, _in_service(promotion))
    return Summary(Readiness.READY, Reason.HELD, progress.held or _in_service(promotion))


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
