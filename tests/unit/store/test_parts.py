"""Cutting an object in parts, and bringing them in order within a budget."""

import threading
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner_jobs.store.parts import MIB, MOST_PARTS, Parallel, part_size, ranges


@given(size=st.integers(0, 5_000), part=st.integers(1, 700))
def test_ranges_cover_each_byte_once(size: int, part: int) -> None:
    covered = [byte for first, last in ranges(size, part) for byte in range(first, last + 1)]
    assert covered == list(range(size))


@given(size=st.integers(1, 5 << 40))
def test_no_object_has_more_parts_than_s3_allows(size: int) -> None:
    part = part_size(size, 16 * MIB)
    assert part >= 16 * MIB
    assert -(-size // part) <= MOST_PARTS


@settings(deadline=None, max_examples=25)
@given(items=st.lists(st.integers(), max_size=40), parallel=st.integers(1, 5))
def test_results_come_in_order(items: list[int], parallel: int) -> None:
    assert list(Parallel(parallel).in_order(items, lambda item: item + 1)) == [item + 1 for item in items]


def test_no_more_is_taken_than_there_are_slots() -> None:
    taken: list[int] = []

    def items() -> object:
        for item in range(100):
            taken.append(item)
            yield item

    with closing(Parallel(3).in_order(items(), lambda item: item)) as results:  # type: ignore[call-overload]
        next(results)
        assert len(taken) <= 3 + 2
        next(results)
        assert len(taken) <= 3 + 3


def test_one_that_fails_gives_its_slots_back() -> None:
    parallel = Parallel(2)

    def fail(item: int) -> int:
        raise ValueError(item)

    for _ in range(10):
        with pytest.raises(ValueError, match="0"), closing(parallel.in_order(range(9), fail)) as results:
            list(results)
    assert list(parallel.in_order(range(9), abs)) == list(range(9))


def test_a_source_that_fails_gives_its_slots_back() -> None:
    parallel = Parallel(2)

    def items() -> object:
        yield 1
        raise OSError("the file is gone")

    for _ in range(10):
        with pytest.raises(OSError, match="gone"), closing(parallel.in_order(items(), abs)) as results:  # type: ignore[call-overload]
            list(results)
    assert list(parallel.in_order(range(9), abs)) == list(range(9))


def test_one_that_is_not_read_to_its_end_gives_its_slots_back() -> None:
    parallel = Parallel(2)
    for _ in range(10):
        with closing(parallel.in_order(range(9), abs)) as results:
            next(results)
    assert list(parallel.in_order(range(9), abs)) == list(range(9))


def test_transfers_that_share_a_budget_all_end() -> None:
    parallel = Parallel(2)
    ended: list[list[int]] = []
    threads = [
        threading.Thread(target=lambda: ended.append(list(parallel.in_order(range(50), abs))), daemon=True)
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ended == [list(range(50))] * 8
