"""Windows with labels, their order, and how they become a batch."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from ner_jobs.corpus.batches import shuffled_order, training_order
from ner_jobs.corpus.encoding import Encoder
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.training.loss import IGNORED

PADDED_TO = 8
"""Batches are padded to a multiple of so many sub-tokens: fewer shapes, better kernels."""


@dataclass(frozen=True, slots=True)
class Example:
    """One window of training text.

    Attributes:
        input_ids: int64 (length,).
        labels: int64 (length,), `IGNORED` but at the first sub-tokens of the tokens that it decides.
        first: whether it begins its sentence.
    """

    input_ids: Tensor
    labels: Tensor
    first: bool


class Examples(Dataset[Example]):
    """All windows of a training set, in memory: about 1 KiB a sentence."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = list(examples)
        self.lengths = [len(example.input_ids) for example in self._examples]

    def __len__(self) -> int:
        """Windows."""
        return len(self._examples)

    def __getitem__(self, index: int) -> Example:
        """One window."""
        return self._examples[index]


def examples_of(sentences: Iterable[Sentence], encoder: Encoder, labels: Sequence[str]) -> Iterator[Example]:
    """The labelled windows of sentences: each token has its loss in exactly one of them.

    Raises:
        PermanentError: a token is longer than a window.
    """
    numbers = {label: number for number, label in enumerate(labels)}
    for sentence in sentences:
        if sentence.tags is None:
            continue
        gold = np.array([numbers[tag] for tag in sentence.tags], np.int64)
        for window in encoder.encode(sentence).windows:
            targets = np.full(len(window.input_ids), IGNORED, np.int64)
            targets[window.positions] = gold[window.tokens]
            if len(window.tokens):
                yield Example(
                    torch.from_numpy(window.input_ids), torch.from_numpy(targets), int(window.tokens[0]) == 0
                )


class EpochOrder(Sampler[int]):
    """The order of an epoch, by (seed, epoch) alone; the Trainer calls `set_epoch`."""

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int, grouped: bool) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._grouped = grouped
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Which epoch the next iteration is."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Windows in an epoch."""
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        """Indices; each run of a batch's size is a batch."""
        if self._grouped:
            return iter(training_order(self._lengths, self._batch_size, self._seed, self._epoch))
        return iter(shuffled_order(len(self._lengths), self._seed, self._epoch))


class Collator:
    """Pads a batch to its longest window, or to a fixed length.

    Args:
        padding: id of the padding sub-token.
        length: pad to this many sub-tokens; 0 pads to the longest, rounded up to `PADDED_TO`.
    """

    def __init__(self, padding: int, length: int = 0) -> None:
        self._padding = padding
        self._length = length

    def __call__(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask`, `labels` int64 (batch, length), `first` bool (batch,)."""
        longest = max(len(example.input_ids) for example in examples)
        length = self._length or -(-longest // PADDED_TO) * PADDED_TO
        shape = (len(examples), length)
        ids = torch.full(shape, self._padding)
        mask = torch.zeros(shape, dtype=torch.int64)
        labels = torch.full(shape, IGNORED)
        for row, example in enumerate(examples):
            real = len(example.input_ids)
            ids[row, :real] = example.input_ids
            mask[row, :real] = 1
            labels[row, :real] = example.labels
        first = torch.tensor([example.first for example in examples])
        return {"input_ids": ids, "attention_mask": mask, "labels": labels, "first": first}
