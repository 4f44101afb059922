"""What is cached of each Job: the few fields that a decision rests on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ner_operator.controllers.nerdeployment import labels
from ner_operator.controllers.nerdeployment.attempts import SETTLING
from ner_operator.controllers.nerdeployment.snapshot import JobPhase
from ner_operator.kube.cache import Record
from ner_operator.kube.objects import seconds, version_of


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord(Record):
    """A Job of a NerDeployment.

    Attributes:
        created, started, finished: seconds since the epoch.
        suspended: whether a queue holds the Job back.
        reason, message: of the Failed condition.
    """

    step: str
    key: str
    attempt: int
    spec_hash: str
    phase: JobPhase
    created: float
    started: float | None = None
    finished: float | None = None
    suspended: bool = False
    reason: str = ""
    message: str = ""

    @classmethod
    def of(cls, job: Mapping[str, Any]) -> Self | None:
        """The record of a Job; None if the Job is not one of ours."""
        meta, status = job["metadata"], job.get("status") or {}
        owner = (meta.get("labels") or {}).get(labels.OWNER_UID)
        annotations = meta.get("annotations") or {}
        if not owner or labels.STEP not in annotations:
            return None
        phase, condition = _phase(meta, job.get("spec") or {}, status)
        attempt = annotations.get(labels.ATTEMPT, "")
        return cls(
            namespace=meta["namespace"],
            name=meta["name"],
            uid=meta["uid"],
            version=version_of(meta),
            owner_uid=owner,
            owner_name=annotations.get(labels.DEPLOYMENT, ""),
            step=annotations[labels.STEP],
            key=annotations.get(labels.KEY, ""),
            attempt=int(attempt) if attempt.isdecimal() else 1,
            spec_hash=annotations.get(labels.SPEC_HASH, ""),
            phase=phase,
            created=seconds(meta["creationTimestamp"]) or 0.0,
            started=seconds(status.get("startTime")),
            finished=seconds(status.get("completionTime") or condition.get("lastTransitionTime")),
            suspended=bool((job.get("spec") or {}).get("suspend")),
            reason=condition.get("reason", "") if phase is JobPhase.FAILED else "",
            message=condition.get("message", "") if phase is JobPhase.FAILED else "",
        )

    @property
    def has_ended(self) -> bool:
        """Whether the Job has succeeded or failed."""
        return self.phase in (JobPhase.SUCCEEDED, JobPhase.FAILED)

    @property
    def waits(self) -> bool:
        """Whether the Job's pod should start and has not."""
        return self.phase is JobPhase.QUEUED and not self.suspended

    @property
    def urgent(self) -> bool:
        """The next stage can begin when a Job has ended; until then an accelerator may be idle."""
        return self.has_ended

    def requeue_delay(self, former: Self | None) -> float | None:
        """Seconds after which the NerDeployment is reconciled.

        A new Job that waits requests nothing: a reconcile has just created it. The start of a Job is not
        written at once: a short one has ended by then.
        """
        if former is None and self.phase is JobPhase.QUEUED:
            return None
        return SETTLING if self.phase is JobPhase.RUNNING else 0.0


def _phase(
    meta: Mapping[str, Any], spec: Mapping[str, Any], status: Mapping[str, Any]
) -> tuple[JobPhase, Mapping[str, Any]]:
    """The phase, and the condition that states it."""
    if meta.get("deletionTimestamp"):
        return JobPhase.DELETING, {}
    for condition in status.get("conditions") or ():
        if condition["status"] == "True" and condition["type"] == "Complete":
            return JobPhase.SUCCEEDED, condition
        if condition["status"] == "True" and condition["type"] == "Failed":
            return JobPhase.FAILED, condition
    if not spec.get("suspend") and status.get("ready"):
        return JobPhase.RUNNING, {}
    return JobPhase.QUEUED, {}
