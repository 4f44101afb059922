"""Whether the operator gets on with its work, which is more than being alive.

At rest there are no events, so silence proves nothing. What proves progress:
the resync has come round; somebody who was due has been looked at; and the
watch has told of what the resync finds. An API server that is away is no
reason to restart, so a resync that was tried counts.
"""

import threading
import time
from collections.abc import Callable

from ner_operator.kube.work_queue import Queue

STUCK = 300.0
"""Seconds that somebody may be due while no look ends; each request has a deadline well below."""

LATE = 3
"""Resyncs that may be missed in a row, or find what no watch has told of."""


class Liveness:
    """What has happened last, and when; safe for many threads.

    Args:
        interval: seconds between two resyncs.
    """

    def __init__(self, queue: Queue, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._interval = interval
        self._clock = clock
        self._lock = threading.Lock()
        self._started = self._tried = self._looked = clock()
        self._resynced: float | None = None
        self._deaf = 0

    def tried(self) -> None:
        """A resync begins."""
        self._tried = self._clock()

    def resynced(self, missed: int, suspected: int = 0) -> None:
        """A resync has compared everything.

        Args:
            missed: changes that no watch had told of.
            suspected: changes that no watch has told of yet; the next resync knows whether it will.
        """
        with self._lock:
            self._resynced = self._clock()
            if missed:
                self._deaf += 1
            elif not suspected:
                self._deaf = 0

    def looked(self) -> None:
        """A look ended well."""
        self._looked = self._clock()

    def look_age(self) -> float:
        """Seconds since the last look that ended well, or since the start."""
        return self._clock() - self._looked

    def resync_age(self) -> float:
        """Seconds since the last resync that compared everything, or since the start."""
        return self._clock() - (self._started if self._resynced is None else self._resynced)

    @property
    def ready(self) -> bool:
        """Whether everything has been compared once."""
        return self._resynced is not None

    def ailment(self) -> str:
        """What is wrong, as a sentence; empty where all is well."""
        quiet = self._clock() - self._tried
        if quiet > LATE * self._interval + STUCK:
            return f"the resync has not come round for {quiet:.0f} s"
        if self._queue.oldest() > STUCK and self.look_age() > STUCK:
            return f"a NerDeployment is due for {self._queue.oldest():.0f} s and none was looked at meanwhile"
        if self._deaf >= LATE:
            return f"the last {self._deaf} resyncs found changes that no watch has told of"
        return ""
