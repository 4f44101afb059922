"""Dropout by bytes: a share of zeros, an unchanged mean, a generator that a checkpoint restores."""

import pytest
import torch
from torch import nn

from ner_jobs.training.dropout import ByteDropout, draw_dropout_by_bytes

ONES = torch.ones(200_003)


@pytest.mark.parametrize(("rate", "share"), [(0.1, 26 / 256), (0.5, 0.5), (0.0, 0.0)])
def test_the_share_that_is_dropped_and_the_mean_that_stays(rate: float, share: float) -> None:
    torch.manual_seed(7)
    dropped = ByteDropout(rate)(ONES)
    assert (dropped == 0).float().mean().item() == pytest.approx(share, abs=0.004)
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.01)
    assert len(dropped.unique()) <= 2


def test_every_byte_of_a_draw_is_even() -> None:
    torch.manual_seed(7)
    dropped = ByteDropout(0.25)(torch.ones(80_000)).view(-1, 8)
    assert (dropped == 0).float().mean(0).tolist() == pytest.approx([0.25] * 8, abs=0.02)


def test_what_is_dropped_has_no_gradient_and_the_rest_is_scaled() -> None:
    values = torch.ones(64, 48, requires_grad=True)
    dropped = ByteDropout(0.1)(values)
    dropped.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, dropped.detach())


def test_evaluation_changes_nothing() -> None:
    assert ByteDropout(0.5).eval()(ONES) is ONES


def test_a_restored_generator_draws_the_same() -> None:
    dropout = ByteDropout(0.3)
    state = torch.get_rng_state()
    first = dropout(ONES)
    torch.set_rng_state(state)
    assert torch.equal(first, dropout(ONES))


def test_a_rate_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="keeps nothing"):
        ByteDropout(0.999)


def test_every_plain_dropout_of_a_model_is_replaced() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(0.2), nn.Dropout1d(0.2)))
    draw_dropout_by_bytes(model)
    assert [type(module).__name__ for module in model.modules()] == [
        "Sequential",
        "Linear",
        "Sequential",
        "ByteDropout",
        "Dropout1d",
    ]


def test_attention_kernels_find_its_rate() -> None:
    assert ByteDropout(0.1).p == 0.1
