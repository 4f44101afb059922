"""Dropout whose random numbers cost little on a CPU.

PyTorch draws one 64-bit random number an element there: for a small encoder
that is a sixth of a training step. Here one draw serves eight elements, a
byte each, from the same generator, so checkpoints restore it as they do all
random states. The rate is rounded to a 256th (0.1 becomes 26/256), and what
is kept is scaled by exactly that rate, so the expectation is the input's.
"""

import torch
from torch import Tensor, nn

BYTE = 256
"""Values of a byte: the rate's granularity."""

WORD = 8
"""Bytes that one draw fills."""


class ByteDropout(nn.Dropout):
    """As `torch.nn.Dropout`, by bytes; attention kernels read its `p`, as they read that one's.

    Args:
        rate: share of the elements that become zero, in 0..1, below 1 when rounded to a 256th.
    """

    def __init__(self, rate: float) -> None:
        super().__init__(rate)
        self._dropped = round(rate * BYTE)
        if not 0 <= self._dropped < BYTE:
            raise ValueError(f"a dropout rate of {rate} keeps nothing; it must be in 0..1, below 1")

    def forward(self, values: Tensor) -> Tensor:
        """Float (any shape), of the same shape; unchanged in evaluation."""
        if not self.training or not self._dropped:
            return values
        words = torch.empty(-(-values.numel() // WORD), dtype=torch.int64)
        # From the smallest on, without an end: all 64 bits are random, while random_() leaves the sign 0.
        draws = words.random_(-(2**63), None).view(torch.uint8)
        kept = (draws[: values.numel()] >= self._dropped).view(values.shape)
        return values * kept * (BYTE / (BYTE - self._dropped))


def draw_dropout_by_bytes(model: nn.Module) -> None:
    """Put `ByteDropout` in the place of every plain dropout of a model that trains on a CPU."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Dropout:
                setattr(parent, name, ByteDropout(child.p))
