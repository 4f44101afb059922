"""A deployment for a person: what is in service, what is running, and what to do next. Pure."""

from dataclasses import dataclass
from typing import Any

from ner_operator.api.v1alpha1.status import PromotionStatus, StageStatus
from ner_operator.cli.cluster.deployed import Deployed, seconds
from ner_operator.cli.cluster.durations import short_duration
from ner_operator.cli.cluster.next_step import next_step
from ner_operator.cli.cluster.tree import lines as tree_lines
from ner_operator.planning.figures import headline_words

DIGITS = 12
"""Digits of a digest that are shown."""

NOT_SEEN = "NotSeen"
"""The reason shown if no operator has reconciled the present spec."""


@dataclass(frozen=True, slots=True)
class Overview:
    """One line of `kubectl nerd list`."""

    namespace: str
    name: str
    ready: str
    reason: str
    stages: str
    revision: str
    variant: str
    f1: str
    drop: str
    age: str


def overview(deployed: Deployed, now: float) -> Overview:
    """The line of a deployment.

    Args:
        deployed: as read.
        now: seconds since the epoch.
    """
    status, promotion = deployed.status, deployed.status.promotion
    done = sum(stage.state == "Succeeded" for stage in status.stages)
    ready, reason, _ = readiness(deployed)
    return Overview(
        namespace=deployed.namespace,
        name=deployed.name,
        ready=ready,
        reason=reason,
        stages=f"{done}/{len(status.stages)}",
        revision=promotion.revision[:DIGITS] if promotion else "",
        variant=promotion.variant if promotion else "",
        f1=_figure(promotion.f1 if promotion else None, 4),
        drop=_figure(promotion.drop if promotion else None, 2),
        age=short_duration(now - deployed.created),
    )


def readiness(deployed: Deployed) -> tuple[str, str, str]:
    """Status, reason and message of Ready for the present spec."""
    status = deployed.status
    ready = status.condition("Ready")
    if ready is None or status.observed_generation < deployed.generation:
        return (
            "Unknown",
            NOT_SEEN,
            f"no operator has reconciled generation {deployed.generation} of the spec yet",
        )
    return ready.status, ready.reason, ready.message


def facts(deployed: Deployed) -> tuple[tuple[str, str], ...]:
    """The lines above the tree: titles and texts."""
    status = deployed.status
    ready, reason, message = readiness(deployed)
    following = next_step(deployed.name, deployed.namespace, status)
    lines = (
        ("Name", f"{deployed.name} (namespace {deployed.namespace})"),
        ("Ready", f"{ready}, {reason}: {message}"),
        ("In service", in_service(status.promotion)),
        ("Candidate", f"revision {status.candidate[:DIGITS]}" if status.candidate else ""),
        ("Held", ", ".join(each[:DIGITS] for each in status.promotion.held) if status.promotion else ""),
        ("Asked", "; ".join(deployed.pending)),
        ("Next", following),
    )
    return tuple((name, text) for name, text in lines if text)


def in_service(promotion: PromotionStatus | None) -> str:
    """The promoted model as a phrase."""
    if promotion is None:
        return "nothing"
    figures = [
        f"F1 {promotion.f1:.4f}" if promotion.f1 is not None else "",
        f"{promotion.drop:.2f} points below the reference" if promotion.drop is not None else "",
    ]
    hand = " by hand" if promotion.manual else ""
    shown = ", ".join(filter(None, figures))
    what = f"{promotion.variant} of revision {promotion.revision[:DIGITS]}"
    return f"{what}, generation {promotion.generation}{hand}{': ' if shown else ''}{shown}"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the tree."""

    stage: str
    state: str
    time: str
    attempt: str
    why: str


def rows(deployed: Deployed, now: float) -> tuple[Row, ...]:
    """The tree of stages."""
    return tuple(
        Row(
            stage=line.branch + line.stage.name,
            state=line.stage.state,
            time=duration(line.stage, now),
            attempt=str(line.stage.attempt) if line.stage.attempt > 1 else "",
            why=why(line.stage, now),
        )
        for line in tree_lines(deployed.status.stages)
    )


def duration(stage: StageStatus, now: float) -> str:
    """How long the last attempt took, or has run until now; empty before its start."""
    if stage.start_time is None:
        return ""
    end = seconds(stage.finish_time) if stage.finish_time else now
    return short_duration(end - seconds(stage.start_time))


def why(stage: StageStatus, now: float) -> str:
    """Reason and message, and when the stage runs again; the figures of a result without a message."""
    text = ": ".join(filter(None, (stage.reason, stage.message)))
    if stage.retry_time:
        wait = short_duration(seconds(stage.retry_time) - now)
        return f"{text}; again in {wait}" if text else f"again in {wait}"
    if not text and stage.result and stage.state == "Succeeded":
        figures = headline_words(stage.result.headline)
        return "  ".join(filter(None, (figures, "emulated" if stage.result.emulated else "")))
    return text


def as_json(deployed: Deployed) -> dict[str, Any]:
    """The same for programs."""
    ready, reason, message = readiness(deployed)
    status = deployed.status
    return {
        "namespace": deployed.namespace,
        "name": deployed.name,
        "ready": {"status": ready, "reason": reason, "message": message},
        "promotion": _dumped(status.promotion),
        "candidate": status.candidate,
        "pending": list(deployed.pending),
        "stages": [_dumped(stage) for stage in status.stages],
        "next": next_step(deployed.name, deployed.namespace, status),
    }


def _dumped(part: PromotionStatus | StageStatus | None) -> Any:
    return part.model_dump(mode="json", by_alias=True, exclude_defaults=True) if part else None


def _figure(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
