"""The search for an int8 recipe that is shown to lose little.

Recipes are tried in the backend's order, the expected fastest first, and the
first that passes wins: no recipe is chosen for its score, so the score of the
one that won is not the best of many draws. Passing is the gates' rule of
non-inferiority, on validation: the one-sided upper bound of the drop against
the backend's own fp32 is within what is allowed. A point estimate would do
with less data, and has chosen a recipe that the test set refused.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ner_jobs.corpus.encoding import Encoder
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.engines.base import Backend, Calibration, IntArray, Recipe, Session
from ner_jobs.inference.engine import predict_with_session
from ner_jobs.scoring.blocks import Pair
from ner_jobs.scoring.bootstrap import drop_between
from ner_jobs.scoring.counts import Counts, count
from ner_jobs.scoring.decoding import Decoder
from ner_jobs.scoring.estimate import POINT
from ner_jobs.store.artifacts import empty
from ner_jobs.task import ExitCode, PermanentError, StageError
from ner_jobs.task.parameters import QuantizationParameters

SENTENCES_BETWEEN_LOOKS = 1024
"""After so many it says how far it is, and looks whether it should stop."""

ERROR_LENGTH = 300
"""Characters of an engine's error that the table keeps; the log has all of it."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One row of the table of all that was tried.

    Attributes:
        f1: on validation, in 0..1; None where it did not run.
        drop: points below the backend's fp32; upper is its one-sided bound.
        sentences_per_second: of the model on validation, on the search's threads.
        size: bytes of what was compiled.
        passed: whether the bound is within what is allowed.
        why: the verdict in a sentence.
        error: why it could not be compiled or run, or empty.
        skipped: whether it was not tried at all, since this host cannot run it.
    """

    recipe: str
    summary: str
    f1: float | None
    drop: float | None
    upper: float | None
    sentences_per_second: float | None
    size: int
    passed: bool
    why: str
    error: str = ""
    skipped: bool = False

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.skipped:
            return "skipped"
        return "failed" if self.error else "passed" if self.passed else "refused"

    def as_json(self) -> dict[str, Any]:
        """As the artifact keeps it."""
        return {
            "name": self.recipe,
            "summary": self.summary,
            "f1": _rounded(self.f1, 6),
            "drop": _rounded(self.drop, 4),
            "bound": _rounded(self.upper, 4),
            "sentencesPerSecond": _rounded(self.sentences_per_second, 2),
            "size": self.size,
            "verdict": self.verdict,
            "why": self.why,
            "error": self.error or None,
        }


def not_tried(recipe: Recipe, why: str) -> Tried:
    """The row of a recipe whose result would not be worth anything."""
    return Tried(recipe.name, recipe.summary, None, None, None, None, 0, False, why, skipped=True)


class CalibrationWindows(Calibration):
    """The windows of a calibration set, each its own length.

    Args:
        windows: int64 (length,) each.
    """

    def __init__(self, windows: Sequence[IntArray] = ()) -> None:
        self._windows = windows

    @classmethod
    def of(cls, sentences: Iterable[Sentence], encoder: Encoder) -> "CalibrationWindows":
        """All windows of these sentences."""
        return cls(
            [window.input_ids for sentence in sentences for window in encoder.encode(sentence).windows]
        )

    def __len__(self) -> int:
        """Windows."""
        return len(self._windows)

    def __iter__(self) -> Iterator[tuple[IntArray, IntArray]]:
        """(input_ids, attention_mask), each int64 (1, length)."""
        for ids in self._windows:
            yield ids[None], np.ones_like(ids)[None]


@dataclass(frozen=True, slots=True)
class Search:
    """What every try needs.

    Attributes:
        validation: sentences with gold tags, on which recipes are judged.
        threads: of each session.
        padding: id of the padding sub-token.
    """

    backend: Backend
    exported: Path
    calibration: Calibration
    validation: Sequence[Sentence]
    encoder: Encoder
    decoder: Decoder
    quantization: QuantizationParameters
    options: Mapping[str, str]
    threads: int
    padding: int
    log: Callable[[str], None]
    progress: Callable[[float, float, str], None]
    stopping: threading.Event = field(default_factory=threading.Event)

    def reference(self, scratch: Path) -> Counts:
        """The counts of the backend's own fp32 on validation."""
        recipe = self.backend.recipes("fp32")[0]
        empty(scratch)
        self.backend.compile(self.exported, recipe, self.calibration, scratch, self.options)
        counts, speed = self._measure(self.backend.load(scratch, self.threads), "fp32")
        self.log(
            f"fp32: F1 {counts.default.micro().f1:.4f} on {len(self.validation)} validation sentences, "
            f"{speed:.0f} sentences/s"
        )
        empty(scratch)
        return counts

    def try_recipe(self, recipe: Recipe, reference: Counts, target: Path) -> Tried:
        """Compile a recipe into an emptied folder, measure it, judge it; an error is a verdict too."""
        if lacking := self.backend.lacking(recipe):
            self.log(f"{recipe.name}: skipped: {lacking}")
            return not_tried(recipe, lacking)
        empty(target)
        try:
            if recipe.needs_calibration and not len(self.calibration):
                raise PermanentError(
                    "there is no calibration sentence; give spec.data.calibration, or spec.data.train to "
                    "draw them from"
                )
            self.backend.compile(self.exported, recipe, self.calibration, target, self.options)
            session = self.backend.load(target, self.threads)
            counts, speed = self._measure(session, recipe.name)
        except (OSError, MemoryError):
            # A full disk or memory says nothing of the recipe.
            raise
        except Exception as error:
            # Three engines raise whatever they like; each is a row of the table, not the end of the search.
            if isinstance(error, StageError) and not isinstance(error, PermanentError):
                raise
            text = " ".join(str(error).split()) or type(error).__name__
            self.log(f"{recipe.name}: it cannot be compiled or run: {text}")
            short = text if len(text) <= ERROR_LENGTH else text[:ERROR_LENGTH] + "…"
            why = f"it cannot be compiled or run: {short}"
            return Tried(recipe.name, recipe.summary, None, None, None, None, 0, False, why, short)
        wanted = self.quantization
        drop = drop_between(reference, counts, wanted.confidence, wanted.resamples, wanted.seed)
        passed = drop.upper <= wanted.max_drop
        figures = (
            f"F1 {counts.default.micro().f1:.4f}, {drop.point:.2f} points below fp32 "
            f"(at most {drop.upper:.2f} with {wanted.confidence:.0%} confidence)"
        )
        why = f"{figures}: {'within' if passed else 'above'} the {wanted.max_drop:g} points that are allowed"
        self.log(f"{recipe.name}: {why}")
        size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
        return Tried(
            recipe.name,
            recipe.summary,
            counts.default.micro().f1,
            drop.point,
            drop.upper,
            speed,
            size,
            passed,
            why,
        )

    def _measure(self, session: Session, what: str) -> tuple[Counts, float]:
        """Counts on validation, and sentences a second."""
        pairs: list[Pair] = []
        seconds = 0.0
        total = len(self.validation)
        for first in range(0, total, SENTENCES_BETWEEN_LOOKS):
            if self.stopping.is_set():
                raise StageError("stopped in the search for a recipe; nothing is kept", ExitCode.TERMINATED)
            block = self.validation[first : first + SENTENCES_BETWEEN_LOOKS]
            began = time.perf_counter()
            predictions = predict_with_session(
                session, self.encoder, self.decoder, block, padding=self.padding
            )
            seconds += time.perf_counter() - began
            pairs += (
                Pair(sentence.id, sentence.tags or (), prediction.tags)
                for sentence, prediction in zip(block, predictions, strict=True)
            )
            self.progress(len(pairs), total, f"validation sentences, {what}")
        return count(pairs), total / max(seconds, 1e-9)


def best_of(tried: Sequence[Tried]) -> str:
    """The least bad try in words, for a message that says that none passed."""
    measured = [row for row in tried if row.upper is not None]
    if not measured:
        return "none of them could be run: " + "; ".join(f"{row.recipe}: {row.why}" for row in tried)
    best = min(measured, key=lambda row: row.upper if row.upper is not None else 1 / POINT)
    return f"the closest, {best.recipe}: {best.why}"


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
