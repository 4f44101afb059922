"""A cache of small records, one for each object, indexed by owner.

An object is several kilobytes; of thousands of objects only the fields stay
in memory that a decision needs. The watch, lists and the controller's own
writes update the cache, so it keeps the newest version of each record.

An object that is not in the cache may still exist: the watch may be behind.
"""

import threading
from collections.abc import Container
from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar

from ner_operator.kube.objects import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is cached of every object. A kind's own record adds fields.

    Attributes:
        version: `resourceVersion`.
        owner_uid, owner_name: the object that this one belongs to, in the same namespace; empty if none.
    """

    namespace: str
    name: str
    uid: str
    version: int
    owner_uid: str = ""
    owner_name: str = ""

    @property
    def urgent(self) -> bool:
        """Whether the owner is reconciled before others when this record has changed."""
        return False

    def requeue_delay(self, former: Self | None) -> float | None:
        """Seconds after which the owner is reconciled when this record has changed; None for never.

        Args:
            former: None for a new object.
        """
        return 0.0


R = TypeVar("R", bound=Record)


class Cache(Generic[R]):
    """The newest record of each object; safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[Key, R] = {}
        self._owned: dict[str, set[Key]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def put(self, record: R) -> R | None:
        """Keep a record, unless the cache has a newer one.

        Returns:
            The former record of the same object; None for a new object; `record` itself if it is not newer.
        """
        key = record.namespace, record.name
        with self._lock:
            former = self._records.get(key)
            if former and former.version >= record.version:
                return record
            if former and former.owner_uid != record.owner_uid:
                self._remove(key, former)
            self._records[key] = record
            self._owned.setdefault(record.owner_uid, set()).add(key)
            return former if former and former.uid == record.uid else None

    def remove(self, key: Key, uid: str) -> R | None:
        """Remove the record of a deleted object. A new object of the same name stays."""
        with self._lock:
            record = self._records.get(key)
            if record is None or record.uid != uid:
                return None
            self._remove(key, record)
            return record

    def get(self, key: Key) -> R | None:
        """The record of an object."""
        return self._records.get(key)

    def all(self) -> list[R]:
        """Every record."""
        with self._lock:
            return list(self._records.values())

    def owned_by(self, uid: str) -> list[R]:
        """The records of this owner."""
        with self._lock:
            return [self._records[key] for key in self._owned.get(uid, ())]

    def absent_from(self, listed: Container[Key], version: int) -> list[R]:
        """Records that are missing from a list of this version although they are not newer than it."""
        with self._lock:
            return [
                record
                for key, record in self._records.items()
                if key not in listed and record.version <= version
            ]

    def _remove(self, key: Key, record: R) -> None:
        del self._records[key]
        owned = self._owned[record.owner_uid]
        owned.discard(key)
        if not owned:
            del self._owned[record.owner_uid]


def differs(former: R | None, record: R) -> bool:
    """Whether more than the version has changed.

    Args:
        former: what `Cache.put` returned.
    """
    return former is None or (former is not record and replace(former, version=record.version) != record)
