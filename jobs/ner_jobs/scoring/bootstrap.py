"""How far does chance move a score? The paired percentile bootstrap over sentences, for plots.

Nothing is judged by it, because it does not cover where errors are rare: the
bounds of gates are those of `bounds`.

A test set is one of many samples that could have been collected. Drawing its
sentences again with replacement, 2,000 times, shows how much F1 varies by
chance. The draws depend only on the number of sentences and the seed, so every
variant gets the same ones. The difference of two variants is taken inside each
draw, so sentences that are hard for both cancel out: a paired drop varies by
0.1 to 0.2 points, F1 itself by 0.5.

A draw is kept as sums of counts, so memory does not grow with the number of
resamples times the number of sentences.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from ner_jobs.scoring.blocks import IntArray
from ner_jobs.scoring.counts import Counts, FloatArray, Formula, f1, precision, recall
from ner_jobs.scoring.estimate import POINT
from ner_jobs.scoring.units import require_same_sentences

RESAMPLES = 2000
SEED = 42

SENTENCES_IN_CHUNK = 8192
"""Sentences that are drawn from together: few enough for the processor's cache."""

DRAWS_IN_BLOCK = 4_000_000
"""Drawn sentences in memory at once: tens of MiB for a set of any size."""


@dataclass(frozen=True, slots=True)
class Samples:
    """A value as measured, and in each resample.

    Attributes:
        point: on the set itself.
        drawn: float64 (resamples,).
    """

    point: float
    drawn: FloatArray

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The ends of the two-sided percentile interval, whose two tails are equal."""
        tail = (1 - confidence) / 2
        low, high = np.quantile(self.drawn, (tail, 1 - tail)).tolist()
        return low, high

    def drop_to(self, other: "Samples") -> "Samples":
        """This minus the other, in points, paired draw by draw."""
        return Samples((self.point - other.point) / POINT, (self.drawn - other.drawn) / POINT)


class Resampled:
    """Sums of one variant's counts in every resample.

    Args:
        counts: on the set itself.
        sums: float64 (resamples, columns), as `resample` lays them out.
    """

    def __init__(self, counts: Counts, sums: FloatArray) -> None:
        self.counts = counts
        self._sums = sums

    def f1(self, kind: int | None = None) -> Samples:
        """Entity F1 in 0..1: of one type, given by its number, or micro-averaged over all."""
        return self._samples(f1, kind)

    def precision(self) -> Samples:
        """Entity precision in 0..1."""
        return self._samples(precision, None)

    def recall(self) -> Samples:
        """Entity recall in 0..1."""
        return self._samples(recall, None)

    def _samples(self, formula: Formula, kind: int | None) -> Samples:
        table = self.counts.default
        score = table.micro() if kind is None else table.of(kind)
        columns = self._sums.reshape(len(self._sums), 3, len(self.counts.types))
        drawn = columns.sum(axis=2) if kind is None else columns[:, :, kind]
        return Samples(score.by(formula), formula(drawn[:, 0], drawn[:, 1], drawn[:, 2]))


def resample(
    variants: Sequence[Counts], resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[Resampled, ...]:
    """Draw the same sentences for all variants.

    Args:
        variants: counts of the same sentences in the same order.
        resamples: number of draws.
        seed: with the number of sentences, fixes every draw.

    Raises:
        PermanentError: the variants were not counted on the same sentences, or there are none.
    """
    require_same_sentences(variants)
    sums = _sums(variants, resamples, seed)
    ends = np.cumsum([_width(counts) for counts in variants])
    return tuple(
        Resampled(counts, sums[:, end - _width(counts) : end])
        for counts, end in zip(variants, ends, strict=True)
    )


def _width(counts: Counts) -> int:
    """Columns of `_columns`."""
    return 3 * len(counts.types)


def _columns(counts: Counts, rows: slice) -> npt.NDArray[np.int32]:
    """int32 (rows, 3 x types): true positive, predicted and gold entities."""
    table = counts.default
    return np.concatenate((table.true_positive[rows], table.predicted[rows], table.gold[rows]), axis=1)


def _sums(variants: Sequence[Counts], resamples: int, seed: int) -> FloatArray:
    """float64 (resamples, columns): each row is the sum over one draw of the whole set.

    First a multinomial draw says how many sentences each chunk contributes to
    a resample, then these are drawn inside the chunk. That is the distribution
    of drawing from all sentences at once, but it stays in the cache.
    """
    sentences = len(variants[0])
    starts = np.arange(0, sentences, SENTENCES_IN_CHUNK)
    sizes = np.minimum(SENTENCES_IN_CHUNK, sentences - starts)
    shares = np.random.default_rng([seed, sentences]).multinomial(
        sentences, sizes / sentences, size=resamples
    )
    result = np.zeros((resamples, sum(map(_width, variants))), np.float64)
    for number, (start, size) in enumerate(zip(starts.tolist(), sizes.tolist(), strict=True)):
        rows = slice(start, start + size)
        columns = np.concatenate([_columns(counts, rows) for counts in variants], axis=1)
        generator = np.random.default_rng([seed, sentences, number])
        _add_chunk(result, columns, shares[:, number], generator)
    return result


def _add_chunk(result: FloatArray, columns: npt.NDArray[np.int32], shares: IntArray, draw: Generator) -> None:
    """Add one chunk's part to every resample.

    Args:
        result: float64 (resamples, columns), changed in place.
        columns: int32 (sentences of the chunk, columns).
        shares: int64 (resamples,), number of draws from the chunk.
        draw: the chunk's own random numbers.
    """
    matrix = columns.astype(np.float64)
    block = max(1, DRAWS_IN_BLOCK // len(columns))
    for first in range(0, len(shares), block):
        counts = shares[first : first + block]
        drawn = draw.integers(0, len(columns), size=int(counts.sum()), dtype=np.int32)
        times = np.empty((len(counts), len(columns)), np.float64)
        end = 0
        for row, size in enumerate(counts.tolist()):
            times[row] = np.bincount(drawn[end : end + size], minlength=len(columns))
            end += size
        result[first : first + len(counts)] += times @ matrix
