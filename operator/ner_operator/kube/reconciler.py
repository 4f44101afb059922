"""The reconciler: worker threads that take keys from the queue and reconcile them.

An error is logged and counted, and the key is retried with a backoff. An
object that cannot be reconciled does not delay another one.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ner_operator.kube.client import ApiError
from ner_operator.kube.metrics import ControllerMetrics
from ner_operator.kube.objects import Key
from ner_operator.kube.version_tracker import VersionTracker
from ner_operator.kube.work_queue import WorkQueue

logger = logging.getLogger(__name__)


class RetryError(Exception):
    """The cluster is not ready for a write; a later reconcile may succeed."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a reconcile ended.

    Attributes:
        uid: of the object.
        version: `resourceVersion` of the object after the writes.
        written: whether anything was written.
        requeue_after: seconds until the next reconcile; None if only an event requests it.
        references: names of the objects that this one refers to.
    """

    uid: str
    version: int
    written: bool
    requeue_after: float | None = None
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Reconciles the keys of a queue; safe for many threads.

    Attributes:
        reconcile_object: reconciles one object; returns None if it is gone.
    """

    queue: WorkQueue
    versions: VersionTracker
    metrics: ControllerMetrics
    reconcile_object: Callable[[Key], Result | None]

    def start(self, workers: int) -> list[threading.Thread]:
        """Start worker threads. They end when the queue is shut down."""
        threads = [
            threading.Thread(target=self.run, name=f"worker-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in threads:
            thread.start()
        return threads

    def run(self) -> None:
        """Reconcile keys until the queue is shut down."""
        while (key := self.queue.get()) is not None:
            self.reconcile(key)

    def reconcile(self, key: Key) -> None:
        """Reconciles the object once and requeues it if needed."""
        began = time.perf_counter()
        self.versions.begin(key)
        try:
            result = self.reconcile_object(key)
        except Exception as error:
            self.versions.abort(key)
            outcome = self._retry(key, error)
        else:
            outcome = self._finish(key, result)
        self.metrics.reconciled(outcome, time.perf_counter() - began)

    def _finish(self, key: Key, result: Result | None) -> str:
        if result is None:
            self.versions.abort(key)
            self.queue.done(key)
            return "gone"
        changed = self.versions.finish(key, result.uid, result.version, result.references)
        self.queue.done(key)
        if changed:
            self.queue.add(key)
        elif result.requeue_after is not None:
            self.queue.add(key, result.requeue_after)
        return "written" if result.written else "unchanged"

    def _retry(self, key: Key, error: Exception) -> str:
        if isinstance(error, ApiError) and error.conflict:
            # Another writer was faster. Nothing is wrong.
            outcome, level = "conflict", logging.INFO
        else:
            self.metrics.error("reconcile")
            outcome = "error"
            level = logging.WARNING if isinstance(error, ApiError | RetryError) else logging.ERROR
        delay = self.queue.retry(key, error.retry_after if isinstance(error, ApiError) else 0.0)
        extra = {"object": key, "retry_seconds": round(delay, 2)}
        logger.log(level, "%s", error, extra=extra, exc_info=level >= logging.ERROR)
        return outcome
