"""What was read of a namespace lately, for all who ask within some seconds.

The server keeps no index of Events by their object, nor of pods by their Job:
whoever's are asked for, it goes through all that the namespace has. With a
thousand Jobs waiting at once a list for each cost more than all else that the
operator asks, and made the Jobs wait longer.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

FRESH = 10.0
"""Seconds that what was read serves others; whoever waits is looked at again later than that."""

T = TypeVar("T")


@dataclass(slots=True)
class _Answer(Generic[T]):
    """What a namespace has.

    Attributes:
        at: when it was read; never is long ago.
    """

    at: float = float("-inf")
    value: T | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class TTLCache(Generic[T]):
    """What `read` returns for a namespace, read again when it is old; safe for many threads.

    Args:
        read: the whole of a namespace, once for all who ask.
        clock: seconds.
    """

    def __init__(self, read: Callable[[str], T], clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._answers: dict[str, _Answer[T]] = {}

    def of(self, namespace: str) -> T:
        """What the namespace has, or had less than `FRESH` seconds ago.

        Raises:
            Exception: what `read` raised; the next who asks reads again.
        """
        answer = self._answers.setdefault(namespace, _Answer())
        with answer.lock:
            now = self._clock()
            if answer.value is None or now - answer.at >= FRESH:
                answer.value = self._read(namespace)
                answer.at = now
                self._forget_before(now - FRESH)
            return answer.value

    def _forget_before(self, time: float) -> None:
        for namespace, answer in [*self._answers.items()]:
            if answer.at < time and not answer.lock.locked():
                self._answers.pop(namespace, None)
