"""Look at one deployment and say it in the words of `planning`: a `Snapshot`. Reads only.

The object itself is read fresh, so that the status that is written next rests
on what is there. Its Jobs come from the index; pods are asked for only where
the answer can change something: the last words of a Job that ended and that
the status does not know yet, and what keeps a pod from starting.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ner_operator.api.meta import ObjectMeta
from ner_operator.api.v1alpha1 import NerDeployment
from ner_operator.api.v1alpha1.runtime import BUILTIN_RUNTIMES
from ner_operator.api.v1alpha1.status import NerDeploymentStatus
from ner_operator.controllers.nerdeployment import labels, pods
from ner_operator.controllers.nerdeployment.job_index import JobIndex, JobRecord
from ner_operator.controllers.nerdeployment.outcomes import is_news
from ner_operator.controllers.nerdeployment.runtimes import Runtimes
from ner_operator.controllers.nerdeployment.snapshot import JobPhase, JobSnapshot, Snapshot, Surroundings
from ner_operator.kube.client import DEPLOYMENTS, EVENTS, JOBS, PODS, RUNTIMES, Api, ApiError, Json
from ner_operator.kube.ttl_cache import TTLCache
from ner_operator.kube.work_queue import Key

PATIENCE = 5.0
"""Seconds that a Job may take to start before somebody asks why; most start within one."""

LONGEST_PATIENCE = 120.0

POD_PATIENCE = 20.0
"""Seconds that a pod may prepare (images, volumes) before its Events are read."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen, and what is needed to write back.

    Attributes:
        version: of the object; a status is written only over this one.
        written: the status as it stands on the server.
        runtimes: names of those that the spec names.
        waiting: how long the youngest Job has waited to start; None where none waits.
    """

    seen: Snapshot
    uid: str
    version: str
    written: Json
    runtimes: tuple[str, ...]
    waiting: float | None


class Observer:
    """Looks at deployments; safe for many threads.

    Args:
        surroundings: makes what does not belong to the deployment, from the runtimes.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        api: Api,
        jobs: JobIndex,
        runtimes: Runtimes,
        surroundings: Callable[[Mapping[str, Any]], Surroundings],
        clock: Callable[[], float],
    ) -> None:
        self._api = api
        self._jobs = jobs
        self._runtimes = runtimes
        self._surroundings = surroundings
        self._clock = clock
        self._waiting = TTLCache(self._read_waiting, clock)
        self._warnings = TTLCache(self._read_warnings, clock)

    def observe(self, key: Key) -> Sight | None:
        """What there is to see; None where the deployment is gone, or about to be.

        Raises:
            ApiError: the server did not answer.
        """
        return self._observe(key, listed=False)

    def observe_listed(self, key: Key) -> Sight | None:
        """The same, with the Jobs as the server lists them now: what is not there is gone."""
        return self._observe(key, listed=True)

    def _observe(self, key: Key, listed: bool) -> Sight | None:
        namespace, name = key
        try:
            raw = self._api.get(DEPLOYMENTS, namespace, name)
        except ApiError as error:
            if error.not_found:
                return None
            raise
        meta = raw["metadata"]
        if meta.get("deletionTimestamp"):
            return None
        # Two kilobytes that no decision rests on.
        meta.pop("managedFields", None)
        written = raw.pop("status", None) or {}
        deployment, unreadable = read(raw)
        status = NerDeploymentStatus.of(written)
        if listed:
            self._list_jobs(namespace, meta["uid"])
        records = self._jobs.of(meta["uid"])
        jobs = tuple(self._seen_job(record, status) for record in records)
        named = () if unreadable else _runtimes_of(deployment)
        now = self._clock()
        waits = [now - record.created for record in records if _waits(record)]
        return Sight(
            seen=Snapshot(
                deployment,
                status,
                jobs,
                self._surroundings(self._known_runtimes(named)),
                listed,
                unreadable,
            ),
            uid=meta["uid"],
            version=meta["resourceVersion"],
            written=written,
            runtimes=named,
            waiting=min(waits, default=None),
        )

    def _list_jobs(self, namespace: str, owner: str) -> None:
        """Bring the index up to what the server has of one owner."""
        there = set()
        found = self._api.listed(JOBS, namespace, f"{labels.OWNER_UID}={owner}")
        version = int(found["metadata"]["resourceVersion"])
        for job in found["items"]:
            record = JobRecord.of(job)
            if record:
                self._jobs.put(record)
                there.add(record.address)
        for record in self._jobs.of(owner):
            if record.address not in there and record.version <= version:
                self._jobs.drop(record.address, record.uid)

    def _seen_job(self, record: JobRecord, status: NerDeploymentStatus) -> JobSnapshot:
        end, trouble = pods.End(), pods.Trouble(record.reason, record.trouble)
        if record.over and is_news(status.stage(record.step), record.attempt):
            end = pods.end_of(self._pods(record), record.phase is JobPhase.SUCCEEDED)
        elif record.suspended:
            trouble = pods.Trouble("Suspended", "")
        elif _waits(record):
            trouble = self._hindrance(record) or trouble
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
            reason=trouble.reason,
            trouble=trouble.message,
            words=end.words,
            exit_code=end.exit_code,
            pod_reason=end.reason,
            pod_message=end.message,
            spec_hash=record.spec_hash,
        )

    def _hindrance(self, record: JobRecord) -> pods.Trouble | None:
        """What keeps a Job's pod from starting, once it has had time to."""
        waited = self._clock() - record.created
        if waited < PATIENCE:
            return None
        pod = self._waiting.of(record.namespace).get(record.uid)
        if pod is None:
            return self._warnings.of(record.namespace).get(record.uid)
        if pod.trouble is None and waited >= POD_PATIENCE:
            return self._warnings.of(record.namespace).get(pod.uid)
        return pod.trouble

    def _pods(self, record: JobRecord) -> list[Json]:
        selector = f"{labels.JOB_UID}={record.uid}"
        found: list[Json] = self._api.listed(PODS, record.namespace, selector)["items"]
        return found

    def _read_waiting(self, namespace: str) -> Mapping[str, pods.Waiting]:
        pages = self._api.pages(PODS, namespace, labels.OURS, fields="status.phase=Pending")
        return pods.waiting(pod for page in pages for pod in page["items"])

    def _read_warnings(self, namespace: str) -> Mapping[str, pods.Trouble]:
        pages = self._api.pages(EVENTS, namespace, fields="type=Warning")
        return pods.warnings(event for page in pages for event in page["items"])

    def _known_runtimes(self, named: Sequence[str]) -> Mapping[str, Any]:
        """All that are kept, and those of the spec that the watch may not have told of yet."""
        known = self._runtimes.all()
        for name in named:
            if name in known or name in BUILTIN_RUNTIMES:
                continue
            try:
                self._runtimes.put(self._api.get(RUNTIMES, None, name))
            except ApiError as error:
                if not error.not_found:
                    raise
        return self._runtimes.all()


def read(raw: Json) -> tuple[NerDeployment, str]:
    """The deployment, and why its spec cannot be read; then it has a name and nothing else.

    The server has let it pass, so its CRD is of another release than this operator.
    """
    try:
        return NerDeployment.model_validate(raw), ""
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        named: dict[str, Any] = {
            "api_version": raw["apiVersion"],
            "kind": raw["kind"],
            "metadata": ObjectMeta.model_validate(raw["metadata"]),
        }
        return NerDeployment.model_construct(**named), f"{where}: {first['msg']}{more}"


def look_again(waiting: float | None) -> float | None:
    """Seconds until it is worth asking again why a Job does not start; the longer it has waited, the more."""
    if waiting is None:
        return None
    return min(LONGEST_PATIENCE, max(PATIENCE - waiting, waiting, 1.0))


def _waits(record: JobRecord) -> bool:
    return record.phase is JobPhase.QUEUED and not record.suspended


def _runtimes_of(deployment: NerDeployment) -> tuple[str, ...]:
    spec = deployment.spec
    names = [variant.runtime for variant in spec.variants] + ([spec.runtime] if spec.runtime else [])
    return tuple(sorted(set(names)))
