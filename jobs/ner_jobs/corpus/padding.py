"""Pads windows of unequal length to one batch."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


def pad(rows: Sequence[IntArray], length: int, padding: int) -> tuple[IntArray, IntArray]:
    """Pad rows to one length.

    Args:
        rows: int64 (at most length,) each.
        length: of the result.
        padding: id of the padding sub-token.

    Returns:
        Ids int64 (rows, length), and the mask int64 (rows, length): 1 where a sub-token is real, else 0.

    Raises:
        ValueError: a row is longer than `length`.
    """
    ids = np.full((len(rows), length), padding, np.int64)
    mask = np.zeros((len(rows), length), np.int64)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
        mask[number, : len(row)] = 1
    return ids, mask
