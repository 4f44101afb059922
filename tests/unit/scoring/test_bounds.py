"""Bounds that hold: closed forms where they are known, and properties where they are not."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_jobs.scoring.bounds import Contributions, difference_bounds, score_bounds


def f1(gold: list[int], right: list[int], predicted: list[int], documents: bool = False) -> Contributions:
    g, tp, p = (np.array(values, np.float64) for values in (gold, right, predicted))
    return Contributions(2 * tp, p + g, g, documents)


def perfect(sentences: int) -> Contributions:
    ones = [1] * sentences
    return f1(ones, ones, ones)


@pytest.mark.parametrize("sentences", [5, 100, 5000])
def test_no_error_in_n_sentences_bounds_the_error_by_three_over_n(sentences: int) -> None:
    """The rule of three: -ln(0.05) = 2.996."""
    bounds = score_bounds(perfect(sentences), 0.95)
    assert bounds.point == bounds.upper == 1.0
    assert 1 - bounds.lower == pytest.approx(-math.log(0.05) / sentences)


@pytest.mark.parametrize("sentences", [100, 5000])
def test_no_difference_in_n_sentences_bounds_the_drop_by_three_over_n(sentences: int) -> None:
    bounds = difference_bounds(perfect(sentences), perfect(sentences), 0.95)
    assert bounds.point == 0
    assert bounds.upper == -bounds.lower == pytest.approx(-math.log(0.05) / sentences)


def test_five_perfect_sentences_show_next_to_nothing() -> None:
    assert score_bounds(perfect(5), 0.95).lower < 0.5


def test_entities_of_one_sentence_count_as_less_than_as_many_sentences() -> None:
    assert f1([10] * 10, [10] * 10, [10] * 10).effective_items == pytest.approx(100 / 2.8)
    assert perfect(100).effective_items == 100


def test_documents_make_the_bound_wider_where_there_are_losses() -> None:
    gold, first, second = [2] * 60, [2] * 60, [2] * 50 + [1] * 10
    apart = difference_bounds(f1(gold, first, gold), f1(gold, second, gold), 0.95)
    together = difference_bounds(f1(gold, first, gold, True), f1(gold, second, gold, True), 0.95)
    assert together.upper > apart.upper
    assert together.point == apart.point


def test_a_collapse_is_certain() -> None:
    gold = [2] * 500
    bounds = difference_bounds(f1(gold, gold, gold), f1(gold, [1, 0] * 250, [1, 0] * 250), 0.95)
    assert bounds.lower > 0.5


def test_nothing_to_find_shows_nothing() -> None:
    nothing = f1([0] * 9, [0] * 9, [0] * 9)
    assert score_bounds(nothing, 0.95).lower == 0.0
    assert score_bounds(nothing, 0.95).upper == 1.0
    assert difference_bounds(nothing, nothing, 0.95).upper == 1.0


def test_other_units_are_refused() -> None:
    with pytest.raises(ValueError, match="3 and 4 units"):
        difference_bounds(perfect(3), perfect(4), 0.95)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Contributions, Contributions]:
    gold = draw(st.lists(st.integers(0, 4), min_size=1, max_size=40))
    documents = draw(st.booleans())

    def variant() -> Contributions:
        right = [draw(st.integers(0, count)) for count in gold]
        return f1(gold, right, [count + draw(st.integers(0, 2)) for count in right], documents)

    return variant(), variant()


@given(pairs(), st.floats(0.55, 0.995))
def test_bounds_enclose_the_point_and_mirror_each_other(
    pair: tuple[Contributions, Contributions], confidence: float
) -> None:
    first, second = pair
    there, back = difference_bounds(first, second, confidence), difference_bounds(second, first, confidence)
    assert -1 <= there.lower <= there.point <= there.upper <= 1
    assert there.upper == pytest.approx(-back.lower)
    alone = score_bounds(first, confidence)
    assert 0 <= alone.lower <= alone.point + 1e-9
    assert alone.point - 1e-9 <= alone.upper <= 1


@given(pairs(), st.floats(0.55, 0.9))
def test_more_confidence_is_never_a_tighter_bound(
    pair: tuple[Contributions, Contributions], confidence: float
) -> None:
    assert (
        difference_bounds(*pair, confidence).upper <= difference_bounds(*pair, confidence + 0.05).upper + 1e-9
    )
