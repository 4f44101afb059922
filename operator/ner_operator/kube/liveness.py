"""Liveness: does the operator make progress?

At rest there are no events, so silence proves nothing. These prove progress:
the resync runs, keys that are due are reconciled, and the watch reports what
the resync finds. A restart does not help against an API server that is away,
so a resync that was only tried counts too.
"""

import threading
import time
from collections.abc import Callable, Sequence

from ner_operator.kube.work_queue import WorkQueue

STUCK = 300.0
"""Seconds that a key may be due while no reconcile succeeds. The deadline of a request is far shorter."""

LATE = 3
"""Number of resyncs that may be missed in a row, or may find changes that no watch has reported."""


class Liveness:
    """What happened last, and when; safe for many threads.

    Args:
        queues: one for each controller.
        interval: seconds between two resyncs.
    """

    def __init__(
        self, queues: Sequence[WorkQueue], interval: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._queues = queues
        self._interval = interval
        self._clock = clock
        self._lock = threading.Lock()
        self._started = self._tried = clock()
        self._resynced: float | None = None
        self._deaf = 0

    def resync_started(self) -> None:
        """A resync begins."""
        self._tried = self._clock()

    def resynced(self, missed: int, suspected: int = 0) -> None:
        """A resync has compared everything.

        Args:
            missed: changes that no watch has reported.
            suspected: changes that no watch has reported yet. The next resync knows.
        """
        with self._lock:
            self._resynced = self._clock()
            if missed:
                self._deaf += 1
            elif not suspected:
                self._deaf = 0

    def resync_age(self) -> float:
        """Seconds since the last resync that compared everything, or since the start."""
        return self._clock() - (self._started if self._resynced is None else self._resynced)

    @property
    def ready(self) -> bool:
        """Whether everything was read once."""
        return self._resynced is not None

    def failure(self) -> str:
        """What is wrong, as a sentence; empty if nothing is."""
        quiet = self._clock() - self._tried
        if quiet > LATE * self._interval + STUCK:
            return f"no resync has run for {quiet:.0f} s"
        for queue in self._queues:
            if queue.oldest() > STUCK and queue.since_done() > STUCK:
                return f"an object has been due for {queue.oldest():.0f} s, and none was reconciled meanwhile"
        if self._deaf >= LATE:
            return f"the last {self._deaf} resyncs found changes that no watch has reported"
        return ""
