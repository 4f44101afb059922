"""The buffer that puts results into order: nothing twice, nothing missing, never more than its capacity."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_jobs.inference.ordered import Ordered, OrderError


@given(st.permutations(range(12)))
def test_any_order_in_the_input_order_out(arrivals: list[int]) -> None:
    order: Ordered[int] = Ordered(12)
    order.expect(12)
    out: list[int] = []
    for number in arrivals:
        order.add(number, number)
        out += order.ready()
    order.end()
    assert out == list(range(12))


def test_a_result_that_comes_twice_is_an_error() -> None:
    order: Ordered[str] = Ordered(4)
    order.expect(3)
    order.add(1, "b")
    with pytest.raises(OrderError, match="result 1 came twice"):
        order.add(1, "b")
    order.add(0, "a")
    assert list(order.ready()) == ["a", "b"]
    with pytest.raises(OrderError, match="result 0 came twice"):
        order.add(0, "a")


def test_a_result_that_never_comes_is_an_error() -> None:
    order: Ordered[str] = Ordered(4)
    order.expect(3)
    order.add(2, "c")
    with pytest.raises(OrderError, match="result 0 never came; 2 of 3 are missing"):
        order.end()


def test_a_result_that_nobody_asked_for_is_an_error() -> None:
    with pytest.raises(OrderError, match="came unasked"):
        Ordered[str](4).add(0, "a")


def test_more_than_the_capacity_is_never_open() -> None:
    order: Ordered[str] = Ordered(4)
    assert list(order.expect(4)) == [0, 1, 2, 3]
    with pytest.raises(OrderError, match="5 results would be open, 4 may be"):
        order.expect(1)
    order.add(0, "a")
    list(order.ready())
    assert list(order.expect(1)) == [4]
