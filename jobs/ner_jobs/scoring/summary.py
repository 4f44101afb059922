"""The figures of one evaluation, shared by the manifest, the page and the comparison.

Everything here follows from counts (and the confusion of the same sentences),
so it can be made again from a stored artifact. F1 and its like are in 0..1,
drops in points (0.01 F1).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ner_jobs.scoring.bootstrap import RESAMPLES, SEED, Resampled, Samples, resample
from ner_jobs.scoring.confusion import Confusion, Fate
from ner_jobs.scoring.counts import Counts, Score
from ner_jobs.scoring.estimate import Bounds, Estimate, StoredFigures
from ner_jobs.scoring.units import drop_bounds, metric_bounds

LENGTH_EDGES = (1, 11, 21, 31, 41, 61, 81, 121)
"""Sentences are grouped by their tokens from each of these up to the next."""

BINS = 41


@dataclass(frozen=True, slots=True)
class Draws:
    """How the intervals are made: `resamples` draws from this seed, two-sided at this confidence."""

    confidence: float = 0.95
    resamples: int = RESAMPLES
    seed: int = SEED


class TypeFigures(StoredFigures):
    """One entity type; `drop` is against the reference variant."""

    name: str
    precision: float
    recall: float
    f1: Estimate
    f1_strict: float
    true_positive: int
    predicted: int
    gold: int
    drop: Estimate | None = None


class LengthFigures(StoredFigures):
    """Sentences of about one length.

    Attributes:
        shortest, longest: tokens, both included; `longest` is None for the last group.
        wrong: sentences with an entity missed or invented.
    """

    shortest: int
    longest: int | None
    sentences: int
    wrong: int
    gold: int
    f1: float


class Distribution(StoredFigures):
    """A histogram of a figure over the resamples: `counts` in equal steps from `low` to `high`."""

    what: str
    low: float
    high: float
    counts: tuple[int, ...]


class ConfusionFigures(StoredFigures):
    """Entities by gold type (rows) and predicted type; the last column is missed, the last row spurious.

    Attributes:
        fates: how many entities had each `Fate`.
    """

    types: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]
    fates: dict[Fate, int]


class ReferenceFigures(StoredFigures):
    """The distance to the reference variant on the same sentences.

    Attributes:
        drop: points of F1 that this variant loses; negative if it gains.
        differing: sentences with other predicted tags.
        better, worse: of these, sentences with fewer or more errors of this variant.
    """

    variant: str
    f1: Estimate
    drop: Estimate
    differing: int
    better: int
    worse: int


class Evaluation(StoredFigures):
    """All figures of one variant on one test snapshot.

    Attributes:
        test: digest of the snapshot.
        checked: sentences on which seqeval was asked and agreed.
        judged: candidates that this snapshot has judged, this one included; 0 if not counted.
    """

    variant: str
    test: str
    sentences: int
    tokens: int
    f1: Estimate
    precision: Estimate
    recall: Estimate
    f1_strict: float
    precision_strict: float
    recall_strict: float
    accuracy: float
    true_positive: int
    predicted: int
    gold: int
    types: tuple[TypeFigures, ...]
    lengths: tuple[LengthFigures, ...]
    confusion: ConfusionFigures
    distribution: Distribution
    confidence: float
    resamples: int
    seed: int
    checked: int = 0
    judged: int = 0
    reference: ReferenceFigures | None = None


def summarize(
    variant: str,
    test: str,
    counts: Counts,
    confusion: Confusion,
    draws: Draws,
) -> Evaluation:
    """Figures of a variant without a reference to compare with.

    Args:
        variant: its name.
        test: digest of the test snapshot.
        counts: of the variant.
        confusion: of the same sentences.
        draws: how the intervals are made.
    """
    (drawn,) = resample([counts], draws.resamples, draws.seed)
    return _evaluation(variant, test, drawn, confusion, draws)


def summarize_against(
    variant: str,
    test: str,
    counts: Counts,
    confusion: Confusion,
    reference_variant: str,
    reference: Counts,
    differing: int,
    draws: Draws,
) -> Evaluation:
    """Figures of a variant compared with the reference variant, paired.

    Args:
        variant: its name.
        test: digest of the test snapshot.
        counts: of the variant.
        confusion: of the same sentences.
        reference_variant: its name.
        reference: its counts of the same sentences in the same order.
        differing: sentences with other predicted tags.
        draws: how the intervals are made.
    """
    high, low = resample((reference.aligned_to(counts.types), counts), draws.resamples, draws.seed)
    plain = _evaluation(variant, test, low, confusion, draws)
    drop = high.f1().drop_to(low.f1())
    types = tuple(
        figures.model_copy(update={"drop": _drop(high, low, kind, draws.confidence)})
        for kind, figures in enumerate(plain.types)
    )
    change = counts.default.errors() - high.counts.default.errors()
    return plain.model_copy(
        update={
            "types": types,
            "distribution": _distribution("drop against the reference, in points", drop),
            "reference": ReferenceFigures(
                variant=reference_variant,
                f1=_f1(high, None, draws.confidence),
                drop=_drop(high, low, None, draws.confidence),
                differing=differing,
                better=int((change < 0).sum()),
                worse=int((change > 0).sum()),
            ),
        }
    )


def _evaluation(
    variant: str,
    test: str,
    drawn: Resampled,
    confusion: Confusion,
    draws: Draws,
) -> Evaluation:
    counts = drawn.counts
    micro, strict = counts.default.micro(), counts.strict.micro()
    return Evaluation(
        variant=variant,
        test=test,
        sentences=len(counts),
        tokens=int(counts.tokens.sum()),
        f1=_f1(drawn, None, draws.confidence),
        precision=_estimate(
            drawn.precision(), metric_bounds(counts, "precision", None, draws.confidence), draws.confidence
        ),
        recall=_estimate(
            drawn.recall(), metric_bounds(counts, "recall", None, draws.confidence), draws.confidence
        ),
        f1_strict=strict.f1,
        precision_strict=strict.precision,
        recall_strict=strict.recall,
        accuracy=counts.accuracy,
        true_positive=micro.true_positive,
        predicted=micro.predicted,
        gold=micro.gold,
        types=tuple(_type(drawn, kind, draws.confidence) for kind in range(len(counts.types))),
        lengths=_lengths(counts),
        confusion=ConfusionFigures(
            types=confusion.types,
            matrix=tuple(tuple(row) for row in confusion.matrix.tolist()),
            fates=confusion.fates,
        ),
        distribution=_distribution("F1", drawn.f1()),
        confidence=draws.confidence,
        resamples=draws.resamples,
        seed=draws.seed,
    )


def _f1(drawn: Resampled, kind: int | None, confidence: float) -> Estimate:
    return _estimate(drawn.f1(kind), metric_bounds(drawn.counts, "f1", kind, confidence), confidence)


def _drop(other: Resampled, candidate: Resampled, kind: int | None, confidence: float) -> Estimate:
    """Points of F1."""
    bounds = drop_bounds(other.counts, candidate.counts, "f1", kind, confidence)
    return _estimate(other.f1(kind).drop_to(candidate.f1(kind)), bounds, confidence)


def _estimate(samples: Samples, bounds: Bounds, confidence: float) -> Estimate:
    """The interval of the plots beside the bounds of the gates."""
    return Estimate(samples.point, *samples.interval(confidence), bounds.lower, bounds.upper)


def _type(drawn: Resampled, kind: int, confidence: float) -> TypeFigures:
    score = drawn.counts.default.of(kind)
    return TypeFigures(
        name=drawn.counts.types[kind],
        precision=score.precision,
        recall=score.recall,
        f1=_f1(drawn, kind, confidence),
        f1_strict=drawn.counts.strict.of(kind).f1,
        true_positive=score.true_positive,
        predicted=score.predicted,
        gold=score.gold,
    )


def _lengths(counts: Counts) -> tuple[LengthFigures, ...]:
    """Groups that hold a sentence, shortest first; sentences without tokens are in none."""
    table = counts.default
    group = np.digitize(counts.tokens, LENGTH_EDGES)
    wrong = table.errors() > 0
    figures: list[LengthFigures] = []
    for number, shortest in enumerate(LENGTH_EDGES, start=1):
        rows = group == number
        if not rows.any():
            continue
        score = Score(
            int(table.true_positive[rows].sum()),
            int(table.predicted[rows].sum()),
            int(table.gold[rows].sum()),
        )
        last = number == len(LENGTH_EDGES)
        figures.append(
            LengthFigures(
                shortest=shortest,
                longest=None if last else LENGTH_EDGES[number] - 1,
                sentences=int(rows.sum()),
                wrong=int(wrong[rows].sum()),
                gold=score.gold,
                f1=score.f1,
            )
        )
    return tuple(figures)


def _distribution(what: str, samples: Samples) -> Distribution:
    low, high = float(samples.drawn.min()), float(samples.drawn.max())
    counts: Sequence[int]
    if low == high:
        counts = (len(samples.drawn),)
    else:
        counts = np.histogram(samples.drawn, bins=BINS, range=(low, high))[0].tolist()
    return Distribution(what=what, low=low, high=high, counts=tuple(counts))
