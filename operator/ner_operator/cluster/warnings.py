"""Why a Job has no pod, or a pod does not start, as the Events of a namespace tell it.

The server keeps no index of Events: whoever's are asked for, it reads all that
the namespace has. With a thousand Jobs waiting at once these lists cost more
than all else that the operator asks, and made the Jobs wait longer. So one
list serves all who ask within some seconds.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ner_operator.cluster.client import Json
from ner_operator.cluster.pods import Trouble, cut

FRESH = 10.0
"""Seconds that a list serves others; whoever waits is looked at again later than that."""


@dataclass(slots=True)
class _Told:
    """What a namespace told.

    Attributes:
        at: when it was asked; never is long ago.
        troubles: the latest of each object, by UID.
    """

    at: float = float("-inf")
    troubles: Mapping[str, Trouble] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Warnings:
    """The latest warning about an object; safe for many threads.

    Args:
        read: lists the warnings of a namespace.
        clock: seconds.
    """

    def __init__(self, read: Callable[[str], Iterable[Json]], clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._told: dict[str, _Told] = {}

    def of(self, namespace: str, uid: str) -> Trouble | None:
        """What was told last of a Job or a pod; None where nothing was.

        Raises:
            ApiError: the server did not answer.
        """
        told = self._told.setdefault(namespace, _Told())
        with told.lock:
            now = self._clock()
            if now - told.at >= FRESH:
                told.troubles = latest(self._read(namespace))
                told.at = now
                self._forget_before(now - FRESH)
            return told.troubles.get(uid)

    def _forget_before(self, time: float) -> None:
        for namespace, told in [*self._told.items()]:
            if told.at < time and not told.lock.locked():
                self._told.pop(namespace, None)


def latest(events: Iterable[Json]) -> dict[str, Trouble]:
    """The last warning about each object, by the object's UID."""
    last: dict[str, tuple[str, Trouble]] = {}
    for event in events:
        uid = (event.get("involvedObject") or {}).get("uid", "")
        if event.get("type") != "Warning":
            continue
        told = _told_at(event)
        if uid not in last or last[uid][0] <= told:
            last[uid] = (told, Trouble(event.get("reason", ""), cut(event.get("message", ""))))
    return {uid: trouble for uid, (_, trouble) in last.items()}


def _told_at(event: Json) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    # RFC 3339 in UTC: the text orders as the time does, to the second.
    return max((time for time in times if time), default="")
