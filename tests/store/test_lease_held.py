"""The lease over every store: one holder, a sign of life, and nothing left behind."""

import threading

from ner_jobs.store.lease import Holder, Rhythm, lease
from ner_jobs.store.protocol import Store

NAME = "export/key/lease.json"
QUICK = Rhythm(beat=0.02, expiry=60, poll=0.01)


def holder_of(store: Store) -> Holder:
    found = store.get(NAME)
    return Holder.parse(found[0]) if found else Holder()


def test_it_is_held_shown_alive_and_given_back(store: Store) -> None:
    said: list[str] = []
    stopping = threading.Event()
    with lease(store, NAME, "first", lambda: False, stopping, said.append, QUICK) as ours:
        assert ours
        assert holder_of(store).attempt == "first"
        while holder_of(store).count < 2:
            stopping.wait(0.01)
    assert store.get(NAME) is None
    assert said == []


def test_who_waits_goes_home_when_the_result_is_there(store: Store) -> None:
    finished, waits = threading.Event(), threading.Event()
    got: list[bool] = []

    def wait() -> None:
        stopping = threading.Event()
        with lease(store, NAME, "second", finished.is_set, stopping, lambda _: waits.set(), QUICK) as ours:
            got.append(ours)

    second = threading.Thread(target=wait)
    with lease(store, NAME, "first", lambda: False, threading.Event(), print, QUICK):
        second.start()
        assert waits.wait(60)
        finished.set()
        second.join(60)
        assert got == [False]
        assert holder_of(store).attempt == "first"


def test_who_was_taken_for_dead_says_so_and_takes_nothing_back(store: Store) -> None:
    told = threading.Event()
    with lease(store, NAME, "first", lambda: False, threading.Event(), lambda _: told.set(), QUICK):
        other = Holder.this_process("other")
        store.put(NAME, other.to_bytes(0))
        assert told.wait(60)
    assert holder_of(store) == other
