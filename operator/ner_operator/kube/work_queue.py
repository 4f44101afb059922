"""The work queue: which key to reconcile, and when.

A key is in the queue once, with a delay, and with a backoff after failures.
A key that a worker holds is not given to a second one; if it is added
meanwhile, it is due again afterwards.
"""

import heapq
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ner_operator.kube.objects import Key

FIRST_BACKOFF = 0.25
LONGEST_BACKOFF = 60.0

AHEAD = 10.0
"""Seconds of waiting that a prioritized key skips. It does not skip all: other keys get their turn, however
many are prioritized."""


@dataclass(frozen=True, slots=True)
class _Request:
    """One requested reconcile.

    Attributes:
        rank: the lowest comes first.
        due: not before this time.
    """

    rank: float
    due: float


def backoff(failures: int, jitter: float) -> float:
    """Seconds to wait after this many failures in a row.

    Args:
        failures: from 1.
        jitter: 0 to 1. Spreads keys that failed together over half the wait.
    """
    longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(failures - 1, 16))
    return longest * (0.5 + 0.5 * jitter)


class WorkQueue:
    """Keys that are due now or later; safe for many threads.

    Args:
        clock: seconds; monotonic.
        jitter: a random number from 0 to 1.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._jitter = jitter
        self._changed = threading.Condition()
        self._requests: dict[Key, _Request] = {}
        self._heap: list[tuple[float, Key]] = []
        self._in_progress: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._last_done = clock()
        self._shut_down = False

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Make a key due after this many seconds. An earlier request for the same key stays."""
        with self._changed:
            due = self._clock() + delay
            self._request(key, _Request(due, due))

    def prioritize(self, key: Key) -> None:
        """Make a key due now, before keys that have waited for less than `AHEAD` seconds."""
        with self._changed:
            now = self._clock()
            self._request(key, _Request(now - AHEAD, now))

    def get(self) -> Key | None:
        """Wait for a key that is due, and take it; None after `shut_down`."""
        with self._changed:
            while not self._shut_down:
                wait = self._next()
                if isinstance(wait, tuple):
                    del self._requests[wait]
                    self._in_progress[wait] = self._clock()
                    return wait
                self._changed.wait(wait)
            return None

    def done(self, key: Key) -> None:
        """The worker has reconciled the key."""
        with self._changed:
            self._failures.pop(key, None)
            self._last_done = self._clock()
            self._release(key)

    def retry(self, key: Key, at_least: float = 0.0) -> float:
        """The worker has failed: the key is due again after a backoff.

        Args:
            at_least: seconds.

        Returns:
            Seconds until then.
        """
        with self._changed:
            self._failures[key] = self._failures.get(key, 0) + 1
            delay = max(at_least, backoff(self._failures[key], self._jitter()))
            # Requests that came meanwhile wait too: what has just failed would fail again.
            due = self._clock() + delay
            self._requests[key] = _Request(due, due)
            self._release(key)
            return delay

    def forget(self, key: Key) -> None:
        """Drop a key whose object is gone. A worker that holds it goes on."""
        with self._changed:
            self._requests.pop(key, None)
            self._failures.pop(key, None)

    def shut_down(self) -> None:
        """Give out no more keys, and wake the workers that wait."""
        with self._changed:
            self._shut_down = True
            self._changed.notify_all()

    @property
    def depth(self) -> int:
        """Number of keys that are due and wait for a worker."""
        with self._changed:
            now = self._clock()
            return sum(
                1
                for key, request in self._requests.items()
                if request.due <= now and key not in self._in_progress
            )

    @property
    def idle(self) -> bool:
        """Whether no key is due and no worker holds one."""
        return not self._in_progress and self.depth == 0

    def oldest(self) -> float:
        """Seconds for which a key has been due or in progress, the longest of all; 0 if there is none."""
        with self._changed:
            now = self._clock()
            since = [request.due for request in self._requests.values() if request.due <= now]
            since += self._in_progress.values()
            return max((now - at for at in since), default=0.0)

    def since_done(self) -> float:
        """Seconds since the last `done`, or since the start."""
        return self._clock() - self._last_done

    def _request(self, key: Key, request: _Request) -> None:
        former = self._requests.get(key)
        if self._shut_down or (former and former.rank <= request.rank):
            return
        # A prioritized key has still waited since it was first due.
        self._requests[key] = _Request(request.rank, min(request.due, former.due)) if former else request
        heapq.heappush(self._heap, (request.rank, key))
        self._changed.notify()

    def _release(self, key: Key) -> None:
        self._in_progress.pop(key, None)
        if key in self._requests:
            heapq.heappush(self._heap, (self._requests[key].rank, key))
        self._changed.notify()

    def _next(self) -> Key | float | None:
        """The next key, or the seconds until one may be due, or None if none is requested."""
        now = self._clock()
        while self._heap:
            rank, key = self._heap[0]
            request = self._requests.get(key)
            # Outdated: taken, or requested again with another rank. A key in progress is pushed again
            # when its worker releases it.
            if request is None or request.rank != rank or key in self._in_progress:
                heapq.heappop(self._heap)
                continue
            if request.due > now:
                return request.due - now
            heapq.heappop(self._heap)
            return key
        return None
