"""What is kept of each Job: a small record, and an index of them by owner.

A Job's body is some kilobytes; of twelve thousand only the few fields stay
that a decision rests on. The index is fed by the watch, by lists and by what
this operator writes itself, so it keeps of each Job the newest version, and
whoever feeds it learns whether anything changed that is worth a look.

That a Job is not in the index means nothing: the watch may be behind. Whoever
must know asks the server.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from ner_operator.controllers.nerdeployment import labels
from ner_operator.controllers.nerdeployment.snapshot import JobPhase

Address = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A Job, as far as anybody asks.

    Attributes:
        owner: UID of its NerDeployment.
        deployment: name of its NerDeployment.
        version: `resourceVersion`, which only grows.
        suspended: by a queue, that will start it.
        reason, trouble: of a Failed condition.
    """

    namespace: str
    name: str
    uid: str
    owner: str
    deployment: str
    version: int
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
    trouble: str = ""

    @classmethod
    def of(cls, job: Mapping[str, Any]) -> Self | None:
        """The record of a Job as the server has it; None where it is none of ours."""
        meta, status = job["metadata"], job.get("status") or {}
        owner = (meta.get("labels") or {}).get(labels.OWNER_UID)
        notes = meta.get("annotations") or {}
        if not owner or labels.STEP not in notes:
            return None
        phase, condition = _phase(meta, job.get("spec") or {}, status)
        attempt = notes.get(labels.ATTEMPT, "")
        return cls(
            namespace=meta["namespace"],
            name=meta["name"],
            uid=meta["uid"],
            owner=owner,
            deployment=notes.get(labels.DEPLOYMENT, ""),
            version=version_of(meta),
            step=notes[labels.STEP],
            key=notes.get(labels.KEY, ""),
            attempt=int(attempt) if attempt.isdecimal() else 1,
            spec_hash=notes.get(labels.SPEC_HASH, ""),
            phase=phase,
            created=seconds(meta["creationTimestamp"]) or 0.0,
            started=seconds(status.get("startTime")),
            finished=seconds(status.get("completionTime") or condition.get("lastTransitionTime")),
            suspended=bool((job.get("spec") or {}).get("suspend")),
            reason=condition.get("reason", "") if phase is JobPhase.FAILED else "",
            trouble=condition.get("message", "") if phase is JobPhase.FAILED else "",
        )

    @property
    def address(self) -> Address:
        """Where it is."""
        return self.namespace, self.name

    @property
    def over(self) -> bool:
        """Whether it has ended, well or badly."""
        return self.phase in (JobPhase.SUCCEEDED, JobPhase.FAILED)


def _phase(
    meta: Mapping[str, Any], spec: Mapping[str, Any], status: Mapping[str, Any]
) -> tuple[JobPhase, Mapping[str, Any]]:
    """How far it is, and the condition that says so."""
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


class JobIndex:
    """The newest record of each Job, by owner; safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[Address, JobRecord] = {}
        self._owned: dict[str, set[Address]] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def put(self, record: JobRecord) -> JobRecord | None:
        """Keep a record unless a newer one is there.

        Returns:
            The former record of the same Job; the same object where nothing new was learned.
        """
        with self._lock:
            former = self._jobs.get(record.address)
            if former and former.version >= record.version:
                return record
            if former and former.owner != record.owner:
                self._forget(former)
            self._jobs[record.address] = record
            self._owned.setdefault(record.owner, set()).add(record.address)
            return former if former and former.uid == record.uid else None

    def drop(self, address: Address, uid: str) -> JobRecord | None:
        """Forget a Job that is gone; another one of the same name stays."""
        with self._lock:
            record = self._jobs.get(address)
            if record is None or record.uid != uid:
                return None
            self._forget(record)
            return record

    def find(self, address: Address) -> JobRecord | None:
        """The record of a Job."""
        return self._jobs.get(address)

    def of(self, owner: str) -> tuple[JobRecord, ...]:
        """All that this owner has, oldest first."""
        with self._lock:
            found = [self._jobs[address] for address in self._owned.get(owner, ())]
        return tuple(sorted(found, key=lambda record: (record.created, record.name)))

    def absent_from(self, listed: Iterable[Address], version: int) -> list[JobRecord]:
        """Records that a list of this version should have had, and has not."""
        there = set(listed)
        with self._lock:
            return [
                record
                for address, record in self._jobs.items()
                if address not in there and record.version <= version
            ]

    def _forget(self, record: JobRecord) -> None:
        del self._jobs[record.address]
        owned = self._owned[record.owner]
        owned.discard(record.address)
        if not owned:
            del self._owned[record.owner]


def worth_a_look(former: JobRecord | None, now: JobRecord) -> bool:
    """Whether a change of a Job may change a decision.

    A new Job that waits is no news: somebody has just decided that it shall be there.
    """
    if former is None:
        return now.phase is not JobPhase.QUEUED
    return replace(former, version=now.version) != now


def version_of(meta: Mapping[str, Any]) -> int:
    """`resourceVersion` as a number: it only grows, over all objects of a server."""
    return int(meta["resourceVersion"])


def seconds(timestamp: str | None) -> float | None:
    """A timestamp of the API as seconds since the epoch."""
    return datetime.fromisoformat(timestamp).timestamp() if timestamp else None
