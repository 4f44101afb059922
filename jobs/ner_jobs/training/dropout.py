"""Dropout whose random numbers cost little on a CPU.

On a CPU, PyTorch draws a 64-bit random number for each element, which takes a
sixth of a training step of a small encoder. Here one draw serves eight
elements, a byte each. It comes from PyTorch's global generator, whose state is
in checkpoints. The rate is rounded to a 256th (0.1 becomes 26/256), and the
kept elements are scaled by that rate, so the expected output is the input.
"""

import torch
from torch import Tensor, nn

BYTE = 256
"""Values of a byte: the rate's granularity."""

WORD = 8
"""Bytes that one draw fills."""


class ByteDropout(nn.Dropout):
    """`torch.nn.Dropout` by bytes; attention kernels read its `p` as usual.

    Args:
        rate: share of the elements that become zero, in 0..1, below 1 when rounded to a 256th.
    """

    def __init__(self, rate: float) -> None:
        super().__init__(rate)
        self._dropped = round(rate * BYTE)
        if not 0 <= self._dropped < BYTE:
            raise ValueError(f"a dropout rate of {rate} keeps nothing; it must be in 0..1, below 1")

    def forward(self, values: Tensor) -> Tensor:
        """Float of any shape to float of the same shape; the identity in evaluation."""
        if not self.training or not self._dropped:
            return values
        words = torch.empty(-(-values.numel() // WORD), dtype=torch.int64)
        # This range makes all 64 bits random; random_() alone leaves the sign bit 0.
        draws = words.random_(-(2**63), None).view(torch.uint8)
        kept = (draws[: values.numel()] >= self._dropped).view(values.shape)
        return values * kept * (BYTE / (BYTE - self._dropped))


def draw_dropout_by_bytes(model: nn.Module) -> None:
    """Replace every plain dropout of a model by `ByteDropout`; for training on a CPU."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Dropout:
                setattr(parent, name, ByteDropout(child.p))
