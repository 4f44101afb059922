"""What a graph gets wrong shows: a frozen batch, a frozen length, a mask that is not obeyed, no number."""

from collections.abc import Callable

import numpy as np
import pytest

from ner_jobs.engines.base import FloatArray, IntArray
from ner_jobs.models.parity import BATCH, Forward, Truth, compare_dynamic, compare_fixed

LABELS = 3
PADDING = 0
TOLERANCE = 1e-3


def exact(ids: IntArray, mask: IntArray) -> FloatArray:
    """A model whose logits rest on the sub-token and on how many real ones there are, as attention's do."""
    real = mask.sum(1, keepdims=True)
    scores = np.stack([ids % 5 + at * real / 7 for at in range(LABELS)], axis=-1)
    return scores.astype(np.float32)


def deaf_to_the_mask(ids: IntArray, mask: IntArray) -> FloatArray:
    return exact(ids, np.ones_like(mask))


def frozen_to_one_row(ids: IntArray, mask: IntArray) -> FloatArray:
    return np.repeat(exact(ids[:1], mask[:1]), len(ids), axis=0)


def a_little_off(ids: IntArray, mask: IntArray) -> FloatArray:
    return exact(ids, mask) + np.float32(1e-4)


def no_number(ids: IntArray, mask: IntArray) -> FloatArray:
    return exact(ids, mask) * np.float32("nan")


def other_labels(ids: IntArray, mask: IntArray) -> FloatArray:
    return exact(ids, mask)[..., ::-1]


@pytest.fixture(scope="module")
def truth() -> Truth:
    chance = np.random.default_rng(1)
    windows = [chance.integers(1, 50, size=length) for length in (3, 5, 8, 8, 13, 20)]
    return Truth.of(exact, windows, PADDING, TOLERANCE)


@pytest.mark.parametrize(
    ("forward", "unpadded", "padded"),
    [
        pytest.param(exact, True, True, id="the same model"),
        pytest.param(a_little_off, True, True, id="rounding is within the bound"),
        pytest.param(deaf_to_the_mask, True, False, id="a mask that was traced away shows when padded"),
        pytest.param(frozen_to_one_row, False, False, id="a frozen batch shows in a batch"),
        pytest.param(no_number, False, False, id="what is no number is no parity"),
        pytest.param(other_labels, False, False, id="labels in another order"),
    ],
)
def test_dynamic(truth: Truth, forward: Forward, unpadded: bool, padded: bool) -> None:
    found = compare_dynamic("graph", forward, truth, max_length=24)
    assert found.unpadded is not None
    assert found.padded is not None
    assert (found.unpadded <= TOLERANCE) is unpadded
    assert (found.padded <= TOLERANCE) is padded
    assert found.difference == max(found.unpadded, found.padded)
    # Each window alone, padded, and once in a batch.
    assert found.windows == 3 * len(truth.windows)
    assert max(rows for rows, _ in found.shapes) <= BATCH


def test_a_disagreement_counts_only_where_the_checkpoint_is_clear() -> None:
    logits = np.array([[1.0, 0.0], [0.5, 0.4999]], np.float32)
    truth = Truth([np.array([4, 5])], [logits], PADDING, TOLERANCE)
    found = compare_fixed(
        "graph", lambda ids, mask: np.pad(logits[None, :, ::-1], ((0, 0), (0, 2), (0, 0))), truth, 4
    )
    assert found.disagreements == 1


@pytest.mark.parametrize("forward", [exact, deaf_to_the_mask])
def test_fixed_runs_one_padded_window_at_a_time(
    truth: Truth, forward: Callable[[IntArray, IntArray], FloatArray]
) -> None:
    found = compare_fixed("graph", forward, truth, max_length=24)
    assert found.shapes == {(1, 24)}
    assert found.unpadded is None
    assert (found.difference <= TOLERANCE) is (forward is exact)
    assert found.record()["windows"] == len(truth.windows)
