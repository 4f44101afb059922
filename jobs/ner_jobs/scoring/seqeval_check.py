"""Every evaluation compares our counts with those of seqeval, on its first 10,000 sentences.

We have a counter of our own because it is faster and needs less memory. Most
predicted tag sequences equal the gold ones, so each distinct sequence is read
once.
"""

from collections import Counter as Multiset
from collections.abc import Sequence

from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities

from ner_jobs.scoring.blocks import Pair
from ner_jobs.scoring.counts import Counts, Table
from ner_jobs.task import ExitCode, PermanentError

SENTENCES = 10_000
OUTSIDE = "O"

_Spans = frozenset[tuple[str, int, int]]
_NOTHING: tuple[_Spans, _Spans] = frozenset(), frozenset()
_Triples = list[tuple[Multiset[str], Multiset[str], Multiset[str]]]


class SeqevalCheck:
    """Reads sentences with seqeval, and compares with our counts at the end.

    Args:
        sentences: how many are checked; later ones are ignored.
    """

    def __init__(self, sentences: int = SENTENCES) -> None:
        self._left = sentences
        self._ids: list[str] = []
        self._read: dict[tuple[str, ...], tuple[_Spans, _Spans]] = {}
        self._default: _Triples = []
        self._strict: _Triples = []

    def add(self, pairs: Sequence[Pair]) -> None:
        """Read sentences with seqeval, in the order in which they are counted."""
        for pair in pairs[: self._left]:
            gold, predicted = self._entities(tuple(pair.gold)), self._entities(tuple(pair.predicted))
            self._ids.append(pair.id)
            self._default.append(_triple(gold[0], predicted[0]))
            self._strict.append(_triple(gold[1], predicted[1]))
        self._left = max(0, self._left - len(pairs))
        if not self._left:
            self._read.clear()

    def compare(self, counts: Counts) -> int:
        """Compare our counts with seqeval's, sentence by sentence and type by type.

        Returns:
            The number of sentences that were compared.

        Raises:
            PermanentError: they differ (an error of this program, named by its sentence).
        """
        for mode, table, triples in (
            ("default", counts.default, self._default),
            ("strict", counts.strict, self._strict),
        ):
            self._compare(mode, table, triples, counts.types)
        return len(self._ids)

    def _compare(self, mode: str, table: Table, triples: _Triples, types: tuple[str, ...]) -> None:
        ours = (table.true_positive.tolist(), table.predicted.tolist(), table.gold.tolist())
        for at, triple in enumerate(triples):
            for name, rows, theirs in zip(("true positives", "predicted", "gold"), ours, triple, strict=True):
                row = dict(zip(types, rows[at], strict=True))
                if any(row[kind] != theirs[kind] for kind in types) or set(theirs) - set(types):
                    raise PermanentError(
                        f"{self._ids[at]}: our count of {name} in {mode} mode is {row}, seqeval's is "
                        f"{dict(theirs)}; this is an error of nerdeployment: please report it with "
                        "the sentence",
                        ExitCode.SOFTWARE,
                    )

    def _entities(self, tags: tuple[str, ...]) -> tuple[_Spans, _Spans]:
        """In default mode and in strict mode, by position."""
        if tags.count(OUTSIDE) == len(tags):
            return _NOTHING
        # Before the first and after the last tag that is not O, there is no entity in either mode.
        first, last = 0, len(tags)
        while tags[first] == OUTSIDE:
            first += 1
        while tags[last - 1] == OUTSIDE:
            last -= 1
        default, strict = self._read_once(tags[first:last])
        return _moved(default, first), _moved(strict, first)

    def _read_once(self, tags: tuple[str, ...]) -> tuple[_Spans, _Spans]:
        if (known := self._read.get(tags)) is not None:
            return known
        listed = list(tags)
        default = frozenset(get_entities(listed))
        strict = frozenset(
            (entity.tag, entity.start, entity.end) for entity in Entities([listed], IOB2).entities[0]
        )
        self._read[tags] = default, strict
        return default, strict


def _moved(spans: _Spans, by: int) -> _Spans:
    return frozenset((kind, start + by, end + by) for kind, start, end in spans)


def _triple(gold: _Spans, predicted: _Spans) -> tuple[Multiset[str], Multiset[str], Multiset[str]]:
    return _by_type(gold & predicted), _by_type(predicted), _by_type(gold)


def _by_type(spans: _Spans) -> Multiset[str]:
    return Multiset(kind for kind, _, _ in spans)
