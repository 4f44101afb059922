"""Liveness: the operator makes progress."""

from typing import Any

import pytest

from ner_operator.kube.liveness import LATE, STUCK, Liveness
from ner_operator.kube.work_queue import WorkQueue

INTERVAL = 60.0


@pytest.fixture
def queue(clock: Any) -> WorkQueue:
    return WorkQueue(clock)


@pytest.fixture
def liveness(queue: WorkQueue, clock: Any) -> Liveness:
    return Liveness([queue], INTERVAL, clock)


def test_it_is_ready_once_everything_was_read(liveness: Liveness) -> None:
    assert not liveness.ready
    liveness.resynced(0)
    assert liveness.ready


def test_at_rest_a_resync_that_was_tried_is_enough(liveness: Liveness, clock: Any) -> None:
    for _ in range(100):
        clock.now += INTERVAL
        liveness.resync_started()
    assert liveness.failure() == ""
    assert liveness.resync_age() == 100 * INTERVAL


def test_a_resync_that_does_not_run_is_a_failure(liveness: Liveness, clock: Any) -> None:
    clock.now += LATE * INTERVAL + STUCK + 1
    assert "no resync has run" in liveness.failure()


def test_keys_that_are_due_while_none_is_reconciled_are_a_failure(
    liveness: Liveness, queue: WorkQueue, clock: Any
) -> None:
    queue.add(("nlp", "a"))
    clock.now += STUCK + 1
    liveness.resync_started()
    assert "none was reconciled" in liveness.failure()
    queue.done(("nlp", "another"))
    assert liveness.failure() == "", "a long queue that gets shorter is no failure"


def test_a_watch_that_reports_nothing_is_a_failure_until_it_reports_again(liveness: Liveness) -> None:
    for _ in range(LATE):
        assert liveness.failure() == ""
        liveness.resynced(missed=2)
    assert "no watch has reported" in liveness.failure()
    liveness.resynced(missed=0)
    assert liveness.failure() == ""


def test_a_suspected_change_does_not_prove_that_the_watch_works(liveness: Liveness) -> None:
    for _ in range(LATE):
        liveness.resynced(missed=0, suspected=1)
        assert liveness.failure() == ""
        liveness.resynced(missed=1)
    assert "no watch has reported" in liveness.failure()
