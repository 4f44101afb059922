"""What is worth an Event: the story of a deployment, in few sentences.

An Event is a write, so at most one is told at a time, and none that the next
one says anyway: stages of a variant are told by promote's verdict.
"""

from collections.abc import Sequence

from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.api.v1alpha1.status import NerDeploymentStatus, StageStatus
from ner_operator.controllers.nerdeployment.conditions import Standing, Verdict
from ner_operator.controllers.nerdeployment.decision import Event
from ner_operator.planning.figures import pairs

LONGEST = 1000

FIGURES = 4
"""Of a stage, in an Event."""

_UNTOLD = frozenset({Reason.STAGES_RUNNING, Reason.QUEUED})


def events_of(
    before: NerDeploymentStatus,
    after: NerDeploymentStatus,
    verdict: Verdict,
    refused: Sequence[str],
) -> tuple[Event, ...]:
    """The Event of this decision, if it is worth one.

    Args:
        before: the status as it was.
        after: as it shall be.
        verdict: the state that follows.
        refused: commands that ask for nothing that can be done.
    """
    if refused:
        return (_told("Warning", Reason.COMMAND_REFUSED, "; ".join(refused)),)
    ready = before.condition("Ready")
    changed = ready is None or ready.reason != verdict.reason
    if changed and verdict.reason not in _UNTOLD:
        kind = "Warning" if verdict.standing in (Standing.STALLED, Standing.MISSING) else "Normal"
        return (_told(kind, verdict.reason, verdict.message),)
    if after.observed_generation != before.observed_generation:
        return (
            _told("Normal", Reason.PLANNED, f"generation {after.observed_generation}: {verdict.message}"),
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
        return (_told("Normal", Reason.STAGE_FINISHED, "; ".join(_finished(stage) for stage in finished)),)
    return ()


def _finished(stage: StageStatus) -> str:
    words = ", ".join(pairs(stage.result.headline)[:FIGURES]) if stage.result else ""
    return f"{stage.name} is done" + (f": {words}" if words else "")


def _told(kind: str, reason: Reason, message: str) -> Event:
    return Event(kind, str(reason), message if len(message) <= LONGEST else message[: LONGEST - 1] + "…")
