"""From logits to tags.

`constrained` is Viterbi over the transitions that IOB2 allows (an I- follows
the B- or I- of its own type, and no sentence begins with one); `argmax` takes
each token alone, as the reference scripts do. The allowed transitions have
score 0 and the others minus infinity, so the tags are the most probable valid
sequence under the token probabilities.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ner_jobs.task.parameters import Decoding

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]

FORBIDDEN = -1e9
"""Score of a transition that IOB2 does not allow; finite, so that sums stay defined."""


def allowed_transitions(labels: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """Scores of starting with a label, and of going from one label to the next.

    Returns:
        float32 (labels,) and float32 (labels, labels), from row to column: 0 or `FORBIDDEN`.
    """
    start = np.zeros(len(labels), np.float32)
    step = np.zeros((len(labels), len(labels)), np.float32)
    for column, label in enumerate(labels):
        if label.startswith("I-"):
            start[column] = FORBIDDEN
            for row, previous in enumerate(labels):
                if previous not in (label, "B-" + label[2:]):
                    step[row, column] = FORBIDDEN
    return start, step


class Decoder:
    """Decodes logits of one label list.

    Args:
        labels: IOB2 names, in the order of the logits' last axis.
        mode: `constrained` or `argmax`.
    """

    def __init__(self, labels: Sequence[str], mode: Decoding) -> None:
        self.labels = tuple(labels)
        self.outside = self.labels.index("O")
        self.mode: Decoding = mode
        self._start, self._step = allowed_transitions(self.labels)

    def decode(self, logits: FloatArray) -> IntArray:
        """Label numbers of one sentence.

        Args:
            logits: float32 (tokens, labels).

        Returns:
            int64 (tokens,).
        """
        return self.decode_many([logits])[0]

    def decode_many(self, logits: Sequence[FloatArray]) -> list[IntArray]:
        """Label numbers of many sentences at once: one NumPy step a position, over all of them.

        Args:
            logits: a sentence each: float32 (tokens, labels).

        Returns:
            int64 (tokens,) each, in the same order.
        """
        if self.mode == "argmax":
            return [rows.argmax(-1) for rows in logits]
        if not logits:
            return []
        # Longest first: at each position the sentences that go on are a prefix of the batch.
        order = sorted(range(len(logits)), key=lambda at: -len(logits[at]))
        lengths = np.array([len(logits[at]) for at in order])
        longest = int(lengths[0])
        if longest == 0:
            return [np.zeros(0, np.int64) for _ in logits]
        width = len(self.labels)
        padded = np.zeros((longest, len(order), width), np.float32)
        for row, at in enumerate(order):
            padded[: lengths[row], row] = logits[at]
        alive = [int(np.searchsorted(-lengths, -position, side="left")) for position in range(longest)]
        scores = padded[0] + self._start
        back = np.zeros((longest, len(order), width), np.int16)
        for position in range(1, longest):
            going = alive[position]
            reached = scores[:going, :, None] + self._step
            back[position, :going] = reached.argmax(1)
            scores[:going] = reached.max(1) + padded[position, :going]
        return self._trace(order, lengths, scores, back)

    def _trace(
        self,
        order: Sequence[int],
        lengths: npt.NDArray[np.int64],
        scores: FloatArray,
        back: npt.NDArray[np.int16],
    ) -> list[IntArray]:
        """Follow the best predecessors from each sentence's end."""
        paths = np.zeros((len(back), len(order)), np.int64)
        rows = np.arange(len(order))
        current = scores.argmax(1)
        for position in range(len(back) - 1, -1, -1):
            within = lengths > position
            paths[position, within] = current[within]
            if position:
                moved = lengths > position
                current[moved] = back[position, rows[moved], current[moved]]
        decoded: list[IntArray] = [np.zeros(0, np.int64)] * len(order)
        for row, at in enumerate(order):
            decoded[at] = paths[: lengths[row], row].copy()
        return decoded
