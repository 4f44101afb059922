"""Events: the history of a deployment in few sentences.

An Event is a write, so a decision has at most one. The stages of a single
variant have none, since promote's verdict reports on them.
"""

from collections.abc import Sequence

from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.api.v1alpha1.status import NerDeploymentStatus, StageStatus
from ner_operator.controllers.nerdeployment.conditions import Readiness, Summary
from ner_operator.controllers.nerdeployment.decision import Event
from ner_operator.controllers.nerdeployment.truncation import cut_characters
from ner_operator.planning.figures import pairs

LONGEST = 1000
"""Characters of a message."""

FIGURES = 4
"""How many figures of a stage an Event shows."""

_WITHOUT_EVENT = frozenset({Reason.STAGES_RUNNING, Reason.QUEUED})


def events_of(
    before: NerDeploymentStatus,
    after: NerDeploymentStatus,
    summary: Summary,
    refused: Sequence[str],
) -> tuple[Event, ...]:
    """The Event of a decision, if it needs one.

    Args:
        before: the present status.
        after: the next status.
        summary: of the next status.
        refused: why commands were refused, as sentences.
    """
    if refused:
        return (_event("Warning", Reason.COMMAND_REFUSED, "; ".join(refused)),)
    ready = before.condition("Ready")
    changed = ready is None or ready.reason != summary.reason
    if changed and summary.reason not in _WITHOUT_EVENT:
        kind = "Warning" if summary.readiness in (Readiness.STALLED, Readiness.MISSING) else "Normal"
        return (_event(kind, summary.reason, summary.message),)
    if after.observed_generation != before.observed_generation:
        return (
            _event("Normal", Reason.PLANNED, f"generation {after.observed_generation}: {summary.message}"),
        )
    known = {stage.name: stage for stage in before.stages}
    finished = [
        stage
        for stage in after.stages
        if stage.state == "Succeeded"
        and "/" not in stage.name
        and ((former := known.get(stage.name)) is None or former.state != "Succeeded")
    ]
    if finished:
        return (_event("Normal", Reason.STAGE_FINISHED, "; ".join(_finished(stage) for stage in finished)),)
    return ()


def _finished(stage: StageStatus) -> str:
    figures = ", ".join(pairs(stage.result.headline)[:FIGURES]) if stage.result else ""
    return f"{stage.name} is done" + (f": {figures}" if figures else "")


def _event(kind: str, reason: Reason, message: str) -> Event:
    return Event(kind, str(reason), cut_characters(message, LONGEST))
