"""Observe one NerDeployment: read what a decision rests on into a `Snapshot`. Writes nothing.

The object is always read anew, since the next status patch builds on it. Its
Jobs come from the cache. Pods are listed only if the answer can change
something: for the termination message of a Job that has ended, unless the
status has it already, and for the reason why a pod does not start.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from ner_operator.api.meta import ObjectMeta
from ner_operator.api.v1alpha1 import NerDeployment, NerRuntimeSpec
from ner_operator.api.v1alpha1.runtime import BUILTIN_RUNTIMES
from ner_operator.api.v1alpha1.status import NerDeploymentStatus
from ner_operator.controllers.nerdeployment import labels, pods
from ner_operator.controllers.nerdeployment.job_records import JobRecord
from ner_operator.controllers.nerdeployment.outcomes import is_news
from ner_operator.controllers.nerdeployment.runtimes import RuntimeRecord
from ner_operator.controllers.nerdeployment.snapshot import ClusterSettings, JobPhase, JobSnapshot, Snapshot
from ner_operator.controllers.resources import NERDEPLOYMENTS, NERRUNTIMES
from ner_operator.kube.cache import Cache
from ner_operator.kube.client import Api, ApiError
from ner_operator.kube.objects import EVENTS, JOBS, PODS, Json, Key, version_of
from ner_operator.kube.ttl_cache import TTLCache

JOB_START_SECONDS = 5.0
"""Seconds that a Job may take to start before the reason is read. Most Jobs start within one second."""

LONGEST_RECHECK_SECONDS = 120.0

POD_START_SECONDS = 20.0
"""Seconds that a pod may prepare images and volumes before its Events are read."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A snapshot, and what is needed to write back.

    Attributes:
        written: the status as it is on the server. A patch is the difference to it.
        runtimes: names of the NerRuntimes that the spec names.
        waiting: seconds for which the youngest Job has waited to start; None if no Job waits.
    """

    snapshot: Snapshot
    written: Json
    runtimes: tuple[str, ...]
    waiting: float | None

    @property
    def version(self) -> str:
        """`resourceVersion` of the object. The status is patched only if the object still has it."""
        return self.snapshot.deployment.metadata.resource_version or ""


class Observer:
    """Reads NerDeployments; safe for many threads.

    Args:
        settings: the operator's settings. `observe` adds the runtimes.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        api: Api,
        jobs: Cache[JobRecord],
        runtimes: Cache[RuntimeRecord],
        settings: ClusterSettings,
        clock: Callable[[], float],
    ) -> None:
        self._api = api
        self._jobs = jobs
        self._runtimes = runtimes
        self._settings = settings
        self._clock = clock
        self._waiting_pods = TTLCache(self._read_waiting_pods, clock)
        self._warnings = TTLCache(self._read_warnings, clock)

    def observe(self, key: Key, listed: bool = False) -> Observation | None:
        """Observe one NerDeployment; None if it is gone or being deleted.

        Args:
            listed: list the Jobs from the server first. Otherwise a Job that is missing may still exist.

        Raises:
            ApiError: the server did not answer.
        """
        namespace, name = key
        try:
            raw = self._api.get(NERDEPLOYMENTS, namespace, name)
        except ApiError as error:
            if error.not_found:
                return None
            raise
        meta = raw["metadata"]
        if meta.get("deletionTimestamp"):
            return None
        # Two kilobytes that no decision needs.
        meta.pop("managedFields", None)
        written = raw.pop("status", None) or {}
        deployment, unreadable = parse(raw)
        status = NerDeploymentStatus.of(written)
        if listed:
            self._list_jobs(namespace, meta["uid"])
        records = sorted(self._jobs.owned_by(meta["uid"]), key=lambda each: (each.created, each.name))
        named = () if unreadable else _runtimes_of(deployment)
        settings = replace(self._settings, runtimes=self._known_runtimes(named))
        jobs = tuple(self._observe_job(record, status) for record in records)
        now = self._clock()
        return Observation(
            Snapshot(deployment, status, jobs, settings, listed, unreadable),
            written,
            named,
            min((now - record.created for record in records if record.waits), default=None),
        )

    def _list_jobs(self, namespace: str, owner_uid: str) -> None:
        """Update the cache with the server's list of one owner's Jobs."""
        listed = set()
        found = self._api.list(JOBS, namespace, f"{labels.OWNER_UID}={owner_uid}")
        for job in found["items"]:
            if record := JobRecord.of(job):
                self._jobs.put(record)
                listed.add(record.uid)
        for record in self._jobs.owned_by(owner_uid):
            if record.uid not in listed and record.version <= version_of(found["metadata"]):
                self._jobs.remove((record.namespace, record.name), record.uid)

    def _observe_job(self, record: JobRecord, status: NerDeploymentStatus) -> JobSnapshot:
        end, why = pods.PodEnd(), pods.WaitReason(record.reason, record.message)
        if record.has_ended and is_news(status.stage(record.step), record.attempt):
            end = pods.end_of(self._pods_of(record), record.phase is JobPhase.SUCCEEDED)
        elif record.suspended:
            why = pods.WaitReason("Suspended", "")
        elif record.waits:
            why = self._wait_reason(record) or why
        return JobSnapshot(
            name=record.name,
            uid=record.uid,
            step=record.step,
            key=record.key,
            attempt=record.attempt,
            phase=record.phase,
            created=record.created,
            started=record.started,
            finished=record.finished,
            reason=why.reason,
            message=why.message,
            termination_message=end.termination_message,
            exit_code=end.exit_code,
            pod_reason=end.reason,
            pod_message=end.message,
            spec_hash=record.spec_hash,
        )

    def _wait_reason(self, record: JobRecord) -> pods.WaitReason | None:
        """Why a Job's pod has not started, after the time that most take."""
        waited = self._clock() - record.created
        if waited < JOB_START_SECONDS:
            return None
        pod = self._waiting_pods.get(record.namespace).get(record.uid)
        if pod is None:
            return self._warnings.get(record.namespace).get(record.uid)
        if pod.why is None and waited >= POD_START_SECONDS:
            return self._warnings.get(record.namespace).get(pod.uid)
        return pod.why

    def _pods_of(self, record: JobRecord) -> list[Json]:
        found: list[Json] = self._api.list(PODS, record.namespace, f"{labels.JOB_UID}={record.uid}")["items"]
        return found

    def _read_waiting_pods(self, namespace: str) -> Mapping[str, pods.WaitingPod]:
        pages = self._api.pages(PODS, namespace, labels.OURS, fields="status.phase=Pending")
        return pods.waiting_pods(pod for page in pages for pod in page["items"])

    def _read_warnings(self, namespace: str) -> Mapping[str, pods.WaitReason]:
        pages = self._api.pages(EVENTS, namespace, fields="type=Warning")
        return pods.warnings(event for page in pages for event in page["items"])

    def _known_runtimes(self, named: Sequence[str]) -> Mapping[str, NerRuntimeSpec]:
        """The cached runtimes, and those that the spec names and the watch has not reported yet."""
        for name in named:
            if name in BUILTIN_RUNTIMES or self._runtimes.get(("", name)):
                continue
            try:
                record = RuntimeRecord.of(self._api.get(NERRUNTIMES, None, name))
            except ApiError as error:
                if not error.not_found:
                    raise
            else:
                if record:
                    self._runtimes.put(record)
        return {record.name: record.spec for record in self._runtimes.all()}


def parse(raw: Json) -> tuple[NerDeployment, str]:
    """The deployment, and why this release cannot read its spec; empty if it can.

    The API server has accepted the spec, so its CRD is of another release than this operator. The deployment
    then has metadata and no spec.
    """
    try:
        return NerDeployment.model_validate(raw), ""
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        fields: dict[str, Any] = {
            "api_version": raw["apiVersion"],
            "kind": raw["kind"],
            "metadata": ObjectMeta.model_validate(raw["metadata"]),
        }
        return NerDeployment.model_construct(**fields), f"{where}: {first['msg']}{more}"


def recheck_after(waiting: float | None) -> float | None:
    """Seconds until the reason why a Job does not start is read again; longer if it has waited longer."""
    if waiting is None:
        return None
    return min(LONGEST_RECHECK_SECONDS, max(JOB_START_SECONDS - waiting, waiting, 1.0))


def _runtimes_of(deployment: NerDeployment) -> tuple[str, ...]:
    spec = deployment.spec
    names = [variant.runtime for variant in spec.variants] + ([spec.runtime] if spec.runtime else [])
    return tuple(sorted(set(names)))
