"""The sequence loss, held against the sum over all sequences that IOB2 allows."""

from itertools import product

import pytest
import torch

from ner_jobs.training.loss import IGNORED, SequenceLoss, token_loss

LABELS = ("O", "B-PER", "I-PER")


def likelihood_by_enumeration(logits: torch.Tensor, gold: list[int], constrained: bool) -> float:
    """Negative log-likelihood a token of one window, by trying all sequences."""

    def valid(path: tuple[int, ...]) -> bool:
        return all(now != 2 or before in (1, 2) for before, now in zip((0, *path), path, strict=False))

    paths = [path for path in product(range(len(LABELS)), repeat=len(gold)) if valid(path) or not constrained]
    scores = torch.stack(
        [sum((logits[at, label] for at, label in enumerate(path)), torch.tensor(0.0)) for path in paths]
    )
    chosen = sum(float(logits[at, label]) for at, label in enumerate(gold))
    return (float(torch.logsumexp(scores, 0)) - chosen) / len(gold)


@pytest.mark.parametrize(
    ("gold", "first", "constrained"),
    [
        pytest.param([0, 1, 2, 0], True, True, id="a valid sentence"),
        pytest.param([0, 2, 2, 0], True, False, id="gold that IOB2 forbids lifts the constraint"),
        pytest.param([2, 2, 0, 1], True, False, id="a sentence that begins inside lifts it too"),
    ],
)
def test_the_likelihood_is_that_of_all_allowed_sequences(
    gold: list[int], first: bool, constrained: bool
) -> None:
    torch.manual_seed(1)
    logits = torch.randn(1, 4, 3)
    labels = torch.tensor([gold])
    loss = SequenceLoss(LABELS)(logits, labels, torch.tensor([first]))
    expected = likelihood_by_enumeration(logits[0], gold, constrained)
    assert float(loss) == pytest.approx((expected + float(token_loss(logits, labels))) / 2, abs=1e-5)


def test_sub_tokens_without_a_label_and_padding_change_nothing() -> None:
    torch.manual_seed(2)
    logits = torch.randn(2, 3, 3)
    labels = torch.tensor([[0, 1, 2], [1, 2, 0]])
    spread = torch.randn(2, 7, 3)
    spread_labels = torch.full((2, 7), IGNORED)
    for row, positions in enumerate(([1, 2, 5], [0, 3, 4])):
        spread[row, positions] = logits[row]
        spread_labels[row, positions] = labels[row]
    loss = SequenceLoss(LABELS)
    first = torch.tensor([True, True])
    assert float(loss(spread, spread_labels, first)) == pytest.approx(float(loss(logits, labels, first)))


def test_a_window_inside_a_sentence_may_begin_with_inside() -> None:
    logits = torch.tensor([[[0.0, 0.0, 5.0], [5.0, 0.0, 0.0]]])
    labels = torch.tensor([[2, 0]])
    loss = SequenceLoss(LABELS)(logits, labels, torch.tensor([False]))
    assert float(loss) < 0.05


def test_gradients_are_finite() -> None:
    logits = torch.randn(2, 5, 3, requires_grad=True)
    labels = torch.tensor([[0, 1, 2, 0, IGNORED], [2, 2, 0, 1, 2]])
    SequenceLoss(LABELS)(logits, labels, torch.tensor([True, False])).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
