"""Carry a decision out: make Jobs, delete Jobs, write the status once, tell one Event.

The order is what makes a kill at any point harmless: a Job that was made and
is not in the status yet is found by its name at the next look; a status that
was written and not told of is only an Event less. The status is written over
the version that was looked at and no other, so two operators at once, or a
person with an editor, cost a second look and nothing else.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from ner_operator.controllers.nerdeployment.decision import Decision, Event, JobOrder
from ner_operator.controllers.nerdeployment.job_index import JobIndex, JobRecord
from ner_operator.controllers.nerdeployment.observe import Sight
from ner_operator.controllers.nerdeployment.snapshot import JobSnapshot
from ner_operator.kube.client import DEPLOYMENTS, EVENTS, JOBS, Api, ApiError, Json

logger = logging.getLogger(__name__)

LONGEST_NOTE = 1024
"""Bytes of an Event's message; the server refuses more."""

REPORTER = "nerd-operator"


class RefusedError(Exception):
    """The server will not have a Job, whoever asks again: a quota, a webhook, a field.

    Attributes:
        order: the Job that was to be made.
        message: the server's own.
    """

    def __init__(self, order: JobOrder, message: str) -> None:
        super().__init__(message)
        self.order = order
        self.message = message


class NameTakenError(Exception):
    """A Job of this name is there that is not the one that was to be made."""


class Applier:
    """Writes decisions; safe for many threads.

    Args:
        manifest: makes a Job of an order.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        api: Api,
        jobs: JobIndex,
        manifest: Callable[[JobOrder, Sight], Json],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._jobs = jobs
        self._manifest = manifest
        self._clock = clock

    def apply(self, sight: Sight, decision: Decision) -> str:
        """Write what was decided, and nothing where nothing changes.

        Returns:
            The version of the object afterwards.

        Raises:
            RefusedError: a Job cannot be made; the status is as it was.
            NameTakenError: likewise, for now.
            ApiError: the server did not answer, or the object has changed since it was looked at.
        """
        for job in decision.delete:
            self._delete(sight, job)
        for order in decision.create:
            self._create(sight, order)
        version = self._write_status(sight, decision)
        for told in decision.told:
            self._tell(sight, told)
        return version

    def _delete(self, sight: Sight, job: JobSnapshot) -> None:
        namespace = _namespace(sight)
        try:
            left = self._api.delete(JOBS, namespace, job.name, job.uid)
        except ApiError as error:
            # 409: another Job has this name by now, so this one is gone; or the server could not do it now.
            if not error.not_found and not (error.conflict and self._is_gone(namespace, job)):
                raise
            left = {}
        record = JobRecord.of(left) if left.get("kind") == "Job" else None
        if record and left["metadata"].get("deletionTimestamp"):
            self._jobs.put(record)
        else:
            self._jobs.drop((namespace, job.name), job.uid)

    def _is_gone(self, namespace: str, job: JobSnapshot) -> bool:
        try:
            return bool(self._api.get(JOBS, namespace, job.name)["metadata"]["uid"] != job.uid)
        except ApiError as error:
            if error.not_found:
                return True
            raise

    def _create(self, sight: Sight, order: JobOrder) -> None:
        namespace = _namespace(sight)
        try:
            job = self._api.create(JOBS, namespace, self._manifest(order, sight))
        except ApiError as error:
            if error.already_exists:
                job = self._adopt(sight, order)
            elif error.refused:
                raise RefusedError(order, str(error)) from error
            else:
                raise
        record = JobRecord.of(job)
        if record:
            self._jobs.put(record)

    def _adopt(self, sight: Sight, order: JobOrder) -> Json:
        """The Job that is there under the order's name, if it is the one that was to be made."""
        namespace = _namespace(sight)
        job = self._api.get(JOBS, namespace, order.name)
        record = JobRecord.of(job)
        if job["metadata"].get("deletionTimestamp"):
            raise NameTakenError(f"Job {namespace}/{order.name} is being deleted")
        if record is None or record.owner != sight.uid or record.key != order.task.key:
            raise NameTakenError(f"Job {namespace}/{order.name} is there, and is not ours: delete it")
        return job

    def _write_status(self, sight: Sight, decision: Decision) -> str:
        change = merge_patch(sight.written, decision.status.on_the_wire())
        if not change:
            return sight.version
        patch = {"metadata": {"resourceVersion": sight.version}, "status": change}
        meta = sight.seen.deployment.metadata
        stored = self._api.patch_status(DEPLOYMENTS, _namespace(sight), meta.name, patch)
        return str(stored["metadata"]["resourceVersion"])

    def _tell(self, sight: Sight, told: Event) -> None:
        """Tell people; that it cannot be told changes nothing."""
        try:
            self._api.create(EVENTS, _namespace(sight), event(sight, told, self._clock()))
        except ApiError as error:
            # The same was told a while ago, and is still there to be read.
            if not error.already_exists:
                logger.warning("an Event could not be written: %s", error)


def event(sight: Sight, told: Event, now: float) -> Json:
    """The Event of something told. The same again has the same name, so it stands once."""
    meta = sight.seen.deployment.metadata
    what = hashlib.sha256("\0".join((sight.uid, told.type, told.reason, told.message)).encode()).hexdigest()
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta.name[:236]}.{what[:16]}", "namespace": _namespace(sight)},
        "involvedObject": {
            "apiVersion": sight.seen.deployment.api_version,
            "kind": sight.seen.deployment.kind,
            "name": meta.name,
            "namespace": _namespace(sight),
            "uid": sight.uid,
            "resourceVersion": sight.version,
        },
        "type": told.type,
        "reason": told.reason,
        "message": _cut(told.message),
        "source": {"component": REPORTER},
        "reportingComponent": REPORTER,
        "reportingInstance": REPORTER,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> Json:
    """The JSON merge patch (RFC 7386) that makes `after` of `before`; empty where they are equal.

    Lists are replaced as a whole; null in `after` is absence, as a merge patch has no other word for it.
    """
    patch: Json = {name: None for name in before if after.get(name) is None}
    for name, value in after.items():
        former = before.get(name)
        if value is None or former == value:
            continue
        if isinstance(former, dict) and isinstance(value, dict):
            patch[name] = merge_patch(former, value)
        else:
            patch[name] = value
    return patch


def _namespace(sight: Sight) -> str:
    return sight.seen.deployment.metadata.namespace or "default"


def _cut(note: str) -> str:
    data = note.encode()
    return note if len(data) <= LONGEST_NOTE else data[: LONGEST_NOTE - 3].decode(errors="ignore") + "…"
