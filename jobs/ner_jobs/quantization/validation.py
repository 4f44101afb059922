"""Validation sentences on which recipes are measured, on the path that inference takes."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ner_jobs.corpus.encoding import Encoder
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.engines.base import Session
from ner_jobs.inference.predictor import Predictor
from ner_jobs.scoring.blocks import Pair
from ner_jobs.scoring.counts import Counts, count
from ner_jobs.scoring.decoding import Decoder
from ner_jobs.task import ExitCode, PermanentError

SENTENCES_AT_ONCE = 1024
"""Sentences between two reports of progress."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """How a session did on validation.

    Attributes:
        counts: of its entities.
        sentences_per_second: of the model, without reading and tokenising.
    """

    counts: Counts
    sentences_per_second: float

    @property
    def f1(self) -> float:
        """Entity F1, micro, in 0..1."""
        return self.counts.default.micro().f1


class ValidationSet:
    """Sentences with gold tags, encoded once.

    Args:
        sentences: those without tags are left out.
        encoder: of the model.
        decoder: for the model's labels.
        padding: id of the padding sub-token.

    Raises:
        PermanentError: no sentence has tags.
    """

    def __init__(
        self, sentences: Iterable[Sentence], encoder: Encoder, decoder: Decoder, padding: int
    ) -> None:
        self._sentences = [sentence for sentence in sentences if sentence.tags]
        if not self._sentences:
            raise PermanentError(
                "int8 is judged on validation sentences with tags, and there are none; give "
                "spec.data.validation or spec.data.train, or choose another precision",
                ExitCode.DATA,
            )
        self._encoded = encoder.encode_batch(self._sentences)
        self._decoder = decoder
        self._padding = padding

    def __len__(self) -> int:
        """Sentences."""
        return len(self._sentences)

    def measure(self, session: Session, progressed: Callable[[int], None]) -> Measurement:
        """Predict every sentence and count.

        Args:
            session: a loaded model.
            progressed: called with the number of sentences that are done; may raise to end it.
        """
        predictor = Predictor(session, self._decoder, padding=self._padding)
        pairs: list[Pair] = []
        seconds = 0.0
        for first in range(0, len(self), SENTENCES_AT_ONCE):
            progressed(first)
            part = slice(first, first + SENTENCES_AT_ONCE)
            began = time.perf_counter()
            predictions = predictor.predict(self._encoded[part])
            seconds += time.perf_counter() - began
            pairs += (
                Pair(sentence.id, sentence.tags or (), prediction.tags)
                for sentence, prediction in zip(self._sentences[part], predictions, strict=True)
            )
        return Measurement(count(pairs), len(self) / max(seconds, 1e-9))
