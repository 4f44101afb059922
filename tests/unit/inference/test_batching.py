"""Groups and batches: every sentence once, within the limits, and little padding."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_jobs.inference.batching import BatchLimits, batches_of, groups_of


def window(length: int) -> Any:
    return SimpleNamespace(input_ids=np.zeros(length, np.int64))


def sentence(lengths: list[int]) -> Any:
    return SimpleNamespace(windows=tuple(window(length) for length in lengths))


@given(
    sentences=st.lists(st.lists(st.integers(1, 256), max_size=3), max_size=60),
    windows=st.integers(1, 20),
    tokens=st.integers(256, 4096),
)
def test_each_sentence_is_in_one_group_and_each_window_in_one_batch(
    sentences: list[list[int]], windows: int, tokens: int
) -> None:
    limits = BatchLimits(windows, tokens)
    encoded = [sentence(lengths) for lengths in sentences]
    groups = groups_of(encoded, limits)
    assert sorted(at for group in groups for at in group) == [
        at for at, lengths in enumerate(sentences) if lengths
    ]
    for group in groups:
        members = [item for at in group for item in encoded[at].windows]
        batches = list(batches_of(members, limits))
        assert sorted(at for places, _ in batches for at in places) == list(range(len(members)))
        for places, length in batches:
            assert limits.fits(len(places), length)
            assert all(len(members[at].input_ids) <= length for at in places)


def test_many_sentences_make_few_shapes() -> None:
    encoded = [sentence([8 + at % 120]) for at in range(2000)]
    shapes = {
        (len(group), max(len(encoded[at].windows[0].input_ids) for at in group) // 8)
        for group in groups_of(encoded, BatchLimits())
    }
    assert len(shapes) <= 17


@pytest.mark.parametrize(("step", "padded"), [(1, 9), (8, 16)])
def test_a_length_is_padded_to_what_the_engine_likes(step: int, padded: int) -> None:
    assert list(batches_of([window(9), window(3)], BatchLimits(step=step))) == [([0, 1], padded)]


def test_a_fixed_length_takes_one_window_a_call() -> None:
    limits = BatchLimits(fixed_length=256)
    assert list(batches_of([window(5), window(9)], limits)) == [([1], 256), ([0], 256)]
