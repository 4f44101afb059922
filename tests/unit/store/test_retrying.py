"""Retries with a clock, a sleep and a chance that a test holds in its hand."""

from dataclasses import dataclass, field

import pytest

from ner_jobs.store.retrying import Retries


@dataclass
class Time:
    """A clock that only sleeping moves."""

    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def retries(self, chance: float = 1.0, **settings: float) -> Retries:
        return Retries(sleep=self.sleep, clock=lambda: self.now, chance=lambda: chance, **settings)


def failing(times: int) -> tuple[list[int], object]:
    attempts: list[int] = []

    def send(attempt: int) -> str:
        attempts.append(attempt)
        if len(attempts) <= times:
            raise TimeoutError(f"try {attempt}")
        return "answer"

    return attempts, send


def test_an_answer_at_once_waits_for_nothing() -> None:
    time = Time()
    attempts, send = failing(0)
    assert time.retries().run(send, lambda error: True) == "answer"  # type: ignore[arg-type]
    assert (attempts, time.slept) == ([0], [])


def test_waits_double_up_to_the_longest() -> None:
    time = Time()
    attempts, send = failing(6)
    retries = time.retries(first=1.0, longest=10.0)
    assert retries.run(send, lambda error: True) == "answer"  # type: ignore[arg-type]
    assert attempts == [0, 1, 2, 3, 4, 5, 6]
    assert time.slept == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_chance_spreads_those_who_failed_together() -> None:
    bounds = [Time().retries(chance).wait_before(1) for chance in (0.0, 0.5, 1.0)]
    assert bounds == [0.1, pytest.approx(0.15), 0.2]


def test_the_deadline_ends_it_with_the_last_error() -> None:
    time = Time()
    attempts, send = failing(1000)
    with pytest.raises(TimeoutError, match=f"try {4}"):
        time.retries(first=1.0, longest=100.0, deadline=16.0).run(send, lambda error: True)  # type: ignore[arg-type]
    assert time.now <= 100.0 + 16.0
    assert len(attempts) == 5


def test_what_stays_wrong_is_not_tried_again() -> None:
    attempts, send = failing(1)
    with pytest.raises(TimeoutError):
        Time().retries().run(send, lambda error: False)  # type: ignore[arg-type]
    assert attempts == [0]


def test_a_thousandth_try_overflows_nothing() -> None:
    assert Time().retries().wait_before(100_000) == 10.0
