"""A cache of what was read of a namespace, for all threads that ask within some seconds.

The API server has no index of Events by their object, nor of pods by their
Job: each such list reads the whole namespace. With a thousand waiting Jobs, a
list for each cost more than all other requests together.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

FRESH = 10.0
"""Seconds for which a value is used."""

T = TypeVar("T")


@dataclass(slots=True)
class _Entry(Generic[T]):
    """The value of a namespace.

    Attributes:
        at: when it was read, in seconds.
    """

    at: float = float("-inf")
    value: T | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class TTLCache(Generic[T]):
    """What `read` returns for a namespace, read again when it is old; safe for many threads.

    Args:
        read: reads a namespace.
        clock: seconds.
    """

    def __init__(self, read: Callable[[str], T], clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._entries: dict[str, _Entry[T]] = {}

    def get(self, namespace: str) -> T:
        """The value of a namespace, at most `FRESH` seconds old.

        Raises:
            Exception: what `read` raised. The next call reads again.
        """
        entry = self._entries.setdefault(namespace, _Entry())
        with entry.lock:
            now = self._clock()
            if entry.value is None or now - entry.at >= FRESH:
                entry.value = self._read(namespace)
                entry.at = now
                self._remove_older_than(now - FRESH)
            return entry.value

    def _remove_older_than(self, time: float) -> None:
        for namespace, entry in [*self._entries.items()]:
            if entry.at < time and not entry.lock.locked():
                self._entries.pop(namespace, None)
