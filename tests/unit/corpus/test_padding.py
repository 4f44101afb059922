"""Rows of unequal length become one rectangle, and the mask tells which part is real."""

import numpy as np
import pytest

from ner_jobs.corpus.padding import pad


def test_rows_are_padded_on_the_right() -> None:
    ids, mask = pad([np.array([7, 8, 9]), np.array([5])], length=4, padding=1)
    assert ids.tolist() == [[7, 8, 9, 1], [5, 1, 1, 1]]
    assert mask.tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]


def test_a_row_that_is_too_long_is_refused_and_never_cut() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        pad([np.array([7, 8, 9])], length=2, padding=0)
