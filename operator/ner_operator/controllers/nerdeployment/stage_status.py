"""A stage's entry in the status, in each of the states that it may be in. Pure: what it says comes in."""

from ner_operator.api.times import to_text
from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.api.v1alpha1.status import StageStatus
from ner_operator.controllers.nerdeployment.outcomes import AttemptHistory
from ner_operator.controllers.nerdeployment.snapshot import JobPhase
from ner_operator.planning.plan import Cached


def current(name: str, trail: AttemptHistory) -> StageStatus:
    """What the status holds of a step, with the result that is believed now."""
    entry = trail.entry or StageStatus(name=name, state="Waiting")
    return entry if entry.result == trail.result else entry.model_copy(update={"result": trail.result})


def made(
    entry: StageStatus, trail: AttemptHistory, key: str, job: str, attempt: int, spec_hash: str, failures: int
) -> StageStatus:
    """The entry of an attempt that has just been made; a failure before it is still told."""
    return StageStatus(
        name=entry.name,
        state="Queued",
        reason=entry.reason if failures else "",
        message=entry.message if failures else "",
        key=key,
        attempt=attempt,
        failures=failures,
        job=job,
        spec_hash=spec_hash,
        result=trail.result,
    )


def succeeded(entry: StageStatus, trail: AttemptHistory, cached: Cached) -> StageStatus:
    """The entry of a step whose result is there."""
    job = trail.ended
    if job is not None and job.key == cached.key and job.phase is JobPhase.SUCCEEDED:
        return StageStatus(
            name=entry.name,
            state="Succeeded",
            key=cached.key,
            attempt=trail.attempt,
            job=job.name,
            start_time=to_text(job.started) if job.started is not None else None,
            finish_time=to_text(job.finished) if job.finished is not None else None,
            message=trail.result.message if trail.result else "",
            result=trail.result,
        )
    if entry.state == "Succeeded" and entry.attempt == trail.attempt:
        return entry
    return StageStatus(
        name=entry.name,
        state="Succeeded",
        key=cached.key,
        attempt=trail.attempt,
        job=entry.job if entry.key == cached.key else "",
        start_time=entry.start_time if entry.key == cached.key else None,
        finish_time=entry.finish_time if entry.key == cached.key else None,
        message=trail.result.message if trail.result else "",
        result=trail.result,
    )


def idle(entry: StageStatus, trail: AttemptHistory, state: str, reason: str, message: str) -> StageStatus:
    """The entry of a step that has no attempt of its present key."""
    return entry.model_copy(
        update={
            "state": state,
            "reason": str(reason),
            "message": message,
            "attempt": trail.attempt,
            "retry_time": None,
        }
    )


def suspended(entry: StageStatus, trail: AttemptHistory) -> StageStatus:
    """The entry of a step whose Job is deleted, or not made, since nothing shall work."""
    words = "spec.suspend is true; false goes on from the last checkpoint"
    return idle(entry, trail, "Suspended", Reason.SUSPENDED, words)
