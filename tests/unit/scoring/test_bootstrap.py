"""The bootstrap of the plots: known cases, and the same draws for all."""

import numpy as np
import pytest

from ner_jobs.scoring import bootstrap
from ner_jobs.scoring.blocks import Pair
from ner_jobs.scoring.bootstrap import Samples, resample
from ner_jobs.scoring.counts import Counts, count
from ner_jobs.task import PermanentError


def a_set(wrong: set[int], size: int = 400, kinds: tuple[str, ...] = ("PER", "LOC")) -> Counts:
    """One entity a sentence, types in turn; the sentences in `wrong` are missed."""
    return count(
        Pair(f"t:{at}", (tag := f"B-{kinds[at % len(kinds)]}", "O"), ("O" if at in wrong else tag, "O"))
        for at in range(size)
    )


def error(samples: Samples) -> float:
    """The standard error."""
    return float(samples.drawn.std(ddof=1))


def test_the_interval_is_that_of_the_binomial() -> None:
    (sampled,) = resample([a_set(set(range(0, 400, 10)))])
    recall = sampled.recall()
    assert recall.point == pytest.approx(0.9)
    assert error(recall) == pytest.approx((0.9 * 0.1 / 400) ** 0.5, rel=0.08)
    low, high = recall.interval(0.95)
    assert low < 0.9 < high
    assert high - low == pytest.approx(4 * error(recall), rel=0.1)


def test_points_are_those_of_the_counts() -> None:
    counts = a_set({0, 2, 3})
    (sampled,) = resample([counts], resamples=100)
    assert sampled.f1().point == pytest.approx(counts.default.micro().f1)
    assert sampled.f1(1).point == pytest.approx(counts.default.of(1).f1)
    assert sampled.precision().point == 1.0


def test_a_variant_never_differs_from_itself() -> None:
    first, second = resample([a_set({1, 5, 9})] * 2, resamples=100)
    assert first.f1().drop_to(second.f1()).interval() == (0, 0)


def test_what_both_find_hard_cancels_out() -> None:
    hard = set(range(0, 400, 5))
    reference, candidate = resample([a_set(hard), a_set(hard | {1})])
    alone = error(candidate.f1()) * 100
    paired = reference.f1().drop_to(candidate.f1())
    assert paired.point > 0
    assert error(paired) < alone / 4


def test_the_same_draws_for_all_alone_or_together_in_blocks_or_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = a_set({1, 2}), a_set({7}, kinds=("ORG",))
    together = resample([first, second], resamples=50)[1].f1().drawn
    alone = resample([second], resamples=50)[0].f1().drawn
    monkeypatch.setattr(bootstrap, "DRAWS_IN_BLOCK", 1000)
    in_blocks = resample([second], resamples=50)[0].f1().drawn
    assert np.array_equal(together, alone)
    assert np.array_equal(alone, in_blocks)
    assert not np.array_equal(alone, resample([second], resamples=50, seed=7)[0].f1().drawn)


def test_a_type_that_is_nowhere_scores_zero() -> None:
    counts = a_set(set()).aligned_to(("PER", "LOC", "ORG"))
    assert resample([counts], resamples=10)[0].f1(2).drawn.tolist() == [0.0] * 10


def test_other_sentences_are_refused() -> None:
    with pytest.raises(PermanentError, match="different sentences"):
        resample([a_set(set()), a_set(set(), size=399)])
    with pytest.raises(PermanentError, match="empty"):
        resample([count([])])


def test_a_set_of_many_chunks_is_drawn_like_one(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = a_set(set(range(0, 400, 10)))
    whole = resample([counts])[0]
    monkeypatch.setattr(bootstrap, "SENTENCES_IN_CHUNK", 64)
    cut = resample([counts])[0]
    assert error(cut.recall()) == pytest.approx(error(whole.recall()), rel=0.08)
    assert cut.recall().drawn.mean() == pytest.approx(0.9, abs=2e-3)
