"""What the watch tells, and what is made of it: a record kept, and a key in the queue if it is news.

No decision is taken here and nothing is written. An event only says that it
may be worth a look, and a lost one is found by the resync.
"""

from collections.abc import Callable

from ner_operator.controllers.nerdeployment.attempts import SETTLING
from ner_operator.controllers.nerdeployment.job_index import JobIndex, JobRecord, version_of, worth_a_look
from ner_operator.controllers.nerdeployment.runtimes import Runtimes
from ner_operator.controllers.nerdeployment.snapshot import JobPhase
from ner_operator.kube.client import Json
from ner_operator.kube.versions import Ledger
from ner_operator.kube.work_queue import Key, Queue


class Watch:
    """Takes events of the three kinds.

    Args:
        lost: told of each deployment that is gone, by key and UID.
    """

    def __init__(
        self,
        queue: Queue,
        ledger: Ledger,
        jobs: JobIndex,
        runtimes: Runtimes,
        lost: Callable[[Key, str], None],
    ) -> None:
        self._queue = queue
        self._ledger = ledger
        self._jobs = jobs
        self._runtimes = runtimes
        self._lost = lost

    def deployment(self, gone: bool, deployment: Json) -> None:
        """A NerDeployment was made, changed or deleted."""
        meta = deployment["metadata"]
        key = meta["namespace"], meta["name"]
        if gone:
            self._lost(key, meta["uid"])
        elif self._ledger.saw(key, meta["uid"], version_of(meta)):
            self._queue.add(key)

    def job(self, gone: bool, job: Json) -> None:
        """One of our Jobs was made, changed or deleted."""
        record = JobRecord.of(job)
        if record is None:
            return
        key = record.namespace, record.deployment
        if gone:
            if self._jobs.drop(record.address, record.uid):
                self._queue.add(key)
        elif worth_a_look(self._jobs.put(record), record):
            if record.over:
                # The next stage can begin, and until it does an accelerator may stand idle.
                self._queue.hurry(key)
            else:
                # That a Job began to run is not written at once: a short one has ended by then.
                self._queue.add(key, SETTLING if record.phase is JobPhase.RUNNING else 0.0)

    def runtime(self, gone: bool, runtime: Json) -> None:
        """A NerRuntime was made, changed or deleted."""
        name = runtime["metadata"]["name"]
        if self._runtimes.drop(name) if gone else self._runtimes.put(runtime):
            for key in self._ledger.users_of(name):
                self._queue.add(key)
