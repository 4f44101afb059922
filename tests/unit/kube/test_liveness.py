"""Liveness: progress, not being alive."""

from typing import Any

import pytest

from ner_operator.kube.liveness import LATE, STUCK, Liveness
from ner_operator.kube.work_queue import Queue

INTERVAL = 60.0


@pytest.fixture
def queue(clock: Any) -> Queue:
    return Queue(clock)


@pytest.fixture
def liveness(queue: Queue, clock: Any) -> Liveness:
    return Liveness(queue, INTERVAL, clock)


def test_it_is_ready_once_everything_was_compared(liveness: Liveness) -> None:
    assert not liveness.ready
    liveness.resynced(0)
    assert liveness.ready


def test_at_rest_the_resync_is_enough_even_where_the_server_does_not_answer(
    liveness: Liveness, clock: Any
) -> None:
    for _ in range(100):
        clock.now += INTERVAL
        liveness.tried()
    assert liveness.ailment() == ""
    assert liveness.resync_age() == 100 * INTERVAL


def test_a_resync_that_does_not_come_round_is_told(liveness: Liveness, clock: Any) -> None:
    clock.now += LATE * INTERVAL + STUCK + 1
    assert "has not come round" in liveness.ailment()


def test_somebody_who_is_due_and_nobody_looks_is_told(liveness: Liveness, queue: Queue, clock: Any) -> None:
    queue.add(("nlp", "a"))
    clock.now += STUCK + 1
    liveness.tried()
    assert "none was looked at" in liveness.ailment()
    liveness.looked()
    assert liveness.ailment() == "", "a long queue that gets shorter is no ailment"


def test_a_deaf_watch_is_told_and_one_that_hears_again_is_well(liveness: Liveness) -> None:
    for _ in range(LATE):
        assert liveness.ailment() == ""
        liveness.resynced(missed=2)
    assert "no watch has told of" in liveness.ailment()
    liveness.resynced(missed=0)
    assert liveness.ailment() == ""


def test_a_suspicion_between_two_misses_is_no_proof_of_hearing(liveness: Liveness) -> None:
    for _ in range(LATE):
        liveness.resynced(missed=0, suspected=1)
        assert liveness.ailment() == ""
        liveness.resynced(missed=1)
    assert "no watch has told of" in liveness.ailment()
