"""A model whose answer is known: each sub-token has one tag, whatever stands around it."""

import numpy as np
import numpy.typing as npt

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
ALPHABET = "abcde"
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *ALPHABET]
CERTAINTY = 4.0


class LetterSession:
    """a is O, b is B-PER, c is I-PER, d is B-LOC, e is I-LOC; padding must never be read."""

    effective_precision = "fp32"
    products = {"fp32": 1}  # noqa: RUF012
    weights = {"fp32": 1}  # noqa: RUF012
    length_step = 8

    def __init__(self, fixed_length: int | None = None) -> None:
        self.fixed_length = fixed_length
        self.shapes: list[tuple[int, int]] = []

    def run(
        self, input_ids: npt.NDArray[np.int64], attention_mask: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        assert input_ids.shape == attention_mask.shape
        assert ((input_ids != 0) == (attention_mask == 1)).all()
        assert (attention_mask[:, 0] == 1).all()
        self.shapes.append((int(input_ids.shape[0]), int(input_ids.shape[1])))
        logits = np.zeros((*input_ids.shape, len(LABELS)), np.float32)
        label = np.maximum(input_ids - 4, 0)
        np.put_along_axis(logits, label[..., None], CERTAINTY, -1)
        return logits
