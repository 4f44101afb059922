"""Whom to look at, and when: each key stands once, with a delay, and with a backoff after failures.

A key that is being looked at is never given out a second time; asked for
meanwhile, it comes again afterwards. What an accelerator stands idle for goes
before what nobody waits for. The clock comes in as a function.
"""

import heapq
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

Key = tuple[str, str]
"""Namespace and name of a NerDeployment."""

FIRST_BACKOFF = 0.25
LONGEST_BACKOFF = 60.0

AHEAD = 10.0
"""Seconds of waiting that a hurried look is let off. Not all of them: others get their turn, however many
hurry."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """One look that was asked for.

    Attributes:
        rank: the least is taken first.
        due: not before this.
    """

    rank: float
    due: float


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
        self._wishes: dict[Key, _Wish] = {}
        self._heap: list[tuple[float, Key]] = []
        self._working: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._closed = False

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Ask for a look in so many seconds, or earlier if that was asked for already."""
        with self._changed:
            due = self._clock() + delay
            self._wish(key, _Wish(due, due))

    def hurry(self, key: Key) -> None:
        """Ask for a look now, before others that were asked for a while ago."""
        with self._changed:
            now = self._clock()
            self._wish(key, _Wish(now - AHEAD, now))

    def take(self) -> Key | None:
        """The key whose turn it is, once there is one; None once the queue is closed."""
        with self._changed:
            while not self._closed:
                wait = self._next()
                if isinstance(wait, tuple):
                    del self._wishes[wait]
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
            due = self._clock() + delay
            self._wishes[key] = _Wish(due, due)
            self._release(key)
            return delay

    def forget(self, key: Key) -> None:
        """There is nothing to look at any more; a look that runs ends by itself."""
        with self._changed:
            self._wishes.pop(key, None)
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
            return sum(
                1 for key, wish in self._wishes.items() if wish.due <= now and key not in self._working
            )

    @property
    def idle(self) -> bool:
        """Whether nothing is due and nobody works."""
        return not self._working and self.depth == 0

    def oldest(self) -> float:
        """For how many seconds somebody has waited or been worked on; 0 where nobody is."""
        with self._changed:
            now = self._clock()
            since = [wish.due for wish in self._wishes.values() if wish.due <= now]
            since += self._working.values()
            return max((now - at for at in since), default=0.0)

    def _wish(self, key: Key, wish: _Wish) -> None:
        former = self._wishes.get(key)
        if self._closed or (former and former.rank <= wish.rank):
            return
        # It has waited since it was due first, whoever lets it go ahead now.
        self._wishes[key] = _Wish(wish.rank, min(wish.due, former.due)) if former else wish
        heapq.heappush(self._heap, (wish.rank, key))
        self._changed.notify()

    def _release(self, key: Key) -> None:
        self._working.pop(key, None)
        if key in self._wishes:
            heapq.heappush(self._heap, (self._wishes[key].rank, key))
        self._changed.notify()

    def _next(self) -> Key | float | None:
        """The next key, or seconds until there may be one, or None where nothing is planned."""
        now = self._clock()
        while self._heap:
            rank, key = self._heap[0]
            wish = self._wishes.get(key)
            # Outdated: taken meanwhile, or asked for at another time; what is worked on is released later.
            if wish is None or wish.rank != rank or key in self._working:
                heapq.heappop(self._heap)
                continue
            if wish.due > now:
                return wish.due - now
            heapq.heappop(self._heap)
            return key
        return None
