"""From windows to tags, entities and scores: the one path through a model.

A `Predictor` is a session with a decoder. The pool's workers, `nerd predict`,
the search for an int8 recipe and the benchmark all use it. It knows no text,
no file and no other process.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ner_jobs.corpus.encoding import Encoded, Window
from ner_jobs.corpus.padding import pad
from ner_jobs.corpus.tags import OUTSIDE
from ner_jobs.engines.base import FloatArray, Session
from ner_jobs.inference.batching import BatchLimits, batches_of, groups_of
from ner_jobs.scoring.decoding import Decoder
from ner_jobs.scoring.spans import spans_of
from ner_jobs.task import ExitCode, PermanentError

SCORE_DIGITS = 6
"""Digits of a score that are kept: float32 has no more of a probability."""


@dataclass(frozen=True, slots=True)
class ScoredEntity:
    """A span in token positions, end exclusive, and the mean probability of its tokens' tags."""

    start: int
    end: int
    type: str
    score: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says about one sentence.

    Attributes:
        tags: IOB2, one a token.
        entities: in order, exactly the spans that `spans_of` reads in `tags`.
        logits: float32 (length, labels) of each window, if the predictor keeps them.
    """

    tags: tuple[str, ...]
    entities: tuple[ScoredEntity, ...] = ()
    logits: tuple[FloatArray, ...] = ()


def prediction_without_windows(encoded: Encoded) -> Prediction:
    """O for every token: the prediction for a sentence that has nothing for the model to read."""
    return Prediction((OUTSIDE,) * encoded.token_count)


class Predictor:
    """A session with its decoder.

    Args:
        session: a loaded model; it also says to which lengths windows are padded.
        decoder: for the model's labels.
        limits: of a batch.
        padding: id of the padding sub-token.
        keep_logits: whether predictions carry their windows' logits.
    """

    def __init__(
        self,
        session: Session,
        decoder: Decoder,
        limits: BatchLimits | None = None,
        padding: int = 0,
        keep_logits: bool = False,
    ) -> None:
        self._limits = replace(
            limits or BatchLimits(), fixed_length=session.fixed_length, step=session.length_step
        )
        self._session = session
        self._decoder = decoder
        self._padding = padding
        self._keep_logits = keep_logits

    def predict(self, encoded: Sequence[Encoded]) -> list[Prediction]:
        """Predict any number of sentences. They are grouped by length; the result has the order given."""
        groups = groups_of(encoded, self._limits)
        groups.append([at for at, item in enumerate(encoded) if not item.windows])
        found: dict[int, Prediction] = {}
        for group in groups:
            found |= zip(group, self.predict_group([encoded[at] for at in group]), strict=True)
        return [found[at] for at in range(len(encoded))]

    def predict_group(self, encoded: Sequence[Encoded]) -> list[Prediction]:
        """Predict the sentences of one group (`groups_of`), in the order given."""
        return decode(encoded, self.logits(encoded), self._decoder, self._keep_logits)

    def logits(self, encoded: Sequence[Encoded]) -> list[list[FloatArray]]:
        """Logits of each sentence's windows: float32 (length of the window, labels) each."""
        windows = [window for item in encoded for window in item.windows]
        found: list[FloatArray] = [np.zeros((0, 0), np.float32)] * len(windows)
        for places, length in batches_of(windows, self._limits):
            values = self._run([windows[at] for at in places], length)
            for row, at in enumerate(places):
                found[at] = values[row, : len(windows[at].input_ids)]
        rest = iter(found)
        return [[next(rest) for _ in item.windows] for item in encoded]

    def _run(self, windows: Sequence[Window], length: int) -> FloatArray:
        longest = max(len(window.input_ids) for window in windows)
        if longest > length:
            raise PermanentError(
                f"a window has {longest} sub-tokens, this model takes {length}: it was exported for another "
                "spec.model.maxLength",
                ExitCode.SOFTWARE,
            )
        ids, mask = pad([window.input_ids for window in windows], length, self._padding)
        return self._session.run(ids, mask)


def decode(
    encoded: Sequence[Encoded],
    logits: Sequence[Sequence[FloatArray]],
    decoder: Decoder,
    keep_logits: bool = False,
) -> list[Prediction]:
    """Turn logits into predictions.

    Args:
        encoded: sentences.
        logits: of each sentence's windows: float32 (length of the window, labels) each.
        decoder: for the model's labels.
        keep_logits: whether the predictions carry them.
    """
    known = [at for at, item in enumerate(encoded) if item.windows]
    rows = [encoded[at].rows(logits[at], decoder.outside) for at in known]
    numbers = decoder.decode_many(rows)
    chosen = chosen_probabilities(rows, numbers)
    predictions = [prediction_without_windows(item) for item in encoded]
    for at, tag_numbers, probabilities in zip(known, numbers, chosen, strict=True):
        tags = tuple(decoder.labels[number] for number in tag_numbers.tolist())
        predictions[at] = Prediction(
            encoded[at].fill_in(tags),
            scored_entities(tags, probabilities, encoded[at].decided),
            tuple(logits[at]) if keep_logits else (),
        )
    return predictions


def chosen_probabilities(
    rows: Sequence[FloatArray], numbers: Sequence[npt.NDArray[np.int64]]
) -> list[npt.NDArray[np.float64]]:
    """Softmax probability of each token's tag, computed for many sentences at once.

    Args:
        rows: a sentence each: float32 (tokens, labels).
        numbers: a sentence each: int64 (tokens,), the label that was chosen.

    Returns:
        float64 (tokens,) each, in 0..1.
    """
    if not rows:
        return []
    values = np.concatenate(rows).astype(np.float64)
    values -= values.max(-1, keepdims=True)
    np.exp(values, out=values)
    chosen = values[np.arange(len(values)), np.concatenate(numbers)] / values.sum(-1)
    return np.split(chosen, np.cumsum([len(row) for row in rows])[:-1])


def scored_entities(
    tags: Sequence[str], probabilities: npt.NDArray[np.float64], tokens: npt.NDArray[np.int64]
) -> tuple[ScoredEntity, ...]:
    """The spans that are scored, each with the mean probability of its tags.

    Args:
        tags: IOB2, one for each token that the model decided.
        probabilities: float64, of these tags.
        tokens: int64, ascending: the positions of these tokens in the sentence.
    """
    return tuple(
        ScoredEntity(
            int(tokens[span.start]),
            int(tokens[span.end - 1]) + 1,
            span.type,
            round(float(probabilities[span.start : span.end].mean()), SCORE_DIGITS),
        )
        for span in spans_of(tags)
    )
