"""Whom to look at, and when: each key stands once, with a delay, and with a backoff after failures.

A key that is being looked at is never given out a second time; asked for
meanwhile, it comes again afterwards. The clock comes in as a function.
"""

import heapq
import random
import threading
import time
from collections.abc import Callable

Key = tuple[str, str]
"""Namespace and name of a NerDeployment."""

FIRST_BACKOFF = 0.25
LONGEST_BACKOFF = 60.0


def backoff(failures: int, jitter: float) -> float:
    """Seconds to wait after so many failures in a row.

    Args:
        failures: from 1.
        jitter: 0 to 1; spreads what failed together over half the wait.
    """
    longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(failures - 1, 16))
    return longest * (0.5 + 0.5 * jitter)


class Queue:
    """Keys that are due now or later; safe for many threads."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._jitter = jitter
        self._changed = threading.Condition()
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []
        self._working: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._closed = False

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Ask for a look in so many seconds, or earlier if that was asked for already."""
        with self._changed:
            due = self._clock() + delay
            if self._closed or self._due.get(key, due + 1.0) <= due:
                return
            self._due[key] = due
            heapq.heappush(self._heap, (due, key))
            self._changed.notify()

    def take(self) -> Key | None:
        """The key that has been due for longest, once there is one; None once the queue is closed."""
        with self._changed:
            while not self._closed:
                wait = self._next()
                if isinstance(wait, tuple):
                    del self._due[wait]
                    self._working[wait] = self._clock()
                    return wait
                self._changed.wait(wait)
            return None

    def done(self, key: Key) -> None:
        """The look is over, and went well."""
        with self._changed:
            self._failures.pop(key, None)
            self._release(key)

    def failed(self, key: Key, at_least: float = 0.0) -> float:
        """The look is over, and went wrong: it comes again, later each time.

        Returns:
            Seconds until then.
        """
        with self._changed:
            self._failures[key] = self._failures.get(key, 0) + 1
            delay = max(at_least, backoff(self._failures[key], self._jitter()))
            # Whatever asked for a look meanwhile waits as well: what failed a moment ago fails again.
            self._due[key] = self._clock() + delay
            heapq.heappush(self._heap, (self._due[key], key))
            self._release(key)
            return delay

    def forget(self, key: Key) -> None:
        """There is nothing to look at any more; a look that runs ends by itself."""
        with self._changed:
            self._due.pop(key, None)
            self._failures.pop(key, None)

    def close(self) -> None:
        """Give out nothing more; who waits is told."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def depth(self) -> int:
        """Keys that are due and wait for a worker."""
        with self._changed:
            now = self._clock()
            return sum(1 for key, due in self._due.items() if due <= now and key not in self._working)

    @property
    def idle(self) -> bool:
        """Whether nothing is due and nobody works."""
        return not self._working and self.depth == 0

    def oldest(self) -> float:
        """For how many seconds somebody has waited or been worked on; 0 where nobody is."""
        with self._changed:
            now = self._clock()
            since = [due for due in self._due.values() if due <= now] + list(self._working.values())
            return max((now - at for at in since), default=0.0)

    def _release(self, key: Key) -> None:
        self._working.pop(key, None)
        if key in self._due:
            heapq.heappush(self._heap, (self._due[key], key))
        self._changed.notify()

    def _next(self) -> Key | float | None:
        """The next key, or seconds until there may be one, or None where nothing is planned."""
        now = self._clock()
        while self._heap:
            due, key = self._heap[0]
            # Outdated: taken meanwhile, or asked for at another time; what is worked on is released later.
            if self._due.get(key) != due or key in self._working:
                heapq.heappop(self._heap)
                continue
            if due > now:
                return due - now
            heapq.heappop(self._heap)
            return key
        return None
