"""What was seen of each deployment, and up to which version it has been dealt with.

Events tell a version; a look ends with one. An event that is no news (the
echo of our own status write, what a list repeats after a restart of the
watch) asks for nothing, which is what keeps an operator at rest at rest.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from ner_operator.kube.work_queue import Key


@dataclass(slots=True)
class _Entry:
    uid: str
    seen: int
    handled: int = 0
    looking: bool = False
    runtimes: tuple[str, ...] = ()


class Ledger:
    """Every deployment that is known of; safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[Key, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def saw(self, key: Key, uid: str, version: int) -> bool:
        """Note a version, whoever told it.

        Returns:
            Whether to look. Not while a look runs: `handled` says then whether it came too early.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or (entry.uid != uid and version > entry.seen):
                self._entries[key] = _Entry(uid, version)
                return True
            entry.seen = max(entry.seen, version)
            return entry.seen > entry.handled and not entry.looking

    def told(self, key: Key, uid: str, version: int) -> bool:
        """Whether the watch has told of this version, or a later one."""
        with self._lock:
            entry = self._entries.get(key)
            return entry is not None and entry.uid == uid and max(entry.seen, entry.handled) >= version

    def looking(self, key: Key) -> None:
        """A look begins."""
        with self._lock:
            if key in self._entries:
                self._entries[key].looking = True

    def handled(self, key: Key, uid: str, version: int, runtimes: tuple[str, ...]) -> bool:
        """A look ended well, with the object at this version.

        Args:
            runtimes: names of those that the spec names.

        Returns:
            Whether the object has changed since, so that another look is due.
        """
        with self._lock:
            entry = self._entries.setdefault(key, _Entry(uid, version))
            entry.looking = False
            if entry.uid != uid:
                return True
            entry.handled = max(entry.handled, version)
            entry.runtimes = runtimes
            return entry.seen > entry.handled

    def failed(self, key: Key) -> None:
        """A look ended badly."""
        with self._lock:
            if key in self._entries:
                self._entries[key].looking = False

    def gone(self, key: Key, uid: str) -> None:
        """The object is deleted; another one of the same name stays."""
        with self._lock:
            if key in self._entries and self._entries[key].uid == uid:
                del self._entries[key]

    def absent_from(self, listed: Iterable[Key], version: int) -> list[tuple[Key, str]]:
        """Keys and UIDs that a list of this version should have had, and has not."""
        there = set(listed)
        with self._lock:
            return [
                (key, entry.uid)
                for key, entry in self._entries.items()
                if key not in there and max(entry.seen, entry.handled) <= version
            ]

    def users_of(self, runtime: str) -> list[Key]:
        """Deployments whose spec names this runtime."""
        with self._lock:
            return [key for key, entry in self._entries.items() if runtime in entry.runtimes]
