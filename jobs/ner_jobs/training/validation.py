"""Entity F1 of a model in training, on the path that inference takes: same windows, same decoding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ner_jobs.corpus.encoding import Encoder
from ner_jobs.corpus.padding import pad
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.scoring.blocks import Pair
from ner_jobs.scoring.counts import count
from ner_jobs.scoring.decoding import Decoder
from ner_jobs.task.parameters import Decoding

WINDOWS_IN_BATCH = 32
"""Windows of nearly one length that go through the model together."""


@dataclass(frozen=True, slots=True)
class ValidationScore:
    """Entity F1 (micro, seqeval's default mode) by both decodings, in 0..1."""

    constrained: float
    argmax: float

    def by(self, decoding: Decoding) -> float:
        """The F1 of one decoding."""
        return self.constrained if decoding == "constrained" else self.argmax


class Validation:
    """A validation set, encoded once.

    Args:
        sentences: with gold tags.
        encoder: of the base model.
        labels: in the order of the logits.
        padding: id of the padding sub-token.
    """

    def __init__(
        self, sentences: Sequence[Sentence], encoder: Encoder, labels: Sequence[str], padding: int
    ) -> None:
        self._gold = [(sentence.id, sentence.tags or ()) for sentence in sentences]
        self._encoded = encoder.encode_batch(sentences)
        self._labels = tuple(labels)
        self._padding = padding
        windows = [(row, at) for row, item in enumerate(self._encoded) for at in range(len(item.windows))]
        self._order = sorted(windows, key=lambda place: -len(self._window_ids(place)))

    def score(self, model: nn.Module) -> ValidationScore:
        """Score a model in fp32; leaves it in the mode (train, eval) in which it was."""
        training = model.training
        model.eval()
        windows: list[list[np.ndarray]] = [[np.empty(0)] * len(item.windows) for item in self._encoded]
        with torch.inference_mode():
            for places, ids, mask in self._batches(next(model.parameters()).device):
                values = model(input_ids=ids, attention_mask=mask).logits.float().cpu().numpy()
                for row, (sentence, at) in enumerate(places):
                    windows[sentence][at] = values[row]
        model.train(training)
        outside = self._labels.index("O")
        logits = [item.scatter(rows, outside) for item, rows in zip(self._encoded, windows, strict=True)]
        return ValidationScore(constrained=self._f1(logits, "constrained"), argmax=self._f1(logits, "argmax"))

    def _window_ids(self, place: tuple[int, int]) -> np.ndarray:
        return self._encoded[place[0]].windows[place[1]].input_ids

    def _batches(
        self, device: torch.device
    ) -> Iterator[tuple[list[tuple[int, int]], torch.Tensor, torch.Tensor]]:
        for begin in range(0, len(self._order), WINDOWS_IN_BATCH):
            places = self._order[begin : begin + WINDOWS_IN_BATCH]
            length = len(self._window_ids(places[0]))
            ids, mask = map(
                torch.from_numpy, pad([self._window_ids(place) for place in places], length, self._padding)
            )
            yield places, ids.to(device), mask.to(device)

    def _f1(self, logits: Sequence[np.ndarray], decoding: Decoding) -> float:
        decoded = Decoder(self._labels, decoding).decode_many(logits)
        pairs = (
            Pair(name, gold, [self._labels[number] for number in numbers])
            for (name, gold), numbers in zip(self._gold, decoded, strict=True)
        )
        return count(pairs).default.micro().f1
