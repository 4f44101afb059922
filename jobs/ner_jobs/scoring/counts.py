"""Counts by sentence: every score, interval and gate is computed from them.

`evaluate` stores, for each sentence and entity type, how many entities were
predicted, how many are in gold, and how many are in both. Scores are computed
from sums of them, the bootstrap from weighted sums. So the predictions are not
needed again for another type, variant or confidence.

`f1` is seqeval's default mode, micro-averaged; `f1Strict` its strict mode with
IOB2. seqeval itself is not used, because it holds every entity of a set in
memory; a property test and `ner_jobs.scoring.seqeval_check` hold the two equal.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ner_jobs.scoring.blocks import Block, BoolArray, IdDigest, IntArray, Pair, Spans, TagTable, blocks_of
from ner_jobs.task import PermanentError

CountArray = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]
Formula = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
"""A score in 0..1 of true positives, predicted and gold entities, elementwise."""

FILE = "counts.npz"


def ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Part of the whole, elementwise; nothing of nothing is 0, as in seqeval."""
    return np.divide(part, whole, out=np.zeros_like(part, np.float64), where=whole > 0)


def f1(true_positive: FloatArray, predicted: FloatArray, gold: FloatArray) -> FloatArray:
    """The harmonic mean of precision and recall."""
    return ratio(2 * true_positive, predicted + gold)


def precision(true_positive: FloatArray, predicted: FloatArray, gold: FloatArray) -> FloatArray:
    """The part of the predicted entities that are right."""
    return ratio(true_positive, predicted)


def recall(true_positive: FloatArray, predicted: FloatArray, gold: FloatArray) -> FloatArray:
    """The part of the gold entities that were found."""
    return ratio(true_positive, gold)


@dataclass(frozen=True, slots=True)
class Score:
    """Three counts, and the scores that follow from them."""

    true_positive: int
    predicted: int
    gold: int

    @property
    def precision(self) -> float:
        """In 0..1."""
        return self.by(precision)

    @property
    def recall(self) -> float:
        """In 0..1."""
        return self.by(recall)

    @property
    def f1(self) -> float:
        """In 0..1."""
        return self.by(f1)

    def by(self, formula: Formula) -> float:
        """The score that a formula makes of the counts."""
        return float(formula(*np.array([[self.true_positive], [self.predicted], [self.gold]], np.float64))[0])


@dataclass(frozen=True, slots=True)
class Table:
    """One mode's counts: int32 (sentences, types) each."""

    true_positive: CountArray
    predicted: CountArray
    gold: CountArray

    def micro(self) -> Score:
        """Over all types."""
        return Score(int(self.true_positive.sum()), int(self.predicted.sum()), int(self.gold.sum()))

    def of(self, kind: int) -> Score:
        """Of one type, by its number."""
        return Score(
            int(self.true_positive[:, kind].sum()),
            int(self.predicted[:, kind].sum()),
            int(self.gold[:, kind].sum()),
        )

    def errors(self) -> IntArray:
        """int64 (sentences,): entities missed plus entities invented, over all types."""
        wrong = self.predicted.astype(np.int64) + self.gold - 2 * self.true_positive
        return np.asarray(wrong.sum(axis=1), np.int64)


@dataclass(frozen=True, slots=True)
class Counts:
    """All counts of one variant on one set.

    Attributes:
        types: names of the tables' columns.
        default, strict: seqeval's default mode, and its strict mode with IOB2.
        correct, tokens: int32 (sentences,): tokens whose tag is right, and all.
        ids: digest of the sentence ids in order (`IdDigest`).
    """

    types: tuple[str, ...]
    default: Table
    strict: Table
    correct: CountArray
    tokens: CountArray
    ids: str

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def accuracy(self) -> float:
        """The part of the tokens whose tag is right; 0 if there are none."""
        total = int(self.tokens.sum())
        return int(self.correct.sum()) / total if total else 0.0

    def save(self, folder: Path) -> None:
        """Write `counts.npz`; equal counts give equal bytes."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            folder / FILE,
            types=np.array(self.types, dtype=np.str_),
            true_positive=self.default.true_positive,
            predicted=self.default.predicted,
            gold=self.default.gold,
            strict_true_positive=self.strict.true_positive,
            strict_predicted=self.strict.predicted,
            strict_gold=self.strict.gold,
            correct=self.correct,
            tokens=self.tokens,
            ids=np.array(self.ids),
        )

    @classmethod
    def load(cls, folder: Path) -> "Counts":
        """Read what `save` wrote.

        Raises:
            PermanentError: the file is not such counts.
        """
        path = folder / FILE
        try:
            with np.load(path, allow_pickle=False) as stored:
                return cls(
                    types=tuple(str(name) for name in stored["types"]),
                    default=Table(stored["true_positive"], stored["predicted"], stored["gold"]),
                    strict=Table(
                        stored["strict_true_positive"], stored["strict_predicted"], stored["strict_gold"]
                    ),
                    correct=stored["correct"],
                    tokens=stored["tokens"],
                    ids=str(stored["ids"]),
                )
        except (OSError, ValueError, KeyError) as error:
            raise PermanentError(f"{path} holds no counts of an evaluate stage: {error}") from error

    def aligned_to(self, types: tuple[str, ...]) -> "Counts":
        """The same counts with these columns; a type that did not occur has zeros.

        Raises:
            PermanentError: a counted type would be lost.
        """
        if types == self.types:
            return self
        lost = set(self.types) - set(types)
        if lost:
            raise PermanentError(f"entity types {sorted(lost)} are counted here and missing there")
        places = [types.index(name) for name in self.types]

        def widen(array: CountArray) -> CountArray:
            wide = np.zeros((len(array), len(types)), np.int32)
            wide[:, places] = array
            return wide

        def table(old: Table) -> Table:
            return Table(widen(old.true_positive), widen(old.predicted), widen(old.gold))

        return Counts(types, table(self.default), table(self.strict), self.correct, self.tokens, self.ids)


class Counter:
    """Adds up blocks; needs a few dozen bytes a sentence.

    Args:
        table: the one that the blocks were coded with.
    """

    def __init__(self, table: TagTable) -> None:
        self._table = table
        self._ids = IdDigest()
        # One item for each block; later blocks may have more types.
        self._default: list[tuple[CountArray, CountArray, CountArray]] = []
        self._strict: list[tuple[CountArray, CountArray, CountArray]] = []
        self._tokens: list[tuple[CountArray, CountArray]] = []

    def add(self, block: Block) -> None:
        """Count one more block."""
        gold, predicted, kinds = block.gold, block.predicted, len(self._table.types)

        def count(spans: Spans, chosen: BoolArray) -> CountArray:
            cells = block.sentence[spans.start[chosen]] * kinds + spans.kind[chosen]
            counted = np.bincount(cells, minlength=len(block.ids) * kinds)
            return counted.reshape(len(block.ids), kinds).astype(np.int32)

        all_predicted = np.ones(len(predicted.start), bool)
        all_gold = np.ones(len(gold.start), bool)
        self._default.append(
            (count(predicted, block.found), count(predicted, all_predicted), count(gold, all_gold))
        )
        self._strict.append(
            (
                count(predicted, block.found_strict),
                count(predicted, predicted.strict),
                count(gold, gold.strict),
            )
        )
        equal = block.gold_codes == block.predicted_codes
        # The O after each sentence is equal on both sides and no token.
        correct = np.bincount(block.sentence[equal], minlength=len(block.ids)) - 1
        self._tokens.append((correct.astype(np.int32), block.lengths.astype(np.int32)))
        self._ids.add(block.ids)

    def counts(self) -> Counts:
        """All that was added so far."""
        types = tuple(self._table.types)
        return Counts(
            types=types,
            default=_joined(self._default, len(types)),
            strict=_joined(self._strict, len(types)),
            correct=_concatenated([correct for correct, _ in self._tokens]),
            tokens=_concatenated([tokens for _, tokens in self._tokens]),
            ids=self._ids.hex(),
        )


def count(pairs: Iterable[Pair], types: Iterable[str] = ()) -> Counts:
    """Count a stream of sentences in bounded memory.

    Args:
        pairs: gold and prediction of each sentence.
        types: known entity types, in the order of the columns; others follow.

    Raises:
        PermanentError: gold and prediction differ in length, or a tag is no IOB2 tag.
    """
    table = TagTable(types)
    counter = Counter(table)
    for block in blocks_of(pairs, table):
        counter.add(block)
    return counter.counts()


def _joined(blocks: list[tuple[CountArray, CountArray, CountArray]], kinds: int) -> Table:
    total = sum(len(block[0]) for block in blocks)
    arrays = [np.zeros((total, kinds), np.int32) for _ in range(3)]
    at = 0
    for block in blocks:
        for array, part in zip(arrays, block, strict=True):
            array[at : at + len(part), : part.shape[1]] = part
        at += len(block[0])
    return Table(*arrays)


def _concatenated(parts: list[CountArray]) -> CountArray:
    return np.concatenate(parts) if parts else np.zeros(0, np.int32)
