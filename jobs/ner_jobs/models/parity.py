"""How far an exported graph is from its checkpoint, on real windows.

The truth is the checkpoint's logits of each window alone, without padding. A
graph must give the same logits for the window alone, for the window padded,
and for windows of unequal lengths in one batch. If tracing froze a length, a
batch or a mask, one of the three differs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from ner_jobs.corpus.encoding import FloatArray
from ner_jobs.corpus.padding import IntArray, pad
from ner_jobs.task import ExitCode, PermanentError

Forward = Callable[[IntArray, IntArray], FloatArray]
"""Logits float32 (batch, length, labels) of ids and mask, int64 (batch, length)."""

BATCH = 4
"""Windows in a batch that is compared."""


@dataclass(slots=True)
class Parity:
    """The result of a comparison, over all its windows.

    Attributes:
        windows: compared; a window counts once for each form in which it was run.
        unpadded, padded: largest difference of a logit of a real sub-token; None if not run.
        disagreements: sub-tokens whose best label differs although the checkpoint's margin exceeds the bound.
    """

    form: str
    windows: int = 0
    unpadded: float | None = None
    padded: float | None = None
    disagreements: int = 0
    shapes: set[tuple[int, int]] = field(default_factory=set)

    @property
    def difference(self) -> float:
        """The largest of all."""
        return max(self.unpadded or 0.0, self.padded or 0.0)

    def check(self, tolerance: float) -> None:
        """Refuse a graph that differs from its checkpoint.

        Raises:
            PermanentError: a logit differs by more than `tolerance`, or a sub-token was decided otherwise.
        """
        if self.difference <= tolerance and not self.disagreements:
            return
        raise PermanentError(
            f"{self.form} differs from the checkpoint by {self.difference:.2e} in a logit "
            f"({self.disagreements} sub-tokens decided otherwise), {tolerance:.0e} is allowed: the export is "
            "wrong, not the model; report it with the base model's name",
            ExitCode.SOFTWARE,
        )

    def record(self) -> dict[str, object]:
        """As the manifest keeps it."""
        return {
            "form": self.form,
            "windows": self.windows,
            "shapes": len(self.shapes),
            "unpadded": self.unpadded,
            "padded": self.padded,
            "largestDifference": self.difference,
            "disagreements": self.disagreements,
        }


@dataclass(frozen=True, slots=True)
class Truth:
    """Windows, and the checkpoint's logits of each alone.

    Attributes:
        windows: int64 (length,) each, without padding.
        logits: float32 (length, labels) each.
        padding: id of the padding sub-token.
        tolerance: the bound.
    """

    windows: Sequence[IntArray]
    logits: Sequence[FloatArray]
    padding: int
    tolerance: float

    @classmethod
    def of(cls, forward: Forward, windows: Sequence[IntArray], padding: int, tolerance: float) -> Self:
        """Run the checkpoint on each window alone."""
        logits = [forward(ids[None], np.ones_like(ids)[None])[0] for ids in windows]
        return cls(windows, logits, padding, tolerance)


def compare_dynamic(form: str, forward: Forward, truth: Truth, max_length: int) -> Parity:
    """Run each window alone, padded, and in batches of unequal lengths."""
    found = Parity(form)
    order = range(len(truth.windows))
    for at in order:
        _run(found, forward, truth, [at], len(truth.windows[at]))
        _run(found, forward, truth, [at], min(len(truth.windows[at]) + 9, max_length))
    # Short windows together with long ones, so that every batch has padding.
    for first in range(-(-len(order) // BATCH)):
        together = list(order[first :: -(-len(order) // BATCH)])
        _run(found, forward, truth, together, max(len(truth.windows[at]) for at in together))
    return found


def compare_fixed(form: str, forward: Forward, truth: Truth, max_length: int) -> Parity:
    """Run each window alone, padded to the only length that the graph takes."""
    found = Parity(form)
    for at in range(len(truth.windows)):
        _run(found, forward, truth, [at], max_length)
    return found


def _run(found: Parity, forward: Forward, truth: Truth, places: Sequence[int], length: int) -> None:
    ids, mask = pad([truth.windows[at] for at in places], length, truth.padding)
    values = forward(ids, mask)
    found.shapes.add((len(places), length))
    for row, at in enumerate(places):
        expected = truth.logits[at]
        logits = values[row, : len(expected)]
        difference = float(np.abs(logits - expected).max())
        # NaN is not parity.
        difference = difference if np.isfinite(difference) else float("inf")
        if len(expected) == length:
            found.unpadded = max(found.unpadded or 0.0, difference)
        else:
            found.padded = max(found.padded or 0.0, difference)
        ordered = np.sort(expected, axis=-1)
        clear = (
            ordered[:, -1] - ordered[:, -2] > truth.tolerance if expected.shape[-1] > 1 else np.array(False)
        )
        found.disagreements += int((clear & (logits.argmax(-1) != expected.argmax(-1))).sum())
        found.windows += 1
