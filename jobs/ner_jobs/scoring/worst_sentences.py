"""The sentences with most errors, and those with the largest differences between variants.

They are kept in a bounded heap while the set is read, so memory does not grow
with the set.
"""

import heapq
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner_jobs.corpus.sentence import Sentence
from ner_jobs.scoring.spans import spans_of

KEPT = 200

SpanTuple = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class ErrorExample:
    """One sentence with what was expected and what was found.

    Attributes:
        tokens: text, or token numbers for a set without text.
        gold, predicted, reference: (start, end, type), token positions; `reference` is None
            if nothing is compared.
        errors: entities missed plus entities invented.
    """

    id: str
    tokens: tuple[str, ...]
    gold: tuple[SpanTuple, ...]
    predicted: tuple[SpanTuple, ...]
    reference: tuple[SpanTuple, ...] | None
    errors: int
    reference_errors: int | None

    def to_json(self) -> dict[str, Any]:
        """One line of `worst.jsonl` or `differences.jsonl`."""
        return {
            "id": self.id,
            "tokens": self.tokens,
            "gold": self.gold,
            "predicted": self.predicted,
            "reference": self.reference,
            "errors": self.errors,
            "referenceErrors": self.reference_errors,
        }


def error_example(
    sentence: Sentence,
    predicted: tuple[str, ...],
    reference: tuple[str, ...] | None,
) -> ErrorExample:
    """The example of a sentence: its tags as entities.

    Args:
        sentence: with gold.
        predicted: tags of the variant.
        reference: tags of the reference variant, or None.
    """
    gold = _spans(sentence.tags or ())
    found = _spans(predicted)
    other = None if reference is None else _spans(reference)
    return ErrorExample(
        id=sentence.id,
        tokens=sentence.tokens or tuple(f"#{number}" for number in (sentence.input_ids or ())[1:-1]),
        gold=gold,
        predicted=found,
        reference=other,
        errors=len(set(gold) ^ set(found)),
        reference_errors=None if other is None else len(set(gold) ^ set(other)),
    )


class WorstSentences:
    """Keeps the highest ranked sentences; of equal ones, those that came first.

    Args:
        size: how many are kept.
    """

    def __init__(self, size: int = KEPT) -> None:
        self._size = size
        self._heap: list[tuple[int, int, ErrorExample]] = []
        self._seen = 0

    def add(self, rank: int, item: ErrorExample) -> None:
        """Keep the example if its rank is high enough."""
        self._seen += 1
        entry = (rank, -self._seen, item)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, entry)
        elif entry[:2] > self._heap[0][:2]:
            heapq.heapreplace(self._heap, entry)

    def ranked(self) -> tuple[ErrorExample, ...]:
        """The kept examples, the highest rank first."""
        return tuple(item for _, _, item in sorted(self._heap, key=lambda entry: (-entry[0], -entry[1])))


def write_error_examples(path: Path, examples: Iterable[ErrorExample]) -> None:
    """One JSON object a line."""
    with path.open("w", encoding="utf-8", newline="\n") as lines:
        for item in examples:
            lines.write(json.dumps(item.to_json(), ensure_ascii=False) + "\n")


def _spans(tags: tuple[str, ...]) -> tuple[SpanTuple, ...]:
    return tuple((entity.start, entity.end, entity.type) for entity in spans_of(tags))
