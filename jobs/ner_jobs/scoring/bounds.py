"""One-sided confidence bounds of a score and of a paired difference, without resampling.

A score (F1, precision, recall, accuracy) is a ratio of two sums over units.
A unit is a document if documents are known, else a sentence. The score of one
variant is judged by its errors, the difference of two variants by its
linearised contributions: those that speak for the first variant and those
that speak for the second are each a weighted sum of rare events, so each gets
the gamma bound of Fay and Feuer (Statistics in Medicine 16, 1997). The two
bounds are joined by MOVER (Zou and Donner, Statistics in Medicine 27, 2008).

The percentile bootstrap does not cover where events are rare: with no
observed difference it reports a bound of zero. Here the bound is then about
3 / n, where n is the effective number of items. `benchmarks/coverage.py`
measures how often the bounds miss the truth.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv

from ner_jobs.scoring.estimate import Bounds

FloatArray = npt.NDArray[np.float64]

CORRELATION = 0.2
"""Assumed correlation of the items inside a unit: what is hard about a sentence is hard about all of it."""


@dataclass(frozen=True, slots=True)
class Contributions:
    """What each unit contributes to a score, which is the sum of `hits` over the sum of `total`.

    F1 has `2 * true positives` over `predicted + gold`, precision `true positives` over `predicted`.

    Attributes:
        hits: float64 (units,).
        total: float64 (units,).
        items: float64 (units,): what can be right or wrong in the unit (gold entities for F1).
        documents: whether the units are documents. Sentences are then not taken to be independent.
    """

    hits: FloatArray
    total: FloatArray
    items: FloatArray
    documents: bool = False

    @property
    def score(self) -> float:
        """The score in 0..1; nothing over nothing is 0, as in seqeval."""
        total = float(self.total.sum())
        return float(self.hits.sum()) / total if total else 0.0

    @property
    def effective_items(self) -> float:
        """Number of independent items that carry as much information as these."""
        count = float(self.items.sum())
        if count == 0:
            return 0.0
        per_unit = float((self.items**2).sum()) / count
        return count / (1 + CORRELATION * (per_unit - 1))


def score_bounds(units: Contributions, confidence: float) -> Bounds:
    """Bounds of a score.

    Args:
        units: at least one with a positive total.
        confidence: of each bound by itself, in 0..1.
    """
    total = float(units.total.sum())
    if total == 0 or units.effective_items == 0:
        return Bounds(units.score, 0.0, 1.0)
    errors = units.total - units.hits
    rate = float(errors.sum()) / total
    variance = float(((errors - rate * units.total) ** 2).sum()) / total**2
    most = _gamma_upper(rate, variance, 1 / units.effective_items, 1 - confidence)
    least = _gamma_lower(rate, variance, 1 - confidence)
    return Bounds(1 - rate, max(0.0, 1 - most), min(1.0, 1 - least))


def difference_bounds(first: Contributions, second: Contributions, confidence: float) -> Bounds:
    """Bounds of how much lower the second score is than the first, on the same units.

    Args:
        first: what is compared against, for example the reference variant.
        second: the candidate.
        confidence: of each bound by itself, in 0..1.

    Returns:
        first minus second, in the unit of the score (0..1), in -1..1.

    Raises:
        ValueError: the two do not have the same units.
    """
    if len(first.hits) != len(second.hits):
        raise ValueError(f"{len(first.hits)} and {len(second.hits)} units cannot be paired")
    point = first.score - second.score
    upper = point + _distance_above(first, second, 1 - confidence)
    lower = point - _distance_above(second, first, 1 - confidence)
    return Bounds(point, max(-1.0, lower), min(1.0, upper))


def _distance_above(first: Contributions, second: Contributions, alpha: float) -> float:
    """How far the upper bound of first minus second lies above the measured difference."""
    items = (first.effective_items + second.effective_items) / 2
    if items == 0:
        return 1.0
    middle = (first.score + second.score) / 2
    parts = _linearised(first, middle) - _linearised(second, middle)
    losses, gains = parts[parts > 0], -parts[parts < 0]
    lost, lost_variance = float(losses.sum()), float((losses**2).sum())
    gained, gained_variance = float(gains.sum()), float((gains**2).sum())
    most_lost = _gamma_upper(lost, lost_variance, 1 / items, alpha)
    if lost > 0 and not (first.documents or second.documents):
        # The assumed correlation is a guess; where losses were observed, they say something of it themselves.
        most_lost = (most_lost + _gamma_upper(lost, lost_variance, 0.0, alpha)) / 2
    least_gained = _gamma_lower(gained, gained_variance, alpha)
    return float(np.hypot(most_lost - lost, gained - least_gained))


def _linearised(units: Contributions, middle: float) -> FloatArray:
    total = float(units.total.sum())
    return (units.hits - middle * units.total) / total if total else np.zeros_like(units.hits)


def _gamma_upper(value: float, variance: float, weight: float, alpha: float) -> float:
    """Fay and Feuer's upper bound of a weighted sum of Poisson counts.

    Args:
        value: the sum.
        variance: of the sum.
        weight: the largest weight of one event.
        alpha: the part of the cases in which the bound may be missed.
    """
    variance, value = variance + weight**2, value + weight
    if value == 0:
        return 0.0
    if variance == 0:
        return value
    return variance / (2 * value) * _chi_square(1 - alpha, 2 * value**2 / variance)


def _gamma_lower(value: float, variance: float, alpha: float) -> float:
    if value == 0 or variance == 0:
        return value
    return variance / (2 * value) * _chi_square(alpha, 2 * value**2 / variance)


def _chi_square(probability: float, degrees: float) -> float:
    """Quantile of the chi-square distribution, also for degrees of freedom that are no whole number."""
    return 2 * float(gammaincinv(degrees / 2, probability))
