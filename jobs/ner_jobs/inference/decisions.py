"""From windows to tags, entities and scores: the model's part of inference.

A `Decider` holds a session and a decoder and takes groups of encoded
sentences. It is what a worker of the pool runs, what `nerd predict` runs and
what the search for an int8 recipe runs on validation; it knows no text, no
file and no other worker.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ner_jobs.corpus.encoding import Encoded, Window
from ner_jobs.corpus.padding import pad
from ner_jobs.engines.base import Session
from ner_jobs.inference.batching import BatchLimits, batches_of
from ner_jobs.scoring.decoding import Decoder
from ner_jobs.scoring.spans import spans_of
from ner_jobs.task import ExitCode, PermanentError

FloatArray = npt.NDArray[np.float32]

SCORE_DIGITS = 6
"""Digits of a score that are kept: what float32 holds of a probability."""


@dataclass(frozen=True, slots=True)
class ScoredEntity:
    """A span in token positions, end exclusive, and the mean probability of its tokens' tags."""

    start: int
    end: int
    type: str
    score: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What the model says of one sentence.

    Attributes:
        tags: IOB2, one a token.
        entities: in order, exactly the spans that `spans_of` reads in `tags`.
        logits: float32 (length, labels) of each window, where they were asked for.
    """

    tags: tuple[str, ...]
    entities: tuple[ScoredEntity, ...]
    logits: tuple[FloatArray, ...] = ()


class Decider:
    """A session with its decoder.

    Args:
        session: a loaded model.
        decoder: of the model's labels.
        limits: of a batch; lengths are the session's to say.
        padding: id of the padding sub-token.
    """

    def __init__(
        self, session: Session, decoder: Decoder, limits: BatchLimits | None = None, padding: int = 0
    ) -> None:
        chosen = limits or BatchLimits()
        self.limits = replace(chosen, fixed_length=session.fixed_length, step=session.length_step)
        self._session = session
        self._decoder = decoder
        self._padding = padding

    def decide(self, encoded: Sequence[Encoded]) -> list[Decision]:
        """Decide a group of sentences, in the order given."""
        return self._decide(encoded, self._logits(encoded), keep=False)

    def decide_and_keep_logits(self, encoded: Sequence[Encoded]) -> list[Decision]:
        """The same, with each window's logits."""
        return self._decide(encoded, self._logits(encoded), keep=True)

    def _logits(self, encoded: Sequence[Encoded]) -> list[list[FloatArray]]:
        """Logits of each sentence's windows: float32 (length of the window, labels)."""
        windows = [window for item in encoded for window in item.windows]
        found: list[FloatArray] = [np.zeros((0, 0), np.float32)] * len(windows)
        for places, length in batches_of(windows, self.limits):
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

    def _decide(
        self, encoded: Sequence[Encoded], logits: Sequence[Sequence[FloatArray]], keep: bool
    ) -> list[Decision]:
        outside = self._decoder.outside
        known = [at for at, item in enumerate(encoded) if item.windows]
        rows = [encoded[at].scatter(logits[at], outside) for at in known]
        numbers = self._decoder.decode_many(rows)
        chosen = chosen_probabilities(rows, numbers)
        labels = self._decoder.labels
        decisions = [Decision((labels[outside],) * item.token_count, ()) for item in encoded]
        for at, tag_numbers, probabilities in zip(known, numbers, chosen, strict=True):
            tags = tuple(labels[number] for number in tag_numbers.tolist())
            decisions[at] = Decision(
                tags, scored_entities(tags, probabilities), tuple(logits[at]) if keep else ()
            )
        return decisions


def chosen_probabilities(
    rows: Sequence[FloatArray], numbers: Sequence[npt.NDArray[np.int64]]
) -> list[npt.NDArray[np.float64]]:
    """Softmax probability of each token's tag, over many sentences in one step.

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


def scored_entities(tags: Sequence[str], probabilities: npt.NDArray[np.float64]) -> tuple[ScoredEntity, ...]:
    """The spans that are scored, each with the mean probability of its tags."""
    return tuple(
        ScoredEntity(
            span.start,
            span.end,
            span.type,
            round(float(probabilities[span.start : span.end].mean()), SCORE_DIGITS),
        )
        for span in spans_of(tags)
    )
