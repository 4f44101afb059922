"""One look at one deployment, from the queue's key to the last write; and the threads that do it.

Whatever goes wrong is told in the log and in the metrics, and the key comes
again, later each time. Nothing that goes wrong with one deployment keeps
another from being looked at.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ner_operator.controllers.nerdeployment.apply import Applier, NameTakenError, RefusedError
from ner_operator.controllers.nerdeployment.decision import Decision
from ner_operator.controllers.nerdeployment.metrics import Metrics
from ner_operator.controllers.nerdeployment.observe import Observer, Sight, look_again
from ner_operator.controllers.nerdeployment.snapshot import JobPhase, JobSnapshot, Snapshot
from ner_operator.kube.client import ApiError
from ner_operator.kube.liveness import Liveness
from ner_operator.kube.versions import Ledger
from ner_operator.kube.work_queue import Key, Queue

logger = logging.getLogger(__name__)

REFUSED_AGAIN = 30.0
"""Seconds after which a Job that the server refused is tried again: a quota may have room by then."""


class Reconciler:
    """Takes keys from the queue and looks; safe for many threads.

    Args:
        decide: what is to be done about what was seen, at a time.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        queue: Queue,
        ledger: Ledger,
        observer: Observer,
        applier: Applier,
        decide: Callable[[Snapshot, float], Decision],
        metrics: Metrics,
        liveness: Liveness,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._queue = queue
        self._ledger = ledger
        self._observer = observer
        self._applier = applier
        self._decide = decide
        self._metrics = metrics
        self._liveness = liveness
        self._clock = clock

    def run(self) -> None:
        """Look at whatever is due until the queue is closed."""
        while (key := self._queue.take()) is not None:
            self.look(key)

    def look(self, key: Key) -> None:
        """Look once, and see to it that the key comes again when it should."""
        began = time.perf_counter()
        self._ledger.looking(key)
        try:
            ended = self._look(key)
        except Exception as error:
            self._ledger.failed(key)
            result, delay = self._failed(key, error)
            level = _severity(error)
            logger.log(
                level,
                "%s",
                error,
                extra={"deployment": key, "again": round(delay, 2)},
                exc_info=level >= logging.ERROR,
            )
        else:
            result = ended.result
            self._liveness.looked()
            self._queue.done(key)
            if ended.again is not None:
                self._queue.add(key, ended.again)
        self._metrics.looked(result, time.perf_counter() - began)

    def _failed(self, key: Key, error: Exception) -> tuple[str, float]:
        if isinstance(error, ApiError) and error.conflict:
            return "conflict", self._queue.failed(key)
        self._metrics.error("look")
        return "error", self._queue.failed(key, error.retry_after if isinstance(error, ApiError) else 0.0)

    def _look(self, key: Key) -> "_Ended":
        sight = self._observer.observe(key)
        decision = self._decide(sight.seen, self._clock()) if sight else None
        if decision and decision.doubt:
            # The index may be behind: what the server itself says is not there is gone.
            sight = self._observer.observe_listed(key)
            decision = self._decide(sight.seen, self._clock()) if sight else None
        if sight is None or decision is None:
            self._metrics.gone(*key)
            self._ledger.failed(key)
            return _Ended("gone")
        again = [look_again(sight.waiting)]
        while True:
            try:
                version = self._applier.apply(sight, decision)
                break
            except RefusedError as refused:
                logger.warning("%s", refused, extra={"deployment": key})
                sight = with_refused(sight, refused, self._clock())
                decision = self._decide(sight.seen, self._clock())
                again.append(REFUSED_AGAIN)
        again.append(decision.look_again)
        self._metrics.wrote(*key, sight.seen.status, decision.status)
        changed = self._ledger.handled(key, sight.uid, int(version), sight.runtimes)
        written = version != sight.version or bool(decision.create or decision.delete)
        if written:
            _tell(key, sight, decision)
        times = [seconds for seconds in again if seconds is not None]
        return _Ended("written" if written else "unchanged", 0.0 if changed else min(times, default=None))


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a look ended, and in how many seconds the next one is due; None where only an event asks for it."""

    result: str
    again: float | None = None


def with_refused(sight: Sight, refused: RefusedError, now: float) -> Sight:
    """What is seen where the server will not have a Job: one that is there in name, and does not start.

    Raises:
        RefusedError: it was seen so already, and was ordered all the same.
    """
    order = refused.order
    if any(job.name == order.name for job in sight.seen.jobs):
        raise refused
    phantom = JobSnapshot(
        name=order.name,
        uid="",
        step=order.step,
        key=order.task.key,
        attempt=order.attempt,
        phase=JobPhase.REFUSED,
        created=now,
        trouble=refused.message,
        spec_hash=order.spec_hash,
    )
    return replace(sight, seen=replace(sight.seen, jobs=(*sight.seen.jobs, phantom)))


def start(reconciler: Reconciler, workers: int) -> list[threading.Thread]:
    """Threads that look, until the queue is closed."""
    threads = [
        threading.Thread(target=reconciler.run, name=f"look-{at}", daemon=True) for at in range(workers)
    ]
    for thread in threads:
        thread.start()
    return threads


def _tell(key: Key, sight: Sight, decision: Decision) -> None:
    former = {stage.name: stage.state for stage in sight.seen.status.stages}
    changes = {
        stage.name: stage.state for stage in decision.status.stages if former.get(stage.name) != stage.state
    }
    ready = decision.status.condition("Ready")
    logger.info(
        "%s",
        ready.message if ready else "looked",
        extra={
            "deployment": key,
            "made": [order.name for order in decision.create],
            "removed": [job.name for job in decision.delete],
            "stages": changes,
            "reason": ready.reason if ready else "",
        },
    )


def _severity(error: Exception) -> int:
    """How loudly an error is told: what mends itself is no error of ours."""
    if isinstance(error, ApiError) and error.conflict:
        return logging.INFO
    return logging.WARNING if isinstance(error, ApiError | NameTakenError) else logging.ERROR
