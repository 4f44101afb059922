"""Bounds of every metric, from counts: what gates, reports and the search for an int8 recipe judge by.

`bounds` knows no entity. This module says what a unit contributes to each
metric. A unit is a sentence: its entities share its difficulty, so they are
not independent of each other.
"""

from collections.abc import Sequence

import numpy as np

from ner_jobs.scoring.bounds import Contributions, difference_bounds, score_bounds
from ner_jobs.scoring.counts import CountArray, Counts
from ner_jobs.scoring.estimate import POINT, Bounds
from ner_jobs.task import PermanentError
from ner_jobs.task.parameters import PERFORMANCE_METRICS, GateMetric


def contributions(counts: Counts, metric: GateMetric, kind: int | None = None) -> Contributions:
    """What each sentence contributes to a metric.

    Args:
        counts: of one variant.
        metric: its name in a gate.
        kind: number of an entity type; None takes all types. Accuracy has no types.

    Raises:
        ValueError: the metric is not counted on a test set.
    """
    if metric in PERFORMANCE_METRICS:
        raise ValueError(f"{metric} is not counted on a test set")
    if metric == "accuracy":
        tokens = counts.tokens.astype(np.float64)
        return Contributions(counts.correct.astype(np.float64), tokens, tokens)
    table = counts.strict if metric == "f1Strict" else counts.default

    def column(array: CountArray) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        return (array.sum(axis=1) if kind is None else array[:, kind]).astype(np.float64)

    right, predicted, gold = column(table.true_positive), column(table.predicted), column(table.gold)
    if metric == "precision":
        return Contributions(right, predicted, predicted)
    if metric == "recall":
        return Contributions(right, gold, gold)
    return Contributions(2 * right, predicted + gold, gold)


def metric_bounds(counts: Counts, metric: GateMetric, kind: int | None, confidence: float) -> Bounds:
    """A metric in 0..1 with its one-sided bounds."""
    return score_bounds(contributions(counts, metric, kind), confidence)


def drop_bounds(
    other: Counts, candidate: Counts, metric: GateMetric, kind: int | None, confidence: float
) -> Bounds:
    """Points of a metric that the candidate loses to the other; negative if it gains.

    Args:
        other: counts of the reference, or of the current model.
        candidate: counts of the same sentences and types in the same order.
        metric: its name in a gate.
        kind: number of an entity type; None takes all types.
        confidence: of each bound.
    """
    first, second = contributions(other, metric, kind), contributions(candidate, metric, kind)
    drop = difference_bounds(first, second, confidence)
    return Bounds(drop.point / POINT, drop.lower / POINT, drop.upper / POINT)


def units_with_items(counts: Counts, metric: GateMetric, kind: int | None) -> int:
    """Sentences that have something in gold that the metric counts: entities, or tokens for accuracy."""
    if metric == "accuracy":
        return int(np.count_nonzero(counts.tokens))
    gold = counts.default.gold
    return int(np.count_nonzero(gold.sum(axis=1) if kind is None else gold[:, kind]))


def require_same_sentences(variants: Sequence[Counts]) -> None:
    """Refuse counts that cannot be compared sentence by sentence.

    Raises:
        PermanentError: the variants were not counted on the same sentences, or there are none.
    """
    if not variants or not len(variants[0]):
        raise PermanentError("there are no sentences to compare on; the test set is empty")
    for counts in variants:
        if counts.ids != variants[0].ids or len(counts) != len(variants[0]):
            raise PermanentError(
                f"the variants were counted on different sentences ({len(variants[0])} and {len(counts)}, or "
                "other ids): a paired comparison needs the same set"
            )
