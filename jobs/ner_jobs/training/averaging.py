"""An exponential moving average of the weights (Polyak and Juditsky, 1992).

The averaged model is often better than the last one, and costs one pass over
the weights now and then. Early in training the average follows closely, so
that the random head does not stay in it.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

STEPS_BETWEEN_UPDATES = 4
"""The average moves every so many steps, by the decay of as many: cheaper, and no worse."""


class WeightAverage:
    """Averages a model's parameters.

    Args:
        model: whose parameters start the average.
        decay: a step, in 0..1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        self.weights = {name: value.detach().clone() for name, value in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Follow the model; does nothing but on every `STEPS_BETWEEN_UPDATES`-th step (from 1)."""
        if step % STEPS_BETWEEN_UPDATES:
            return
        decay = min(self._decay**STEPS_BETWEEN_UPDATES, (1 + step) / (10 + step))
        current = dict(model.named_parameters())
        names = list(self.weights)
        torch._foreach_lerp_(
            [self.weights[name] for name in names], [current[name].detach() for name in names], 1 - decay
        )

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Go on from a checkpoint's average."""
        self.weights = {name: weights[name].clone() for name in self.weights}
