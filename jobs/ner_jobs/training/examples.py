"""Windows with labels, their order, and how they become a batch."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ner_jobs.corpus.batches import shuffled_order, training_order
from ner_jobs.corpus.encoding import Encoder
from ner_jobs.corpus.padding import IntArray, pad
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.task import PermanentError
from ner_jobs.training.loss import IGNORED

LENGTH_MULTIPLE = 8
"""Batches are padded to a multiple of this many sub-tokens: fewer shapes, better kernels."""


@dataclass(frozen=True, slots=True)
class Example:
    """One window of training text.

    Attributes:
        input_ids: int64 (length,).
        labels: int64 (length,): a label at the first sub-token of each token that this window decides,
            `IGNORED` elsewhere.
        first: whether the window begins its sentence.
    """

    input_ids: IntArray
    labels: IntArray
    first: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples padded to one length.

    Attributes:
        input_ids, attention_mask, labels: int64 (batch, length).
        first: bool (batch,).
    """

    input_ids: Tensor
    attention_mask: Tensor
    labels: Tensor
    first: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        return Batch(
            **{field.name: getattr(self, field.name).to(device) for field in dataclasses.fields(self)}
        )


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
        encoded = encoder.encode(sentence)
        if encoded.too_long:
            raise PermanentError(encoder.about_too_long(sentence, encoded))
        for at, window in enumerate(encoded.windows):
            targets = np.full(len(window.input_ids), IGNORED, np.int64)
            targets[window.positions] = gold[window.tokens]
            if len(window.tokens):
                yield Example(window.input_ids, targets, first=at == 0)


def batches_of_epoch(
    examples: Sequence[Example], batch_size: int, seed: int, epoch: int, *, grouped: bool
) -> list[list[Example]]:
    """All batches of an epoch, in order: a function of the seed and the epoch alone.

    No global random state is read or changed, so a run that is resumed inside an epoch skips batches
    without an effect on dropout.

    Args:
        examples: the training set.
        batch_size: examples in a batch; the last batch may be smaller.
        seed: of the run.
        epoch: from 0.
        grouped: batches hold windows of similar length.
    """
    if grouped:
        order = training_order([len(each.input_ids) for each in examples], batch_size, seed, epoch)
    else:
        order = shuffled_order(len(examples), seed, epoch)
    return [
        [examples[at] for at in order[begin : begin + batch_size]]
        for begin in range(0, len(order), batch_size)
    ]


def collate(examples: Sequence[Example], padding: int, length: int = 0) -> Batch:
    """Pad examples to their longest window, or to a fixed length.

    Args:
        examples: of one batch.
        padding: id of the padding sub-token.
        length: in sub-tokens; 0 is the longest window, rounded up to `LENGTH_MULTIPLE`.
    """
    longest = max(len(each.input_ids) for each in examples)
    length = length or -(-longest // LENGTH_MULTIPLE) * LENGTH_MULTIPLE
    ids, mask = pad([each.input_ids for each in examples], length, padding)
    labels, _ = pad([each.labels for each in examples], length, IGNORED)
    return Batch(
        input_ids=torch.from_numpy(ids),
        attention_mask=torch.from_numpy(mask),
        labels=torch.from_numpy(labels),
        first=torch.tensor([each.first for each in examples]),
    )
