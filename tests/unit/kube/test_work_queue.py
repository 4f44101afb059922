"""The queue: whom to look at, and when."""

import threading
from typing import Any

import pytest

from ner_operator.kube.work_queue import AHEAD, FIRST_BACKOFF, LONGEST_BACKOFF, Queue, backoff

A, B = ("nlp", "a"), ("nlp", "b")


@pytest.fixture
def queue(clock: Any) -> Queue:
    return Queue(clock, jitter=lambda: 1.0)


def test_each_key_stands_once_and_the_first_comes_first(queue: Queue) -> None:
    for key in (A, B, A):
        queue.add(key)
    assert queue.depth == 2
    assert [queue.take(), queue.take()] == [A, B]
    assert queue.depth == 0


def test_a_delayed_key_waits_for_its_time_and_the_earliest_wish_holds(queue: Queue, clock: Any) -> None:
    queue.add(A, 30.0)
    queue.add(A, 10.0)
    queue.add(A, 20.0)
    queue.add(B, 15.0)
    assert queue.depth == 0
    clock.now += 16.0
    assert queue.take() == A
    queue.done(A)
    assert queue.take() == B
    queue.done(B)
    clock.now += 100.0
    assert queue.depth == 0, "wishes that were overtaken ask for nothing"


def test_a_key_that_is_worked_on_is_not_given_out_twice(queue: Queue) -> None:
    queue.add(A)
    assert queue.take() == A
    queue.add(A)
    queue.add(B)
    assert queue.depth == 1
    assert queue.take() == B, "A is being looked at"
    queue.done(A)
    assert queue.take() == A, "it was asked for meanwhile"


def test_who_is_in_a_hurry_goes_before_others_but_not_for_ever(queue: Queue, clock: Any) -> None:
    queue.add(A)
    clock.now += AHEAD / 2
    queue.hurry(B)
    assert [queue.take(), queue.take()] == [B, A], "A came first, and can wait"
    queue.done(A)
    queue.done(B)
    queue.add(A)
    clock.now += 2 * AHEAD
    queue.hurry(B)
    assert [queue.take(), queue.take()] == [A, B], "A has waited for long enough"


def test_a_key_that_waits_is_hurried_and_its_former_wish_is_no_second_one(queue: Queue, clock: Any) -> None:
    queue.add(A)
    queue.add(B, 60.0)
    clock.now += 3.0
    queue.hurry(B)
    assert queue.oldest() == 3.0
    assert [queue.take(), queue.take()] == [B, A]
    queue.done(A)
    queue.done(B)
    clock.now += 100.0
    assert queue.depth == 0


def test_a_hurried_key_that_is_worked_on_comes_first_afterwards(queue: Queue, clock: Any) -> None:
    queue.add(A)
    assert queue.take() == A
    queue.add(B)
    clock.now += 1.0
    queue.hurry(A)
    queue.done(A)
    assert [queue.take(), queue.take()] == [A, B]


def test_failures_make_a_key_come_later_each_time_whatever_asks_for_it(queue: Queue, clock: Any) -> None:
    queue.add(A)
    delays = []
    for _ in range(12):
        assert queue.take() == A
        queue.add(A)
        delays.append(queue.failed(A))
        assert queue.depth == 0, "an event does not shorten the wait"
        clock.now += delays[-1]
    assert delays[:3] == [FIRST_BACKOFF, 2 * FIRST_BACKOFF, 4 * FIRST_BACKOFF]
    assert delays[-1] == LONGEST_BACKOFF
    assert queue.take() == A
    queue.done(A)
    queue.add(A)
    assert queue.take() == A
    assert queue.failed(A) == FIRST_BACKOFF, "success forgets former failures"


def test_what_the_server_asks_for_is_the_least_wait(queue: Queue) -> None:
    queue.add(A)
    assert queue.take() == A
    assert queue.failed(A, at_least=7.0) == 7.0


@pytest.mark.parametrize("failures", [1, 5, 9, 1000])
def test_the_wait_is_spread_over_half_of_itself(failures: int) -> None:
    assert backoff(failures, 0.0) == backoff(failures, 1.0) / 2


def test_who_waits_is_woken_by_a_key_and_by_the_end(queue: Queue) -> None:
    taken = []
    threads = [threading.Thread(target=lambda: taken.append(queue.take())) for _ in range(2)]
    for thread in threads:
        thread.start()
    queue.add(A)
    while A not in taken:
        threads[0].join(0.01)
    queue.close()
    for thread in threads:
        thread.join(10.0)
    assert sorted(taken, key=str) == [A, None]


def test_the_oldest_is_told_by_waiting_and_by_work(queue: Queue, clock: Any) -> None:
    assert queue.oldest() == 0.0
    queue.add(A)
    queue.add(B, 50.0)
    clock.now += 5.0
    assert queue.oldest() == 5.0
    assert queue.take() == A
    clock.now += 7.0
    assert queue.oldest() == 7.0, "a look that hangs is as bad as a key that nobody takes"
    assert not queue.idle
    queue.done(A)
    assert queue.oldest() == 0.0
    assert queue.idle


def test_a_forgotten_key_does_not_come(queue: Queue) -> None:
    queue.add(A)
    queue.forget(A)
    assert queue.depth == 0
    assert queue.idle
