"""A stage's entry in the status, for each state that it may have. Pure.

Every message that goes into an entry is cut here, so that a status stays small.
"""

from ner_operator.api.times import to_text, to_text_not_before
from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.api.v1alpha1.status import StageStatus
from ner_operator.controllers.nerdeployment.decision import JobOrder
from ner_operator.controllers.nerdeployment.diagnosis import Diagnosis
from ner_operator.controllers.nerdeployment.outcomes import AttemptHistory
from ner_operator.controllers.nerdeployment.snapshot import JobPhase, JobSnapshot
from ner_operator.controllers.nerdeployment.truncation import cut
from ner_operator.planning.plan import Cached


def current(name: str, history: AttemptHistory) -> StageStatus:
    """The entry in the status, with the result that is valid now."""
    entry = history.entry or StageStatus(name=name, state="Waiting")
    return entry if entry.result == history.result else entry.model_copy(update={"result": history.result})


def created(
    entry: StageStatus, history: AttemptHistory, job: JobOrder | JobSnapshot, failures: int
) -> StageStatus:
    """The entry of an attempt whose Job has just been created. It still shows a failure before it."""
    return StageStatus(
        name=entry.name,
        state="Queued",
        reason=entry.reason if failures else "",
        message=entry.message if failures else "",
        key=job.key,
        attempt=job.attempt,
        failures=failures,
        job=job.name,
        spec_hash=job.spec_hash,
        result=history.result,
    )


def queued(entry: StageStatus, diagnosis: Diagnosis | None) -> StageStatus:
    """The entry of an attempt whose Job does not start."""
    reported = _reported(diagnosis) if diagnosis else {}
    return entry.model_copy(update={"state": "Queued", **reported})


def running(entry: StageStatus, began: float, after_failure: bool) -> StageStatus:
    """The entry of an attempt whose Job runs.

    Args:
        entry: before.
        began: seconds since the epoch.
        after_failure: whether it still shows the failure of the attempt before.
    """
    reported = {} if after_failure else {"reason": "", "message": ""}
    return entry.model_copy(update={"state": "Running", "start_time": to_text(began), **reported})


def ended(entry: StageStatus, job: JobSnapshot, finished: float, spec_hash: str) -> StageStatus:
    """The entry of an attempt whose Job has ended without a valid result; its state is not decided yet."""
    return entry.model_copy(
        update={
            "key": job.key,
            "attempt": job.attempt,
            "job": job.name,
            "spec_hash": job.spec_hash or spec_hash,
            "start_time": _text(job.started),
            "finish_time": to_text(finished),
            "failures": entry.failures if entry.key == job.key else 0,
        }
    )


def failed(entry: StageStatus, diagnosis: Diagnosis) -> StageStatus:
    """The entry of a step that has no further attempt until a person changes something."""
    return entry.model_copy(
        update={
            "state": "Failed",
            "failures": entry.failures + 1,
            "retry_time": None,
            **_reported(diagnosis),
        }
    )


def retrying(entry: StageStatus, diagnosis: Diagnosis, failures: int, at: float) -> StageStatus:
    """The entry of a step whose next attempt comes at a time, in seconds since the epoch."""
    return entry.model_copy(
        update={
            "state": "Retrying",
            "failures": failures,
            "retry_time": to_text_not_before(at),
            **_reported(diagnosis),
        }
    )


def succeeded(entry: StageStatus, history: AttemptHistory, cached: Cached) -> StageStatus:
    """The entry of a step whose result exists."""
    job = history.ended
    if job is not None and job.key == cached.key and job.phase is JobPhase.SUCCEEDED:
        attempt = job.name, _text(job.started), _text(job.finished)
    elif entry.state == "Succeeded" and entry.attempt == history.attempt:
        return entry
    else:
        same = entry.key == cached.key
        attempt = (entry.job, entry.start_time, entry.finish_time) if same else ("", None, None)
    name, started, finished = attempt
    return StageStatus(
        name=entry.name,
        state="Succeeded",
        key=cached.key,
        attempt=history.attempt,
        job=name,
        start_time=started,
        finish_time=finished,
        message=history.result.message if history.result else "",
        result=history.result,
    )


def idle(entry: StageStatus, history: AttemptHistory, state: str, reason: str, message: str) -> StageStatus:
    """The entry of a step that has no attempt at its present key."""
    return entry.model_copy(
        update={
            "state": state,
            "reason": str(reason),
            "message": cut(message),
            "attempt": history.attempt,
            "retry_time": None,
        }
    )


def suspended(entry: StageStatus, history: AttemptHistory) -> StageStatus:
    """The entry of a step whose Job is deleted, or not created, because the deployment is suspended."""
    message = "spec.suspend is true; set it to false to continue from the last checkpoint"
    return idle(entry, history, "Suspended", Reason.SUSPENDED, message)


def _text(seconds: float | None) -> str | None:
    return None if seconds is None else to_text(seconds)


def _reported(diagnosis: Diagnosis) -> dict[str, str]:
    return {"reason": str(diagnosis.reason), "message": cut(diagnosis.message)}
