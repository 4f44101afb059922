"""Compare the cluster with what was dealt with, now and then, by lists: what a watch lost is found here.

Only names and versions are listed, and what is equal is not looked at again.
A list may be ahead of a watch by a moment, so what is newer than anybody has
told is suspected first, and dealt with if the next comparison still finds it
so. Absence is taken from here alone: a watch that was interrupted does not
tell of what was deleted meanwhile.
"""

import logging
import threading
from collections.abc import Iterable, Sequence

from ner_operator.controllers.nerdeployment.job_index import (
    Address,
    JobIndex,
    JobRecord,
    version_of,
    worth_a_look,
)
from ner_operator.controllers.nerdeployment.labels import OURS
from ner_operator.controllers.nerdeployment.metrics import Metrics
from ner_operator.controllers.nerdeployment.runtimes import Runtimes
from ner_operator.kube.client import DEPLOYMENTS, JOBS, RUNTIMES, Api, ApiError, Json, Kind
from ner_operator.kube.liveness import Liveness
from ner_operator.kube.versions import Ledger
from ner_operator.kube.work_queue import Key, Queue

logger = logging.getLogger(__name__)


class Resync:
    """Lists and compares.

    Args:
        namespaces: to look into; None stands for the whole cluster.
    """

    def __init__(
        self,
        api: Api,
        queue: Queue,
        ledger: Ledger,
        jobs: JobIndex,
        runtimes: Runtimes,
        metrics: Metrics,
        liveness: Liveness,
        namespaces: Sequence[str | None] = (None,),
    ) -> None:
        self._api = api
        self._queue = queue
        self._ledger = ledger
        self._jobs = jobs
        self._runtimes = runtimes
        self._metrics = metrics
        self._liveness = liveness
        self._namespaces = namespaces
        self._suspected: dict[tuple[str, Key | Address], int] = {}

    def run(self, interval: float, stopping: threading.Event) -> None:
        """Compare every so many seconds until told to stop; a server that is away is asked again then."""
        while not stopping.wait(interval):
            self._liveness.tried()
            try:
                self.compare()
            except ApiError as error:
                self._metrics.error("resync")
                logger.warning("the resync ends early: %s", error)

    def read(self) -> None:
        """Read everything for the first time, Jobs with their bodies, and ask for a look at every deployment.

        Raises:
            ApiError: the server does not answer, or does not know our kinds.
        """
        self._compare_runtimes()
        for namespace in self._namespaces:
            for page in self._api.pages(JOBS, namespace, labels=OURS):
                for job in page["items"]:
                    self._put(job)
        for namespace in self._namespaces:
            for page in self._api.pages(DEPLOYMENTS, namespace, metadata_only=True):
                for item in page["items"]:
                    self._saw(item["metadata"])
        self._liveness.resynced(0)

    def compare(self) -> None:
        """Compare everything with what is known, and ask for a look where they differ.

        Raises:
            ApiError: the server does not answer; what was compared until then holds.
        """
        self._compare_runtimes()
        suspected: dict[tuple[str, Key | Address], int] = {}
        missed = 0
        for namespace in self._namespaces:
            missed += self._compare_jobs(namespace, suspected)
            missed += self._compare_deployments(namespace, suspected)
        self._suspected = suspected
        if missed:
            self._metrics.missed(missed)
            logger.warning("the resync found %d changes that no watch has told of", missed)
        self._liveness.resynced(missed, len(suspected))

    def _compare_deployments(
        self, namespace: str | None, suspected: dict[tuple[str, Key | Address], int]
    ) -> int:
        missed, there, version = 0, set[Key](), 0
        for page in self._api.pages(DEPLOYMENTS, namespace, metadata_only=True):
            version = int(page["metadata"]["resourceVersion"])
            for item in page["items"]:
                meta = item["metadata"]
                key = meta["namespace"], meta["name"]
                there.add(key)
                former = self._suspected.get(("deployment", key))
                if former is not None and not self._ledger.told(key, meta["uid"], former):
                    missed += 1
                    self._saw(meta)
                elif not self._ledger.told(key, meta["uid"], version_of(meta)):
                    suspected["deployment", key] = version_of(meta)
        for key, uid in self._ledger.absent_from(there, version):
            if namespace in (None, key[0]):
                self.lost(key, uid)
        return missed

    def _compare_jobs(self, namespace: str | None, suspected: dict[tuple[str, Key | Address], int]) -> int:
        missed, there, version = 0, set[Address](), 0
        for page in self._api.pages(JOBS, namespace, labels=OURS, metadata_only=True):
            version = int(page["metadata"]["resourceVersion"])
            for item in page["items"]:
                meta = item["metadata"]
                address = meta["namespace"], meta["name"]
                there.add(address)
                known = self._jobs.find(address)
                newest = known.version if known else 0
                if newest < self._suspected.get(("job", address), 0):
                    missed += 1
                    self._reread(address)
                elif newest < version_of(meta):
                    suspected["job", address] = version_of(meta)
        for record in self._jobs.absent_from(there, version):
            if namespace in (None, record.namespace):
                self._jobs.drop(record.address, record.uid)
                self._queue.add((record.namespace, record.deployment))
        return missed

    def _reread(self, address: Address) -> None:
        try:
            self._put(self._api.get(JOBS, *address))
        except ApiError as error:
            if not error.not_found:
                raise

    def _put(self, job: Json) -> None:
        """Keep a Job, and ask for a look if it tells something new."""
        record = JobRecord.of(job)
        if record and worth_a_look(self._jobs.put(record), record):
            self._queue.add((record.namespace, record.deployment))

    def _saw(self, meta: Json) -> None:
        key = meta["namespace"], meta["name"]
        if self._ledger.saw(key, meta["uid"], version_of(meta)):
            self._queue.add(key)

    def lost(self, key: Key, uid: str) -> None:
        """A deployment is gone: forget it. Its Jobs go with it, by their owner reference."""
        self._ledger.gone(key, uid)
        self._queue.forget(key)
        self._metrics.gone(*key)

    def _compare_runtimes(self) -> None:
        there = set()
        changed: set[str] = set()
        for page in self._api.pages(RUNTIMES, None):
            for runtime in page["items"]:
                name = runtime["metadata"]["name"]
                there.add(name)
                if self._runtimes.put(runtime):
                    changed.add(name)
        for name in self._runtimes.all().keys() - there:
            self._runtimes.drop(name)
            changed.add(name)
        self.runtimes_changed(changed)

    def runtimes_changed(self, names: Iterable[str]) -> None:
        """Ask for a look at every deployment whose spec names one of them."""
        for name in names:
            for key in self._ledger.users_of(name):
                self._queue.add(key)


def check_kinds(api: Api, kinds: Sequence[Kind] = (DEPLOYMENTS, RUNTIMES)) -> str:
    """Why the operator cannot work with this cluster, as a sentence; empty where it can.

    Raises:
        ApiError: the server does not answer.
    """
    served = {resource["name"] for resource in _discover(api, kinds[0])}
    missing = [kind.plural for kind in kinds if kind.plural not in served]
    if not missing:
        return ""
    return f"the cluster does not know {' and '.join(missing)}: install the CRDs (kubectl apply -f crds/)"


def _discover(api: Api, kind: Kind) -> list[Json]:
    try:
        found: list[Json] = api.request("GET", kind.root).get("resources", [])
    except ApiError as error:
        if error.not_found:
            return []
        raise
    return found
