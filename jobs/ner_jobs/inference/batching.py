"""Which sentences go through the model together: a function of the input alone.

Padding costs time, and so does each shape that is new to an engine. So the
sentences of a block are sorted by length and cut into groups of nearly one
length, which are padded to a multiple that the engine asks for. The number of
workers plays no part: the same input gives the same batches, and the same
bytes, on one worker and on fifty.

Tried and left out: packing several short sentences into one row with a
block-diagonal mask. On a CPU the products over tokens cost the same however
the rows are cut, sorted batches are padded by 6%, and attention over a packed
row of 256 costs 30% more a token than over rows of 56 (OpenVINO int8, the
12x384 encoder).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ner_jobs.corpus.encoding import Encoded, Window
from ner_jobs.corpus.sentence import Sentence

T = TypeVar("T")

SENTENCES_IN_BLOCK = 8192
"""Sentences that are sorted together, and held in memory together."""

TOKENS_IN_BLOCK = 1_000_000
"""A block ends at this many tokens too, so that long texts do not fill the memory."""

TOKENS_IN_BATCH = 2048
"""Padded sub-tokens in a batch of more than one window, at most."""

BATCH_SIZE = 16
"""Windows in a batch, by default."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How large a batch may be.

    Attributes:
        windows: in a batch, at most.
        tokens: padded sub-tokens in a batch, at most. A single window is always allowed.
        fixed_length: the only length that the model takes, one window a call; None if it takes any.
        step: padded lengths are multiples of this.
    """

    windows: int = BATCH_SIZE
    tokens: int = TOKENS_IN_BATCH
    fixed_length: int | None = None
    step: int = 1

    def padded(self, length: int) -> int:
        """The length to which a window is padded."""
        if self.fixed_length is not None:
            return self.fixed_length
        return -(-length // self.step) * self.step

    def fits(self, windows: int, length: int) -> bool:
        """Whether this many windows of this padded length fit into one batch."""
        if windows <= 1:
            return True
        return self.fixed_length is None and windows <= self.windows and windows * length <= self.tokens


def groups_of(encoded: Sequence[Encoded], limits: BatchLimits) -> list[list[int]]:
    """Cut a block into groups of whole sentences, the longest first.

    A sentence without windows is in no group. All windows of a sentence are in
    one group, so that one worker can join them. A group that is not full takes
    the next shorter sentences too: padding costs less than one more shape.

    Args:
        encoded: the sentences of a block.
        limits: of one batch.

    Returns:
        Indices into `encoded`, a list a group. Each sentence that has windows is in exactly one.
    """
    lengths = [longest_window(item) for item in encoded]
    order = sorted((at for at, length in enumerate(lengths) if length), key=lambda at: (-lengths[at], at))
    groups: list[list[int]] = []
    windows = padded = 0
    for at in order:
        more = len(encoded[at].windows)
        if not groups or not limits.fits(windows + more, padded):
            groups.append([])
            windows, padded = 0, limits.padded(lengths[at])
        groups[-1].append(at)
        windows += more
    return groups


def longest_window(encoded: Encoded) -> int:
    """Sub-tokens of the longest window of a sentence; 0 if it has none."""
    return max((len(window.input_ids) for window in encoded.windows), default=0)


def batches_of(windows: Sequence[Window], limits: BatchLimits) -> Iterator[tuple[list[int], int]]:
    """Cut a group's windows into batches for the model.

    Yields:
        Indices into `windows`, and the length to which they are padded.
    """
    order = sorted(range(len(windows)), key=lambda at: (-len(windows[at].input_ids), at))
    batch: list[int] = []
    length = 0
    for at in order:
        if batch and not limits.fits(len(batch) + 1, length):
            yield batch, length
            batch = []
        if not batch:
            length = limits.padded(len(windows[at].input_ids))
        batch.append(at)
    if batch:
        yield batch, length


def tokens_in(sentence: Sentence) -> int:
    """Tokens of a sentence; sub-tokens if it is from an npz set."""
    return len(sentence.input_ids) if sentence.input_ids is not None else len(sentence.tokens)


def blocks_of(items: Iterable[T], tokens_in: Callable[[T], int]) -> Iterator[list[T]]:
    """Cut a stream into blocks, bounded in sentences and in tokens.

    Args:
        items: in the order of the input.
        tokens_in: how many tokens an item has.
    """
    block: list[T] = []
    tokens = 0
    for item in items:
        block.append(item)
        tokens += tokens_in(item)
        if len(block) == SENTENCES_IN_BLOCK or tokens >= TOKENS_IN_BLOCK:
            yield block
            block, tokens = [], 0
    if block:
        yield block
