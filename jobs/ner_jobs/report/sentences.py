"""A sentence with its entities marked: those of gold and those of each variant.

Long sentences are cut around the differences; an ellipsis marks the cut.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ner_jobs.report.charts import hue
from ner_jobs.scoring.worst_sentences import ErrorExample, SpanTuple

AROUND = 24
"""Tokens shown before the first difference and after the last."""

LONGEST = 220
"""Tokens shown of one sentence at most."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the sentence; `kind` is empty outside entities.

    Attributes:
        wrong: gold and prediction do not both have this entity.
    """

    text: str
    kind: str = ""
    hue: int = 0
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """The sentence with the entities of gold, or of a variant."""

    who: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """An error example as the page shows it."""

    id: str
    language: str
    errors: int
    reference_errors: int | None
    rows: tuple[Row, ...]


def show(example: ErrorExample, variant: str, reference: str | None, types: Sequence[str]) -> Shown:
    """Lay out a sentence: gold, the variant, and the reference if it differs from the variant.

    Args:
        example: the sentence with its entities.
        variant: name of the variant.
        reference: name of the reference variant, or None.
        types: entity types in the order of their colours.
    """
    gold, predicted = set(example.gold), set(example.predicted)
    other = set(example.reference) if example.reference is not None else None
    odd = (gold ^ predicted) | (gold ^ other if other is not None else set())
    low, high = _neighbourhood(odd or gold, len(example.tokens))
    colours = {name: hue(number) for number, name in enumerate(types)}

    def row(who: str, spans: Sequence[SpanTuple], right: set[SpanTuple]) -> Row:
        return Row(who, tuple(_pieces(example.tokens, spans, right, low, high, colours)))

    rows = [row("gold", example.gold, predicted), row(variant, example.predicted, gold)]
    if reference is not None and example.reference is not None and other != predicted:
        rows.append(row(reference, example.reference, gold))
    return Shown(
        id=example.id,
        language=language_of(example.tokens),
        errors=example.errors,
        reference_errors=example.reference_errors,
        rows=tuple(rows),
    )


def language_of(tokens: Iterable[str]) -> str:
    """The BCP 47 language of a script (zh, ja, ko), or "und"; browsers choose fonts by it."""
    found = "und"
    for token in tokens:
        for character in token[:4]:
            if "\u3040" <= character <= "\u30ff":
                return "ja"
            if "\uac00" <= character <= "\ud7af":
                return "ko"
            if "\u4e00" <= character <= "\u9fff":
                found = "zh"
    return found


def _neighbourhood(spans: set[SpanTuple], count: int) -> tuple[int, int]:
    if not spans:
        return 0, min(count, LONGEST)
    low = max(0, min(start for start, _, _ in spans) - AROUND)
    high = min(count, max(end for _, end, _ in spans) + AROUND)
    return low, min(high, low + LONGEST)


def _pieces(
    tokens: Sequence[str],
    spans: Sequence[SpanTuple],
    right: set[SpanTuple],
    low: int,
    high: int,
    colours: dict[str, int],
) -> Iterable[Piece]:
    glue = "" if all(len(token) <= 1 for token in tokens) else " "
    at = low
    if low:
        yield Piece("…" + glue)
    for start, end, kind in sorted(spans):
        if end <= low or start >= high:
            continue
        first, last = max(start, at), min(end, high)
        if first > at:
            yield Piece(glue.join(tokens[at:first]) + glue)
        yield Piece(
            glue.join(tokens[first:last]), kind, colours.get(kind, 0), (start, end, kind) not in right
        )
        at = last
        if glue and at < high:
            yield Piece(glue)
    if at < high:
        yield Piece(glue.join(tokens[at:high]))
    if high < len(tokens):
        yield Piece(glue + "…")
