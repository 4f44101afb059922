"""The next action for one step: keep its Job, create one, delete one, wait, or do nothing.

A pure function of what is planned, of what has been tried, and of the time.
It is level-based: if any of its writes is lost, it decides the same again. For
that, the name of a Job follows from its purpose, and the number of an attempt
is one higher than any that was seen.
"""

import hashlib
from dataclasses import dataclass, replace

from ner_operator.api.times import to_seconds, to_text_not_before
from ner_operator.api.v1alpha1 import NerRuntimeSpec
from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.api.v1alpha1.status import StageStatus
from ner_operator.controllers.nerdeployment import preconditions, stage_status
from ner_operator.controllers.nerdeployment.decision import JobOrder
from ner_operator.controllers.nerdeployment.diagnosis import (
    Diagnosis,
    diagnose_failure,
    diagnose_refusal,
    diagnose_waiting,
)
from ner_operator.controllers.nerdeployment.outcomes import IN_FLIGHT, AttemptHistory, vanished_keys
from ner_operator.controllers.nerdeployment.snapshot import JobPhase, JobSnapshot, Snapshot
from ner_operator.controllers.nerdeployment.stage_settings import (
    Limits,
    limits_of,
    spec_hash_of,
    uses_accelerator,
)
from ner_operator.controllers.nerdeployment.truncation import few
from ner_operator.planning.graph import COMMAND, Step
from ner_operator.planning.plan import Blocked, Cached, Held, KnownAfter, Planned, Run
from ner_operator.planning.resolved import ResolvedDeployment
from ner_operator.planning.task import task_of

FIRST_BACKOFF = 5.0
LONGEST_BACKOFF = 300.0
"""Seconds before the second attempt, and before any attempt."""

SETTLING = 10.0
"""Seconds until a write reports that a Job started, or why it does not start. Most are over by then."""

HEALTHY = 60.0
"""Seconds that an attempt must run until its entry no longer shows the failure before it."""

MESSAGES_LOST = 5
"""Attempts that may succeed without a valid termination message; then the stage fails."""

RETRIED = frozenset(
    {
        Reason.RETRYING,
        Reason.INPUT_NOT_FOUND,
        Reason.JOB_NOT_FOUND,
        Reason.TERMINATION_MESSAGE_LOST,
        Reason.INTERRUPTED,
    }
)
"""Reasons of failures that are retried. The entry of the next attempt shows them until it is healthy."""


@dataclass(frozen=True, slots=True)
class AttemptContext:
    """What the actions of all steps depend on.

    Attributes:
        blocked: why no Job of the deployment may be created; None if they may.
        now: seconds since the epoch.
    """

    snapshot: Snapshot
    resolved: ResolvedDeployment
    blocked: Diagnosis | None
    now: float

    @property
    def uid(self) -> str:
        """UID of the deployment."""
        return self.snapshot.deployment.metadata.uid or ""

    def suspends(self, step: Step) -> bool:
        """Whether the step may have no Job. A command moves a pointer, so it runs while work is suspended."""
        return self.snapshot.deployment.spec.suspend and step.name != COMMAND


@dataclass(frozen=True, slots=True)
class Action:
    """What to do about one step.

    Attributes:
        entry: for the status.
        requeue_after: seconds until the next action may be another one; None for never.
        verify_with_list: the Job of the last attempt is not in the snapshot, but may exist.
    """

    entry: StageStatus
    create: JobOrder | None = None
    delete: tuple[JobSnapshot, ...] = ()
    requeue_after: float | None = None
    verify_with_list: bool = False


def job_name(uid: str, step: str, key: str, attempt: int) -> str:
    """The name of an attempt's Job: it starts with the step, and depends on these four values only."""
    digest = hashlib.sha256(f"{uid}\n{step}\n{key}\n{attempt}".encode()).hexdigest()[:20]
    # A pod's name adds six characters, and has to stay a valid label.
    readable = step.replace("/", "-")[:36].strip("-")
    return f"{readable}-{digest}"


def backoff(name: str, failures: int) -> float:
    """Seconds until the attempt after so many failures in a row; the name decides the jitter."""
    longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(failures - 1, 16))
    jitter = int.from_bytes(hashlib.sha256(f"{name}\n{failures}".encode()).digest()[:4]) / 2**32
    return longest * (0.75 + 0.25 * jitter)


def next_action(planned: Planned, history: AttemptHistory, context: AttemptContext) -> Action:
    """What to do about a step.

    Args:
        planned: the step and its state in the plan.
        history: its attempts.
        context: what else decides.
    """
    step, entry = planned.step, stage_status.current(planned.step.name, history)
    match planned.state:
        case Cached() as cached:
            return Action(stage_status.succeeded(entry, history, cached), delete=history.unfinished)
        case Blocked(reason, message):
            idle = stage_status.idle(entry, history, "Waiting", reason, message)
            return _let_run(step, entry, history, context) or Action(idle)
        case KnownAfter(steps, blocked=blocked):
            idle = stage_status.idle(entry, history, "Waiting", "", f"waits for {few(steps)}")
            if blocked:
                return _let_run(step, entry, history, context) or Action(idle)
            return Action(_with_backoff(idle, history, context), delete=history.unfinished)
        case Held(message):
            idle = stage_status.idle(entry, history, "Held", Reason.HELD, message)
            return Action(idle, delete=history.unfinished)
        case Run() as run:
            return _Attempts(step, run, history, context).action(entry)


def _let_run(
    step: Step, entry: StageStatus, history: AttemptHistory, context: AttemptContext
) -> Action | None:
    """Let a Job run whose step is blocked: its key may still be right. None if there is no such Job."""
    if not history.unfinished:
        return None
    if context.suspends(step):
        return Action(stage_status.suspended(entry, history), delete=history.unfinished)
    job = history.unfinished[-1]
    if entry.state in IN_FLIGHT and entry.attempt == job.attempt:
        return Action(entry)
    return Action(stage_status.created(entry, history, job, failures=0))


def _with_backoff(waiting: StageStatus, history: AttemptHistory, context: AttemptContext) -> StageStatus:
    """The entry of a step that waits because its input vanished: its next attempt has to wait as well."""
    job, entry = history.ended, history.entry
    if job is None or job.phase is not JobPhase.FAILED or not vanished_keys(job):
        if entry is None or entry.retry_time is None:
            return waiting
        return waiting.model_copy(update={"reason": entry.reason, "retry_time": entry.retry_time})
    failures = 1 + (entry.failures if entry and entry.key == job.key else 0)
    ended = job.finished if job.finished is not None else context.now
    at = ended + backoff(f"{context.uid}/{waiting.name}", failures)
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


@dataclass(frozen=True, slots=True)
class _Attempts:
    """The attempts at a step that can run."""

    step: Step
    run: Run
    history: AttemptHistory
    context: AttemptContext

    @property
    def _suspended(self) -> bool:
        return self.context.suspends(self.step)

    @property
    def _runtime(self) -> NerRuntimeSpec:
        return self.context.snapshot.settings.runtime(self.step.runtime.name)

    @property
    def _limits(self) -> Limits:
        return limits_of(self.context.snapshot.deployment, self.step, self._runtime)

    @property
    def _spec_hash(self) -> str:
        snapshot = self.context.snapshot
        return spec_hash_of(snapshot.deployment, self._runtime, snapshot.settings.image)

    def action(self, entry: StageStatus) -> Action:
        unfinished = self.history.unfinished
        latest = unfinished[-1] if unfinished else None
        valid = latest is not None and (latest.key, latest.attempt) == (self.run.key, self.history.attempt)
        current = latest if valid and not self._suspended else None
        others = tuple(job for job in unfinished if job is not current)
        if current is not None:
            return replace(self._in_flight(entry, current), delete=others)
        if self._suspended and (others or (entry.state in IN_FLIGHT and self.history.ended is None)):
            return Action(stage_status.suspended(entry, self.history), delete=others)
        return replace(self._without_job(entry), delete=others)

    def _in_flight(self, entry: StageStatus, job: JobSnapshot) -> Action:
        """Its Job is queued or runs."""
        same = entry.key == job.key and entry.attempt == job.attempt and entry.state in IN_FLIGHT
        failures = entry.failures if entry.key == job.key else 0
        entry = entry if same else stage_status.created(entry, self.history, job, failures)
        return self._running(entry, job) if job.phase is JobPhase.RUNNING else self._queued(entry, job)

    def _running(self, entry: StageStatus, job: JobSnapshot) -> Action:
        began = job.started if job.started is not None else job.created
        ran = self.context.now - began
        if entry.state == "Running" and not entry.reason:
            return Action(entry)
        if ran < SETTLING:
            return Action(entry, requeue_after=SETTLING - ran)
        after_failure = entry.reason in RETRIED and ran < HEALTHY
        running = stage_status.running(entry, began, after_failure)
        return Action(running, requeue_after=HEALTHY - ran if running.reason else None)

    def _queued(self, entry: StageStatus, job: JobSnapshot) -> Action:
        waited = self.context.now - job.created
        if waited < SETTLING:
            return Action(entry, requeue_after=SETTLING - waited)
        spec = self.context.snapshot.deployment.spec
        diagnosis = diagnose_waiting(
            job, self._limits, spec.scheduling.queue_name or "", spec.storage.credentials_secret or ""
        )
        deadline = spec.scheduling.queue_deadline_seconds
        if deadline is None:
            return Action(stage_status.queued(entry, diagnosis))
        if waited < deadline:
            return Action(stage_status.queued(entry, diagnosis), requeue_after=deadline - waited)
        exceeded = Diagnosis(
            Reason.QUEUE_DEADLINE_EXCEEDED,
            f"it has waited for more than spec.scheduling.queueDeadlineSeconds, {deadline:g} seconds"
            + (f": {diagnosis.message}" if diagnosis else ""),
        )
        return Action(stage_status.queued(entry, exceeded))

    def _without_job(self, entry: StageStatus) -> Action:
        """No Job of its key is unfinished: the last one has ended, it is gone, or there was none."""
        ended = self.history.ended
        if ended is not None and ended.key == self.run.key and ended.attempt == self.history.attempt:
            return self._after(entry, ended)
        if entry.key == self.run.key and entry.attempt == self.history.attempt:
            if entry.state in IN_FLIGHT:
                if not self.context.snapshot.listed:
                    return Action(entry, verify_with_list=True)
                gone = Diagnosis(
                    Reason.JOB_NOT_FOUND,
                    "its Job was deleted; a new attempt resumes from the last checkpoint",
                )
                return self._retry_later(entry, gone, self.context.now)
            changed = entry.spec_hash != self._spec_hash
            if entry.state == "Failed" and not changed:
                return Action(entry)
            if entry.retry_time is not None and not changed:
                return self._retry(entry)
        return self._start(entry, 0)

    def _after(self, entry: StageStatus, job: JobSnapshot) -> Action:
        """Its Job has ended, and has left no valid result."""
        finished = job.finished if job.finished is not None else self.context.now
        entry = stage_status.ended(entry, job, finished, self._spec_hash)
        if job.phase is JobPhase.SUCCEEDED:
            diagnosis = _message_lost(entry.failures + 1)
        else:
            diagnosis = diagnose_failure(job, self.step.stage.value, self._limits)
        if not diagnosis.permanent:
            return self._retry_later(entry, diagnosis, finished)
        if job.phase is JobPhase.FAILED and job.spec_hash and job.spec_hash != self._spec_hash:
            # Somebody has changed the spec or the runtime since, as the message would ask.
            return self._start(entry, 0)
        return Action(stage_status.failed(entry, diagnosis))

    def _retry_later(self, entry: StageStatus, diagnosis: Diagnosis, ended: float) -> Action:
        """Another attempt after the backoff, or at once if that is over."""
        failures = entry.failures + 1
        at = ended + backoff(f"{self.context.uid}/{entry.name}", failures)
        return self._retry(stage_status.retrying(entry, diagnosis, failures, at))

    def _retry(self, entry: StageStatus) -> Action:
        left = to_seconds(entry.retry_time) - self.context.now if entry.retry_time else 0.0
        if left > 0 and not self._suspended:
            return Action(entry, requeue_after=left)
        return self._start(entry, entry.failures)

    def _start(self, entry: StageStatus, failures: int) -> Action:
        """Create the Job of a new attempt, unless something prevents it."""
        if self._suspended:
            return Action(stage_status.suspended(entry, self.history))
        attempt = self.history.attempt + 1
        name = job_name(self.context.uid, self.step.name, self.run.key, attempt)
        diagnosis = self._prevented(name)
        if diagnosis is not None:
            idle = stage_status.idle(entry, self.history, "Waiting", diagnosis.reason, diagnosis.message)
            return Action(idle)
        order = JobOrder(
            name=name,
            step=self.step.name,
            attempt=attempt,
            task=task_of(self.step, self.run, f"attempt-{attempt}", self.context.resolved),
            runtime=self.step.runtime.name,
            uses_accelerator=uses_accelerator(self.step),
            spec_hash=self._spec_hash,
        )
        return Action(stage_status.created(entry, self.history, order, failures), create=order)

    def _prevented(self, job: str) -> Diagnosis | None:
        """Why a Job of this name may not be created, or cannot be."""
        snapshot = self.context.snapshot
        if self.context.blocked is not None:
            return self.context.blocked
        missing = preconditions.check_step(self.step, snapshot.deployment, snapshot.settings)
        if missing is None and job in snapshot.refused:
            return diagnose_refusal(snapshot.refused[job])
        return missing


def _message_lost(times: int) -> Diagnosis:
    """An attempt succeeded, but its termination message is missing or invalid."""
    if times < MESSAGES_LOST:
        message = "its termination message was lost; a new attempt verifies its result"
        return Diagnosis(Reason.TERMINATION_MESSAGE_LOST, message)
    return Diagnosis(
        Reason.TERMINATION_MESSAGE_LOST,
        f"it succeeded {times} times without a valid termination message; check whether something changes "
        "the termination messages of its pods",
        permanent=True,
    )
