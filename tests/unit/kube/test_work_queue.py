"""The work queue: which key to reconcile, and when."""

import threading
from typing import Any

import pytest

from ner_operator.kube.work_queue import AHEAD, FIRST_BACKOFF, LONGEST_BACKOFF, WorkQueue, backoff

A, B = ("nlp", "a"), ("nlp", "b")


@pytest.fixture
def queue(clock: Any) -> WorkQueue:
    return WorkQueue(clock, jitter=lambda: 1.0)


def test_each_key_stands_once_and_the_first_comes_first(queue: WorkQueue) -> None:
    for key in (A, B, A):
        queue.add(key)
    assert queue.depth == 2
    assert [queue.get(), queue.get()] == [A, B]
    assert queue.depth == 0


def test_a_delayed_key_waits_and_the_earliest_request_holds(queue: WorkQueue, clock: Any) -> None:
    queue.add(A, 30.0)
    queue.add(A, 10.0)
    queue.add(A, 20.0)
    queue.add(B, 15.0)
    assert queue.depth == 0
    clock.now += 16.0
    assert queue.get() == A
    queue.done(A)
    assert queue.get() == B
    queue.done(B)
    clock.now += 100.0
    assert queue.depth == 0, "later requests for the same key are dropped"


def test_a_key_in_progress_is_not_given_out_twice(queue: WorkQueue) -> None:
    queue.add(A)
    assert queue.get() == A
    queue.add(A)
    queue.add(B)
    assert queue.depth == 1
    assert queue.get() == B, "A is in progress"
    queue.done(A)
    assert queue.get() == A, "it was added meanwhile"


def test_a_prioritized_key_comes_before_others_but_not_for_ever(queue: WorkQueue, clock: Any) -> None:
    queue.add(A)
    clock.now += AHEAD / 2
    queue.prioritize(B)
    assert [queue.get(), queue.get()] == [B, A], "A came first, and can wait"
    queue.done(A)
    queue.done(B)
    queue.add(A)
    clock.now += 2 * AHEAD
    queue.prioritize(B)
    assert [queue.get(), queue.get()] == [A, B], "A has waited for long enough"


def test_a_waiting_key_can_be_prioritized_and_still_comes_once(queue: WorkQueue, clock: Any) -> None:
    queue.add(A)
    queue.add(B, 60.0)
    clock.now += 3.0
    queue.prioritize(B)
    assert queue.oldest() == 3.0
    assert [queue.get(), queue.get()] == [B, A]
    queue.done(A)
    queue.done(B)
    clock.now += 100.0
    assert queue.depth == 0


def test_a_key_that_is_prioritized_while_in_progress_comes_first_afterwards(
    queue: WorkQueue, clock: Any
) -> None:
    queue.add(A)
    assert queue.get() == A
    queue.add(B)
    clock.now += 1.0
    queue.prioritize(A)
    queue.done(A)
    assert [queue.get(), queue.get()] == [A, B]


def test_each_failure_makes_a_key_wait_longer_whatever_requests_it(queue: WorkQueue, clock: Any) -> None:
    queue.add(A)
    delays = []
    for _ in range(12):
        assert queue.get() == A
        queue.add(A)
        delays.append(queue.retry(A))
        assert queue.depth == 0, "an event does not shorten the wait"
        clock.now += delays[-1]
    assert delays[:3] == [FIRST_BACKOFF, 2 * FIRST_BACKOFF, 4 * FIRST_BACKOFF]
    assert delays[-1] == LONGEST_BACKOFF
    assert queue.get() == A
    queue.done(A)
    queue.add(A)
    assert queue.get() == A
    assert queue.retry(A) == FIRST_BACKOFF, "success forgets former failures"


def test_the_server_can_ask_for_a_longer_wait(queue: WorkQueue) -> None:
    queue.add(A)
    assert queue.get() == A
    assert queue.retry(A, at_least=7.0) == 7.0


@pytest.mark.parametrize("failures", [1, 5, 9, 1000])
def test_jitter_spreads_the_wait_over_half_of_it(failures: int) -> None:
    assert backoff(failures, 0.0) == backoff(failures, 1.0) / 2


def test_a_waiting_worker_is_woken_by_a_key_and_by_the_shutdown(queue: WorkQueue) -> None:
    taken = []
    threads = [threading.Thread(target=lambda: taken.append(queue.get())) for _ in range(2)]
    for thread in threads:
        thread.start()
    queue.add(A)
    while A not in taken:
        threads[0].join(0.01)
    queue.shut_down()
    for thread in threads:
        thread.join(10.0)
    assert sorted(taken, key=str) == [A, None]


def test_the_oldest_key_waits_or_is_in_progress(queue: WorkQueue, clock: Any) -> None:
    assert queue.oldest() == 0.0
    queue.add(A)
    queue.add(B, 50.0)
    clock.now += 5.0
    assert queue.oldest() == 5.0
    assert queue.get() == A
    clock.now += 7.0
    assert queue.oldest() == 7.0, "a reconcile that hangs is as bad as a key that no worker takes"
    assert not queue.idle
    queue.done(A)
    assert queue.oldest() == 0.0
    assert queue.idle


def test_a_forgotten_key_does_not_come(queue: WorkQueue) -> None:
    queue.add(A)
    queue.forget(A)
    assert queue.depth == 0
    assert queue.idle
