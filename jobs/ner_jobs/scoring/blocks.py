"""Many sentences as a few flat arrays, so that NumPy reads entities instead of a loop.

Two thousand sentences at a time become two arrays of tag codes, gold and
predicted, with an O after each sentence. A few comparisons find the entities
of all of them. Counting and confusion use these blocks, so a set of any size
needs bounded memory.

An entity in seqeval's strict IOB2 mode is an entity in its default mode that
begins with B-, so entities are read once for both.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import numpy.typing as npt

from ner_jobs.task import PermanentError

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

SENTENCES_IN_BLOCK = 2048
OUTSIDE = 0


@dataclass(frozen=True, slots=True)
class Pair:
    """One sentence's gold and predicted tags, IOB2, one a token each."""

    id: str
    gold: Sequence[str]
    predicted: Sequence[str]


class TagTable(dict[str, int]):
    """Tag to code: O is 0, `B-` of type k is 2k + 1, `I-` of type k is 2k + 2; new types are added.

    Args:
        types: known entity types; they keep this order, new ones follow.
    """

    def __init__(self, types: Iterable[str] = ()) -> None:
        super().__init__(O=OUTSIDE)
        self.types: list[str] = []
        for name in types:
            self._learn(name)

    def __missing__(self, tag: str) -> int:
        prefix, _, name = tag.partition("-")
        if prefix not in ("B", "I") or not name:
            raise PermanentError(f"{tag!r} is no IOB2 tag: write O, B-TYPE or I-TYPE")
        self._learn(name)
        return self[tag]

    def _learn(self, name: str) -> None:
        if f"B-{name}" in self:
            return
        self[f"B-{name}"] = 2 * len(self.types) + 1
        self[f"I-{name}"] = 2 * len(self.types) + 2
        self.types.append(name)


@dataclass(frozen=True, slots=True)
class Spans:
    """Gold or predicted entities of a block, in reading order; arrays of one length.

    Attributes:
        start, end: flat positions in the block, end exclusive.
        kind: number of the entity type.
        strict: begins with B-, so that it is an entity in strict IOB2 too.
    """

    start: IntArray
    end: IntArray
    kind: IntArray
    strict: BoolArray


def read_spans(codes: IntArray) -> Spans:
    """Entities in seqeval's default mode.

    Args:
        codes: int64 (positions,), tag codes of sentences, each followed by O.
    """
    kind = (codes - 1) // 2
    before = np.empty_like(kind)
    before[:1] = -1
    before[1:] = kind[:-1]
    opening = codes % 2 == 1
    starts = (kind >= 0) & (opening | (kind != before))
    ends = (before >= 0) & ((kind < 0) | starts)
    first = np.flatnonzero(starts)
    return Spans(first, np.flatnonzero(ends), kind[first], opening[first])


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive sentences with gold and predicted entities.

    Attributes:
        ids: one for each sentence.
        lengths: int64 (sentences,), tokens.
        sentence: int64 (positions,), number of the sentence of a flat position.
        gold_codes, predicted_codes: int64 (positions,), an O after each sentence.
        found: bool (predicted entities,): gold has the same span and type.
        found_strict: the same, and both are entities in strict IOB2.
    """

    ids: tuple[str, ...]
    lengths: IntArray
    sentence: IntArray
    gold_codes: IntArray
    predicted_codes: IntArray
    gold: Spans
    predicted: Spans
    found: BoolArray
    found_strict: BoolArray


def blocks_of(pairs: Iterable[Pair], table: TagTable, size: int = SENTENCES_IN_BLOCK) -> Iterator[Block]:
    """Cut a stream of sentences into blocks.

    Args:
        pairs: gold and prediction of each sentence.
        table: gets the types that it does not know.
        size: sentences in a block; it changes no result.

    Raises:
        PermanentError: gold and prediction differ in length, or a tag is no IOB2 tag.
    """
    stream = iter(pairs)
    while chunk := list(islice(stream, size)):
        yield block_of(chunk, table)


def block_of(chunk: Sequence[Pair], table: TagTable) -> Block:
    """Code some sentences and read their entities.

    Args:
        chunk: gold and prediction of each sentence.
        table: gets the types that it does not know.

    Raises:
        PermanentError: gold and prediction differ in length, or a tag is no IOB2 tag.
    """
    for pair in chunk:
        if len(pair.gold) != len(pair.predicted):
            raise PermanentError(
                f"{pair.id}: {len(pair.predicted)} predicted tags for {len(pair.gold)} tokens; "
                "the predictions were made from other data"
            )
    lengths = np.array([len(pair.gold) for pair in chunk], np.int64)
    gold_codes = _codes((pair.gold for pair in chunk), table)
    predicted_codes = _codes((pair.predicted for pair in chunk), table)
    gold = read_spans(gold_codes)
    predicted = read_spans(predicted_codes)
    # At most one gold entity begins at a position, so at most one can equal a predicted entity.
    gold_at = np.full(len(gold_codes), -1, np.int64)
    gold_at[gold.start] = np.arange(len(gold.start))
    rival = gold_at[predicted.start]
    found = rival >= 0
    if len(gold.start):
        found &= (gold.end[rival] == predicted.end) & (gold.kind[rival] == predicted.kind)
        found_strict = found & predicted.strict & gold.strict[rival]
    else:
        found_strict = found.copy()
    return Block(
        ids=tuple(pair.id for pair in chunk),
        lengths=lengths,
        sentence=np.repeat(np.arange(len(chunk)), lengths + 1),
        gold_codes=gold_codes,
        predicted_codes=predicted_codes,
        gold=gold,
        predicted=predicted,
        found=found,
        found_strict=found_strict,
    )


def _codes(sentences: Iterable[Sequence[str]], table: TagTable) -> IntArray:
    ended = chain.from_iterable(chain(tags, ("O",)) for tags in sentences)
    return np.fromiter(map(table.__getitem__, ended), np.int64)


class IdDigest:
    """SHA-256 over sentence ids in order: sets of counts may be paired if it is equal."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, ids: Iterable[str]) -> None:
        """Add the next ids."""
        self._hash.update("".join(f"{name}\n" for name in ids).encode())

    def hex(self) -> str:
        """The digest so far, 64 hexadecimal digits."""
        return self._hash.hexdigest()
