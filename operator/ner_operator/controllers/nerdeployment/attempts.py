"""One step's next move: keep its Job, make one, delete one, wait, or leave it.

A pure function of what is planned, what has been tried, and the time. It is
level-based: asked again after any of its writes was lost, it moves the same
way, since a Job's name follows from what it is for and an attempt is always
one higher than all that were seen.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from ner_jobs.task import Task
from ner_operator.api.times import to_seconds, to_text, to_text_not_before
from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.api.v1alpha1.status import StageStatus
from ner_operator.controllers.nerdeployment import stage_status
from ner_operator.controllers.nerdeployment.decision import JobOrder
from ner_operator.controllers.nerdeployment.diagnosis import (
    Limits,
    Then,
    Trouble,
    why_failed,
    why_refused,
    why_waiting,
)
from ner_operator.controllers.nerdeployment.outcomes import IN_FLIGHT, AttemptHistory, vanished_keys
from ner_operator.controllers.nerdeployment.snapshot import JobPhase, JobSnapshot
from ner_operator.controllers.nerdeployment.truncation import cut, few
from ner_operator.planning.plan import Cached, Held, KnownAfter, Planned, Run

FIRST_WAIT = 5.0
LONGEST_WAIT = 300.0
"""Seconds before the second attempt, and before any."""

SETTLING = 10.0
"""Seconds after which a Job's start, or what keeps it from starting, is worth a write; most are over then."""

HEALTHY = 60.0
"""Seconds that an attempt must run before the failure of the one before is forgiven."""

WORDLESS = 5
"""Attempts that may end well without words that can be believed, before a person is asked."""

_OF_AN_ATTEMPT = frozenset(
    {
        Reason.RETRYING,
        Reason.INPUT_NOT_FOUND,
        Reason.JOB_NOT_FOUND,
        Reason.TERMINATION_MESSAGE_LOST,
        Reason.INTERRUPTED,
    }
)
"""Reasons that tell of the attempt before, not of this one."""


@dataclass(frozen=True, slots=True)
class AttemptContext:
    """What a move rests on besides the step.

    Attributes:
        uid: of the deployment.
        suspended: whether no Job of the step may be there.
        limits: of a step's pod.
        block: why no Job of this step may be made now; None where it may.
        spec_hash: what an attempt of the step is made from besides its key.
        task: of an attempt.
        listed: whether a Job that was not seen is gone.
    """

    uid: str
    suspended: Callable[[Planned], bool]
    listed: bool
    queue: str
    queue_deadline: float | None
    secret: str
    limits: Callable[[Planned], Limits]
    block: Callable[[Planned], Trouble | None]
    spec_hash: Callable[[Planned], str]
    task: Callable[[Planned, Run, int], Task]
    on_device: Callable[[Planned], bool]


@dataclass(frozen=True, slots=True)
class Move:
    """What to do about one step.

    Attributes:
        entry: of the status, once it is done.
        look_again: seconds after which to ask again.
        doubt: the Job of the last attempt was not seen, and may be there.
    """

    entry: StageStatus
    create: JobOrder | None = None
    delete: tuple[JobSnapshot, ...] = ()
    look_again: float | None = None
    doubt: bool = False


def job_name(uid: str, step: str, key: str, attempt: int) -> str:
    """Name of an attempt's Job: readable in front, and of nothing but what it is for."""
    digest = hashlib.sha256(f"{uid}\n{step}\n{key}\n{attempt}".encode()).hexdigest()[:20]
    # With the six characters that a pod's name adds, it is still a label.
    readable = step.replace("/", "-")[:36].strip("-")
    return f"{readable}-{digest}"


def wait_before(name: str, failures: int) -> float:
    """Seconds before the attempt after so many failures in a row; the jitter follows from the name."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures - 1, 16))
    jitter = int.from_bytes(hashlib.sha256(f"{name}\n{failures}".encode()).digest()[:4]) / 2**32
    return longest * (0.75 + 0.25 * jitter)


def next_move(planned: Planned, trail: AttemptHistory, around: AttemptContext, now: float) -> Move:
    """What to do about a step.

    Args:
        planned: what becomes of it.
        trail: what has been tried.
        around: what else decides.
        now: seconds since the epoch.
    """
    name, state = planned.step.name, planned.state
    entry = stage_status.current(name, trail)
    match state:
        case Cached():
            return Move(stage_status.succeeded(entry, trail, state), delete=trail.unfinished)
        case KnownAfter(steps):
            waiting = stage_status.idle(entry, trail, "Waiting", "", f"waits for {few(steps)}")
            return Move(_counted(waiting, trail, around, now), delete=trail.unfinished)
        case Held(message):
            return Move(
                stage_status.idle(entry, trail, "Held", Reason.HELD, cut(message)), delete=trail.unfinished
            )
        case Run():
            return _Stepper(planned, state, trail, around, now).move(entry)


def on_hold(planned: Planned, trail: AttemptHistory, suspended: bool, missing: Trouble | None) -> Move:
    """What to do about a step whose key cannot be known, since a runtime is missing: what works goes on.

    Args:
        planned: what becomes of it, as far as that can be said.
        trail: what has been tried.
        suspended: whether nothing shall work.
        missing: its own runtime; None where it waits for a step that is on hold.
    """
    entry = stage_status.current(planned.step.name, trail)
    if trail.unfinished and suspended:
        return Move(stage_status.suspended(entry, trail), delete=trail.unfinished)
    if trail.unfinished:
        job = trail.unfinished[-1]
        if entry.state in IN_FLIGHT and entry.attempt == job.attempt:
            return Move(entry)
        return Move(stage_status.made(entry, trail, job.key, job.name, job.attempt, job.spec_hash, 0))
    if missing is not None:
        return Move(stage_status.idle(entry, trail, "Waiting", missing.reason, cut(missing.message)))
    waits = f"waits for {few(planned.state.steps)}" if isinstance(planned.state, KnownAfter) else ""
    return Move(stage_status.idle(entry, trail, "Waiting", "", waits))


class _Stepper:
    """The move of a step that can run."""

    def __init__(
        self, planned: Planned, run: Run, trail: AttemptHistory, around: AttemptContext, now: float
    ) -> None:
        self.planned = planned
        self.run = run
        self.trail = trail
        self.around = around
        self.suspended = around.suspended(planned)
        self.now = now

    def move(self, entry: StageStatus) -> Move:
        latest = self.trail.unfinished[-1] if self.trail.unfinished else None
        valid = latest is not None and (latest.key, latest.attempt) == (self.run.key, self.trail.attempt)
        current = latest if valid and not self.suspended else None
        others = tuple(job for job in self.trail.unfinished if job is not current)
        if current is not None:
            return replace(self._in_flight(entry, current), delete=others)
        if self.suspended and (others or (entry.state in IN_FLIGHT and self.trail.ended is None)):
            return Move(stage_status.suspended(entry, self.trail), delete=others)
        return replace(self._without_job(entry), delete=others)

    def _in_flight(self, entry: StageStatus, job: JobSnapshot) -> Move:
        """Its Job works, or waits to."""
        same = entry.key == job.key and entry.attempt == job.attempt and entry.state in IN_FLIGHT
        failures = entry.failures if entry.key == job.key else 0
        made = entry if same else self._new(entry, job.name, job.attempt, job.spec_hash, failures)
        if job.phase is JobPhase.RUNNING:
            began = job.started if job.started is not None else job.created
            if made.state == "Running" and not made.reason:
                return Move(made)
            if self.now < began + SETTLING:
                return Move(made, look_again=began + SETTLING - self.now)
            held_against_it = made.reason in _OF_AN_ATTEMPT and self.now < began + HEALTHY
            reason, message = (made.reason, made.message) if held_against_it else ("", "")
            running = made.model_copy(
                update={
                    "state": "Running",
                    "reason": reason,
                    "message": message,
                    "start_time": to_text(began),
                }
            )
            return Move(running, look_again=began + HEALTHY - self.now if reason else None)
        if self.now < job.created + SETTLING:
            return Move(made, look_again=job.created + SETTLING - self.now)
        limits = self.around.limits(self.planned)
        trouble = why_waiting(job, limits, self.around.queue, self.around.secret)
        deadline = self.around.queue_deadline
        look_again = None
        if deadline is not None:
            waited = self.now - job.created
            if waited >= deadline:
                trouble = Trouble(
                    Reason.QUEUE_DEADLINE_EXCEEDED,
                    f"it has waited for more than spec.scheduling.queueDeadlineSeconds, {deadline:g} seconds"
                    + (f": {trouble.message}" if trouble else ""),
                )
            else:
                look_again = deadline - waited
        if trouble is None:
            return Move(made.model_copy(update={"state": "Queued"}), look_again=look_again)
        queued = made.model_copy(
            update={"state": "Queued", "reason": str(trouble.reason), "message": cut(trouble.message)}
        )
        return Move(queued, look_again=look_again)

    def _without_job(self, entry: StageStatus) -> Move:
        """No Job of its key works: the last one ended, is gone, or there was none."""
        ended = self.trail.ended
        if ended is not None and ended.key == self.run.key and ended.attempt == self.trail.attempt:
            return self._after(entry, ended)
        if entry.key == self.run.key and entry.attempt == self.trail.attempt:
            if entry.state in IN_FLIGHT:
                if not self.around.listed:
                    return Move(entry, doubt=True)
                return self._later(
                    entry,
                    Trouble(
                        Reason.JOB_NOT_FOUND,
                        "its Job was deleted; a new attempt resumes from the last checkpoint",
                    ),
                    ended=self.now,
                )
            changed = entry.spec_hash != self.around.spec_hash(self.planned)
            if entry.state == "Failed" and not changed:
                return Move(entry)
            if entry.retry_time is not None and not changed:
                return self._retry(entry)
        return self._start(entry, 0)

    def _after(self, entry: StageStatus, job: JobSnapshot) -> Move:
        """Its Job has ended, and left no result that can be believed."""
        began, ended = job.started, job.finished if job.finished is not None else self.now
        update = {
            "key": job.key,
            "attempt": job.attempt,
            "job": job.name,
            "spec_hash": job.spec_hash or self.around.spec_hash(self.planned),
            "start_time": to_text(began) if began is not None else None,
            "finish_time": to_text(ended),
        }
        failures = entry.failures if entry.key == job.key else 0
        tried = entry.model_copy(update={**update, "failures": failures})
        if job.phase is JobPhase.SUCCEEDED:
            if failures + 1 >= WORDLESS:
                trouble = Trouble(
                    Reason.TERMINATION_MESSAGE_LOST,
                    f"it ended well {failures + 1} times, and left no words that can be believed; "
                    "see whether something changes its pods' termination messages",
                )
                return Move(self._failed(tried, trouble))
            lost = Trouble(
                Reason.TERMINATION_MESSAGE_LOST, "its last words were lost; a new attempt verifies its result"
            )
            return self._later(tried, lost, ended)
        trouble, then = why_failed(job, self.planned.step.stage.value, self.around.limits(self.planned))
        if then is Then.NEVER:
            if job.spec_hash and job.spec_hash != self.around.spec_hash(self.planned):
                # What it was made from has changed since: that is what a person was asked for.
                return self._start(tried, 0)
            return Move(self._failed(tried, trouble))
        return self._later(tried, trouble, ended)

    def _failed(self, tried: StageStatus, trouble: Trouble) -> StageStatus:
        return tried.model_copy(
            update={
                "state": "Failed",
                "reason": str(trouble.reason),
                "message": cut(trouble.message),
                "failures": tried.failures + 1,
                "retry_time": None,
            }
        )

    def _later(self, tried: StageStatus, trouble: Trouble, ended: float) -> Move:
        """Another attempt, after a wait; at once where that is over."""
        failures = tried.failures + 1
        at = ended + wait_before(f"{self.around.uid}/{tried.name}", failures)
        waiting = tried.model_copy(
            update={
                "state": "Retrying",
                "reason": str(trouble.reason),
                "message": cut(trouble.message),
                "failures": failures,
                "retry_time": to_text_not_before(at),
            }
        )
        return self._retry(waiting)

    def _retry(self, waiting: StageStatus) -> Move:
        if self.suspended:
            return Move(stage_status.suspended(waiting, self.trail))
        left = to_seconds(waiting.retry_time) - self.now if waiting.retry_time else 0.0
        if left > 0:
            return Move(waiting, look_again=left)
        return self._start(waiting, waiting.failures)

    def _start(self, entry: StageStatus, failures: int) -> Move:
        """A new attempt."""
        if self.suspended:
            return Move(stage_status.suspended(entry, self.trail))
        blocked = self.around.block(self.planned)
        refused = self.trail.refusal(self.run.key)
        if blocked is None and refused is not None:
            blocked = why_refused(refused)
        if blocked is not None:
            return Move(stage_status.idle(entry, self.trail, "Waiting", blocked.reason, cut(blocked.message)))
        attempt, step, key = self.trail.attempt + 1, self.planned.step, self.run.key
        spec_hash = self.around.spec_hash(self.planned)
        order = JobOrder(
            name=job_name(self.around.uid, step.name, key, attempt),
            step=step.name,
            attempt=attempt,
            task=self.around.task(self.planned, self.run, attempt),
            runtime=step.runtime.name,
            on_device=self.around.on_device(self.planned),
            spec_hash=spec_hash,
        )
        return Move(self._new(entry, order.name, attempt, spec_hash, failures), create=order)

    def _new(self, entry: StageStatus, job: str, attempt: int, spec_hash: str, failures: int) -> StageStatus:
        return stage_status.made(entry, self.trail, self.run.key, job, attempt, spec_hash, failures)


def _counted(waiting: StageStatus, trail: AttemptHistory, around: AttemptContext, now: float) -> StageStatus:
    """A step that waits, as its own failure sent another back to work: its next attempt is not at once."""
    job, entry = trail.ended, trail.entry
    if job is None or job.phase is not JobPhase.FAILED or not vanished_keys(job):
        if entry is None or entry.retry_time is None:
            return waiting
        return waiting.model_copy(update={"reason": entry.reason, "retry_time": entry.retry_time})
    failures = 1 + (entry.failures if entry and entry.key == job.key else 0)
    ended = job.finished if job.finished is not None else now
    at = ended + wait_before(f"{around.uid}/{waiting.name}", failures)
    return waiting.model_copy(
        update={
            "reason": str(Reason.INPUT_NOT_FOUND),
            "key": job.key,
            "job": job.name,
            "spec_hash": job.spec_hash,
            "failures": failures,
            "retry_time": to_text_not_before(at),
        }
    )
