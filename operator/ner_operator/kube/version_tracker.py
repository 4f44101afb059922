"""Which version of each object was observed, and up to which version it was reconciled.

A watch event brings a version, and a reconcile ends with one. An event that
brings no newer version (our own status write, a list that a restarted watch
repeats) requests nothing. So a controller at rest stays at rest.
"""

import threading
from collections.abc import Container
from dataclasses import dataclass

from ner_operator.kube.objects import Key


@dataclass(slots=True)
class _Entry:
    uid: str
    observed: int
    reconciled: int = 0
    in_progress: bool = False
    references: tuple[str, ...] = ()


class VersionTracker:
    """Every object that a controller reconciles; safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[Key, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def observe(self, key: Key, uid: str, version: int) -> bool:
        """Note a version from a watch or a list.

        Returns:
            Whether to reconcile the object. False during a reconcile: `finish` says then whether the version
            came too late for it.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or (entry.uid != uid and version > entry.observed):
                self._entries[key] = _Entry(uid, version)
                return True
            entry.observed = max(entry.observed, version)
            return entry.observed > entry.reconciled and not entry.in_progress

    def has_observed(self, key: Key, uid: str, version: int) -> bool:
        """Whether this version, or a later one, was observed or written."""
        with self._lock:
            entry = self._entries.get(key)
            return entry is not None and entry.uid == uid and max(entry.observed, entry.reconciled) >= version

    def begin(self, key: Key) -> None:
        """A reconcile begins."""
        self._set_in_progress(key, True)

    def abort(self, key: Key) -> None:
        """A reconcile has ended without a result."""
        self._set_in_progress(key, False)

    def finish(self, key: Key, uid: str, version: int, references: tuple[str, ...]) -> bool:
        """A reconcile has ended with the object at this version.

        Args:
            references: names of the objects that this one refers to.

        Returns:
            Whether the object has changed meanwhile, so that another reconcile is due.
        """
        with self._lock:
            entry = self._entries.setdefault(key, _Entry(uid, version))
            entry.in_progress = False
            if entry.uid != uid:
                return True
            entry.reconciled = max(entry.reconciled, version)
            entry.references = references
            return entry.observed > entry.reconciled

    def remove(self, key: Key, uid: str) -> None:
        """The object is deleted. A new object of the same name stays."""
        with self._lock:
            if key in self._entries and self._entries[key].uid == uid:
                del self._entries[key]

    def absent_from(self, listed: Container[Key], version: int) -> list[tuple[Key, str]]:
        """Keys and UIDs that are missing from a list of this version although they are not newer than it."""
        with self._lock:
            return [
                (key, entry.uid)
                for key, entry in self._entries.items()
                if key not in listed and max(entry.observed, entry.reconciled) <= version
            ]

    def referrers(self, name: str) -> list[Key]:
        """Objects that refer to the object of this name."""
        with self._lock:
            return [key for key, entry in self._entries.items() if name in entry.references]

    def _set_in_progress(self, key: Key, value: bool) -> None:
        with self._lock:
            if key in self._entries:
                self._entries[key].in_progress = value
