"""An exponential moving average of the weights (Polyak and Juditsky, 1992).

The averaged model is often better than the last one. The average moves every
few steps, which costs less and is no worse. It follows closely at first, so
that the random head does not stay in it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

STEPS_BETWEEN_UPDATES = 4


def averaged(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of the model whose weights follow it.

    Call `update_parameters(model)` after every `STEPS_BETWEEN_UPDATES` optimizer steps.

    Args:
        model: its present weights start the average.
        decay: a step, in 0..1.
    """

    @torch.no_grad()
    def follow(average: Sequence[Tensor], current: Sequence[Tensor], updates: Tensor | int) -> None:
        kept = decay_at(STEPS_BETWEEN_UPDATES * int(updates), decay)
        torch._foreach_lerp_(list(average), list(current), 1 - kept)

    average = AveragedModel(model, multi_avg_fn=follow)
    # PyTorch's first update copies the weights without averaging; the second one is then update 1.
    average.update_parameters(model)
    return average


def decay_at(step: int, decay: float) -> float:
    """The part of the average that the update after `step` steps keeps, in 0..1."""
    return min(decay**STEPS_BETWEEN_UPDATES, (1 + step) / (10 + step))
