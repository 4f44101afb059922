"""The averaged weights, against the formula written out."""

import pytest
import torch
from torch import nn

from ner_jobs.training.averaging import STEPS_BETWEEN_UPDATES, averaged, decay_at


@pytest.mark.parametrize(
    ("step", "decay", "kept"),
    [
        pytest.param(4, 0.999, 5 / 14, id="at first it follows closely"),
        pytest.param(400, 0.999, 401 / 410, id="then less"),
        pytest.param(40_000, 0.999, 0.999**4, id="and in the end by the decay of four steps"),
        pytest.param(4, 0.5, 0.5**4, id="a small decay holds from the start"),
    ],
)
def test_how_much_an_update_keeps(step: int, decay: float, kept: float) -> None:
    assert decay_at(step, decay) == pytest.approx(kept, rel=1e-12)


def test_the_average_follows_the_formula() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    average = averaged(model, 0.9)
    expected = [value.detach().clone() for value in model.parameters()]
    for step in range(STEPS_BETWEEN_UPDATES, 5 * STEPS_BETWEEN_UPDATES, STEPS_BETWEEN_UPDATES):
        with torch.no_grad():
            for value in model.parameters():
                value.add_(torch.randn_like(value))
        average.update_parameters(model)
        kept = min(0.9**4, (1 + step) / (10 + step))
        expected = [
            torch.lerp(old, new.detach(), 1 - kept)
            for old, new in zip(expected, model.parameters(), strict=True)
        ]
        for found, wanted in zip(average.module.parameters(), expected, strict=True):
            assert torch.equal(found, wanted)


def test_it_starts_as_the_model_and_is_a_copy() -> None:
    model = nn.Linear(2, 2)
    before = model.weight.detach().clone()
    average = averaged(model, 0.9)
    with torch.no_grad():
        model.weight.zero_()
    assert torch.equal(average.module.weight, before)
