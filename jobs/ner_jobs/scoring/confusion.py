"""Kinds of errors: another type, another border, missed, or invented.

F1 says how many entities are wrong; confusion says in which way. Each gold
entity is paired with the predicted entity that shares most of its tokens. A
gold entity without a partner is missed; a predicted entity that shares no
token with a gold one is spurious. It works on blocks, so a set of any size
needs bounded memory.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from ner_jobs.scoring.blocks import Block, IntArray, Spans, TagTable


class Fate(StrEnum):
    """What became of a gold entity, or what a predicted one without gold is."""

    CORRECT = "correct"
    WRONG_TYPE = "wrongType"
    WRONG_BORDER = "wrongBorder"
    WRONG_BOTH = "wrongTypeAndBorder"
    MISSED = "missed"
    SPURIOUS = "spurious"


@dataclass(frozen=True, slots=True)
class Confusion:
    """Entities by gold type and predicted type.

    Attributes:
        types: names of rows and columns.
        matrix: int64 (types + 1, types + 1): rows gold, columns predicted; the last column is
            missed, the last row spurious, their corner 0. A wrong border counts by its types.
        fates: how many entities had each fate.
    """

    types: tuple[str, ...]
    matrix: IntArray
    fates: dict[Fate, int]


class ConfusionCounter:
    """Adds up blocks.

    Args:
        table: the one that the blocks were coded with.
    """

    def __init__(self, table: TagTable) -> None:
        self._table = table
        self._cells: dict[tuple[int, int], int] = {}
        self._fates = dict.fromkeys(Fate, 0)

    def add(self, block: Block) -> None:
        """Add a block."""
        gold, predicted = block.gold, block.predicted
        partner = _partners(gold, predicted, len(block.sentence))
        met = partner >= 0
        met_by = partner[met]
        same_type = gold.kind[met] == predicted.kind[met_by]
        same_border = (gold.start[met] == predicted.start[met_by]) & (gold.end[met] == predicted.end[met_by])
        touched = _touched(predicted, gold, len(block.sentence))
        self._add_cells(gold.kind[met], predicted.kind[met_by])
        self._add_cells(gold.kind[~met], np.full(int((~met).sum()), -1))
        self._add_cells(np.full(int((~touched).sum()), -1), predicted.kind[~touched])
        for fate, number in (
            (Fate.CORRECT, (same_type & same_border).sum()),
            (Fate.WRONG_TYPE, (~same_type & same_border).sum()),
            (Fate.WRONG_BORDER, (same_type & ~same_border).sum()),
            (Fate.WRONG_BOTH, (~same_type & ~same_border).sum()),
            (Fate.MISSED, (~met).sum()),
            (Fate.SPURIOUS, (~touched).sum()),
        ):
            self._fates[fate] += int(number)

    def confusion(self) -> Confusion:
        """All that was added so far."""
        kinds = len(self._table.types)
        matrix = np.zeros((kinds + 1, kinds + 1), np.int64)
        for (row, column), number in self._cells.items():
            matrix[row, column] += number  # -1 is the last: spurious as a row, missed as a column
        return Confusion(tuple(self._table.types), matrix, dict(self._fates))

    def _add_cells(self, rows: IntArray, columns: IntArray) -> None:
        cells, numbers = np.unique(np.stack((rows, columns), axis=1), axis=0, return_counts=True)
        for (row, column), number in zip(cells.tolist(), numbers.tolist(), strict=True):
            self._cells[row, column] = self._cells.get((row, column), 0) + number


def _owners(spans: Spans, size: int) -> IntArray:
    """int64 (positions,): number of the entity at a position, -1 for none."""
    lengths = spans.end - spans.start
    owner = np.full(size, -1, np.int64)
    inside = np.repeat(spans.start - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    owner[inside] = np.repeat(np.arange(len(lengths)), lengths)
    return owner


def _partners(gold: Spans, predicted: Spans, size: int) -> IntArray:
    """int64 (gold entities,): the predicted entity that shares most tokens, the first of equals, or -1."""
    of_gold, of_predicted = _owners(gold, size), _owners(predicted, size)
    shared = (of_gold >= 0) & (of_predicted >= 0)
    pairs, tokens = np.unique(
        np.stack((of_gold[shared], of_predicted[shared]), axis=1), axis=0, return_counts=True
    )
    partner = np.full(len(gold.start), -1, np.int64)
    # Later writes win: fewest tokens first, and of equals the first predicted one last.
    order = np.lexsort((-pairs[:, 1], tokens))
    partner[pairs[order, 0]] = pairs[order, 1]
    return partner


def _touched(spans: Spans, others: Spans, size: int) -> npt.NDArray[np.bool_]:
    """Bool (spans,): whether an entity of `others` shares a token with it."""
    covered = np.concatenate(([0], np.cumsum(_owners(others, size) >= 0)))
    return np.asarray(covered[spans.end] > covered[spans.start])
