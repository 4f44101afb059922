"""What each metric is bounded by, and the promises that a percentile bootstrap broke."""

import pytest

from ner_jobs.scoring.blocks import Pair
from ner_jobs.scoring.counts import Counts, count
from ner_jobs.scoring.units import contributions, drop_bounds, metric_bounds, require_same_sentences
from ner_jobs.task import PermanentError
from ner_jobs.task.parameters import GateMetric

TYPES = ("LOC", "PER")


def a_set(size: int, wrong: int = 0) -> Counts:
    """A LOC, a PER and an O in each sentence; the LOC of the first `wrong` sentences is missed."""
    gold = ("B-LOC", "B-PER", "O")
    pairs = (Pair(f"t:{at}", gold, ("O", "B-PER", "O") if at < wrong else gold) for at in range(size))
    return count(pairs, TYPES)


@pytest.mark.parametrize(
    ("metric", "kind", "score"),
    [
        ("f1", None, 2 * 190 / 390),
        ("f1", 0, 2 * 90 / 190),
        ("f1", 1, 1.0),
        ("f1Strict", None, 2 * 190 / 390),
        ("precision", None, 1.0),
        ("recall", None, 0.95),
        ("recall", 0, 0.9),
        ("accuracy", None, 290 / 300),
    ],
)
def test_each_metric_is_the_ratio_of_its_contributions(
    metric: GateMetric, kind: int | None, score: float
) -> None:
    counts = a_set(100, wrong=10)
    assert contributions(counts, metric, kind).score == pytest.approx(score)
    bounds = metric_bounds(counts, metric, kind, 0.95)
    assert bounds.lower < bounds.point <= bounds.upper


@pytest.mark.parametrize("metric", ["f1", "f1Strict", "precision", "recall", "accuracy"])
def test_five_perfect_sentences_do_not_show_99_percent(metric: GateMetric) -> None:
    assert metric_bounds(a_set(5), metric, None, 0.95).lower < 0.75


@pytest.mark.parametrize("metric", ["f1", "f1Strict", "precision", "recall", "accuracy"])
def test_no_observed_difference_does_not_show_that_there_is_none(metric: GateMetric) -> None:
    same = a_set(300)
    effective = contributions(same, metric).effective_items
    drop = drop_bounds(same, same, metric, None, 0.95)
    assert drop.point == 0
    assert drop.upper * effective == pytest.approx(300, rel=0.01)


def test_a_drop_is_in_points_and_a_gain_is_negative() -> None:
    drop = drop_bounds(a_set(100), a_set(100, wrong=10), "recall", None, 0.95)
    assert drop.point == pytest.approx(5)
    assert drop.lower < 5 < drop.upper
    assert drop_bounds(a_set(100, wrong=10), a_set(100), "recall", None, 0.95).point == pytest.approx(-5)


def test_a_type_that_is_nowhere_is_known_by_nothing() -> None:
    bounds = metric_bounds(a_set(100).aligned_to((*TYPES, "ORG")), "f1", 2, 0.95)
    assert (bounds.point, bounds.lower, bounds.upper) == (0, 0, 1)


def test_other_sentences_are_refused() -> None:
    with pytest.raises(PermanentError, match="different sentences"):
        require_same_sentences([a_set(100), a_set(99)])
    with pytest.raises(PermanentError, match="empty"):
        require_same_sentences([a_set(0)])
