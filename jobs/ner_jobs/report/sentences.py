"""A sentence with its entities marked: what gold says, and what a variant says.

Long sentences are cut to the neighbourhood of what is wrong, with an ellipsis
where something was left out.
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
    """Text between two borders; `kind` is empty outside entities.

    Attributes:
        wrong: this side alone has the entity as it stands.
    """

    text: str
    kind: str = ""
    hue: int = 0
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One reading of the sentence: gold, or a variant's."""

    who: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """An exhibit as the page shows it."""

    id: str
    language: str
    errors: int
    reference_errors: int | None
    rows: tuple[Row, ...]


def show(exhibit: ErrorExample, variant: str, reference: str | None, types: Sequence[str]) -> Shown:
    """Lay out a sentence: gold, the variant, and the reference where it says something else.

    Args:
        exhibit: the sentence and its readings.
        variant: name of the variant.
        reference: name of the reference variant, or None.
        types: entity types in the order of their colours.
    """
    gold, predicted = set(exhibit.gold), set(exhibit.predicted)
    other = set(exhibit.reference) if exhibit.reference is not None else None
    odd = (gold ^ predicted) | (gold ^ other if other is not None else set())
    low, high = _neighbourhood(odd or gold, len(exhibit.tokens))
    colours = {name: hue(number) for number, name in enumerate(types)}

    def row(who: str, spans: Sequence[SpanTuple], right: set[SpanTuple]) -> Row:
        return Row(who, tuple(_pieces(exhibit.tokens, spans, right, low, high, colours)))

    rows = [row("gold", exhibit.gold, predicted), row(variant, exhibit.predicted, gold)]
    if reference is not None and exhibit.reference is not None and other != predicted:
        rows.append(row(reference, exhibit.reference, gold))
    return Shown(
        id=exhibit.id,
        language=language_of(exhibit.tokens),
        errors=exhibit.errors,
        reference_errors=exhibit.reference_errors,
        rows=tuple(rows),
    )


def language_of(tokens: Iterable[str]) -> str:
    """BCP 47 language that a script shows (zh, ja, ko), or "und": browsers choose fonts by it."""
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
