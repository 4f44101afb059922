"""The fields of a JSON line, under the names that annotation tools and the hub use.

| tool | tokens | gold |
|---|---|---|
| ours | `tokens` | `tags`, or `entities` beside `text` |
| Hugging Face hub | `tokens`, `words` | `ner_tags`, `tags`, `labels` |
| doccano | – | `label`, `labels`: `[[start, end, type], …]`; `entities` with `start_offset`, `end_offset` |
| Prodigy | `tokens`: objects with `text`, `start`, `end` | `spans` with `label`; `answer` |

A field that is empty beside a filled one says nothing. Two filled ones must
agree: which of them is right is not guessed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from sys import intern
from typing import Any

from ner_jobs.corpus.sentence import Entity
from ner_jobs.corpus.tags import SCHEMES, split_tag, tags_of

FORMS = (
    '{"tokens": [...], "tags": [...]} or '
    '{"text": "...", "entities": [{"start": 0, "end": 2, "label": "PER"}]}'
)
TOKENS = ("tokens", "words")
TAGS = ("tags", "ner_tags")
SPANS = ("entities", "spans")
TAGS_OR_SPANS = ("labels", "label")
START = ("start", "start_offset")
END = ("end", "end_offset")
TYPE = ("label", "type", "entity_group")
DOCUMENT = ("doc_id", "document_id", "document")
OTHER_TAGS = ("pos_tags", "chunk_tags")
"""Tags of the hub's data sets that are not entities."""
PASSED_OVER_ANSWERS = ("reject", "ignore")
"""Prodigy: the annotator refused the line, or skipped it."""

Pieces = Sequence[tuple[str, int, int]]
"""Tokens with their offsets in the text: code points, end exclusive."""


class BadObjectError(ValueError):
    """The line's object is not a sentence; the message says why and what to write."""


@dataclass(frozen=True, slots=True)
class Span:
    """An entity in the text: code points, end exclusive."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class Gold:
    """The gold of a line.

    Attributes:
        tags: the fields with a tag for each token that are not empty, by name.
        spans: the fields with spans that are not empty, by name.
        is_given: a field of gold is there, empty or not.
        empty_tags: the name of a field of tags that is empty.
    """

    tags: dict[str, list[Any]]
    spans: dict[str, list[Any]]
    is_given: bool
    empty_tags: str | None = None


def tokens_field(content: Mapping[str, Any]) -> str | None:
    """The name of the field with tokens, or None.

    Raises:
        BadObjectError: it is not a list and there is no text, or two fields differ.
    """
    lists = [name for name in TOKENS if isinstance(content.get(name), list)]
    if len(lists) > 1:
        _require_equal({name: content[name] for name in lists})
    others = [name for name in TOKENS if content.get(name) is not None and name not in lists]
    if not lists and others and not isinstance(content.get("text"), str):
        raise BadObjectError(f"{others[0]} is not a list; write {FORMS}")
    return lists[0] if lists else None


def token_texts(content: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """Tokens as strings; Prodigy's are objects with `text`."""
    values = content[field]
    if values and all(isinstance(value, dict) and "text" in value for value in values):
        values = [value["text"] for value in values]
    return strings(values, field)


def strings(values: Sequence[object], field: str) -> tuple[str, ...]:
    """The values, if all are strings that can be written."""
    texts: list[str] = []
    for at, value in enumerate(values):
        if not isinstance(value, str):
            remedy = (
                "write the tag's name: a number does not say what it means"
                if isinstance(value, int) and field not in TOKENS
                else "write a string in quotes"
            )
            raise BadObjectError(f"{field}[{at}] is {json.dumps(value)[:40]}; {remedy}")
        texts.append(intern(value))
    require_characters("".join(texts))
    return tuple(texts)


def require_characters(text: str) -> None:
    """Refuse half a surrogate pair: JSON can write it, no text encoding can hold it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadObjectError(
            f"\\u{ord(text[error.start]):04x} is half of a surrogate pair; write the whole character"
        ) from error


def document_of(content: Mapping[str, Any]) -> str | None:
    """The document that the line is part of, or None if it does not say."""
    values = (content.get(name) for name in DOCUMENT)
    return next(
        (str(value) for value in values if isinstance(value, str | int) and not isinstance(value, bool)), None
    )


def gold_fields(content: Mapping[str, Any]) -> Gold:
    """Find the gold of a line, under each of its names."""
    has_tokens = tokens_field(content) is not None
    tags: dict[str, list[Any]] = {}
    spans: dict[str, list[Any]] = {}
    for name in (*TAGS, *SPANS):
        value = content.get(name)
        if value is None or (name in TAGS and not has_tokens):
            continue
        if not isinstance(value, list):
            raise BadObjectError(f"{name} is not a list; write {FORMS}")
        (tags if name in TAGS else spans)[name] = value
    for name in TAGS_OR_SPANS:
        value = content.get(name)
        if not isinstance(value, list):
            continue
        if all(isinstance(item, dict | list) for item in value):
            spans[name] = value
        elif has_tokens:
            tags[name] = value
    return Gold(
        {name: value for name, value in tags.items() if value},
        {name: value for name, value in spans.items() if value},
        bool(tags or spans),
        next((name for name in TAGS if name in tags and not tags[name]), None),
    )


def fields_like_gold(content: Mapping[str, Any], tokens: int) -> list[str]:
    """Fields that are not read and look like tags or spans."""
    has_tokens = tokens_field(content) is not None
    read = {*TOKENS, *SPANS, *OTHER_TAGS, *(TAGS if has_tokens else ())}
    return [
        name
        for name, value in content.items()
        if name not in read
        and isinstance(value, list)
        and value
        and not (name in TAGS_OR_SPANS and (has_tokens or _looks_like_spans(value)))
        and (_looks_like_spans(value) or (len(value) == tokens and _looks_like_tags(value)))
    ]


def _looks_like_spans(values: Sequence[object]) -> bool:
    return all(
        (isinstance(value, dict) and _has(value, START) and _has(value, END) and _has(value, TYPE))
        or (
            isinstance(value, list)
            and len(value) == 3
            and type(value[0]) is int
            and type(value[1]) is int
            and isinstance(value[2], str)
        )
        for value in values
    )


def _has(item: Mapping[str, Any], names: Sequence[str]) -> bool:
    return any(name in item for name in names)


def _looks_like_tags(values: Sequence[object]) -> bool:
    try:
        return all(isinstance(value, str) and split_tag(value) for value in values)
    except ValueError:
        return False


def tags_of_line(gold: Gold, tokens: int) -> tuple[str, ...] | None:
    """The tags that are written a token, or None.

    Raises:
        BadObjectError: they are not one a token, or two fields differ.
    """
    if not gold.tags:
        if tokens and gold.empty_tags and not gold.spans:
            raise BadObjectError(f"{tokens} tokens and 0 {gold.empty_tags}; write a tag for each token")
        return None
    read = {name: strings(values, name) for name, values in gold.tags.items()}
    for name, values in read.items():
        if len(values) != tokens:
            raise BadObjectError(f"{tokens} tokens and {len(values)} {name}; write a tag for each token")
    _require_equal(read)
    return next(iter(read.values()))


def entities_of_line(gold: Gold, pieces: Pieces, text: str, remedy: str) -> list[Entity]:
    """The entities that are written as spans, in tokens.

    Args:
        gold: with spans.
        pieces: tokens with their offsets.
        text: that the offsets count.
        remedy: what else to do about a span that cuts a token.

    Raises:
        BadObjectError: a span is not one, or cuts a token; or two fields differ.
    """
    read = {name: _spans(values, name, text) for name, values in gold.spans.items()}
    _require_equal(read)
    return [_entity(span, pieces, text, remedy) for span in next(iter(read.values()), [])]


def _require_equal(read: Mapping[str, object]) -> None:
    for (one, first), (other, second) in pairwise(read.items()):
        if first != second:
            raise BadObjectError(f"{one} and {other} say different things; keep the one that is right")


def require_agreement(gold: Gold, tags: Sequence[str], entities: Sequence[Entity]) -> None:
    """Refuse tags and spans of one line that say different things.

    Raises:
        BadObjectError: the spans give these tags in no scheme.
    """
    if not any(tuple(tags) == tags_of(entities, len(tags), scheme) for scheme in SCHEMES):
        raise BadObjectError(
            f"{next(iter(gold.tags))} and {next(iter(gold.spans))} say different things; "
            "keep the one that is right"
        )


def offsets_of_tokens(content: Mapping[str, Any], field: str, tokens: Sequence[str]) -> Pieces | None:
    """Offsets of tokens in the line's text, as they state or found in order; None if not known."""
    text = content.get("text")
    values = content[field]
    if not isinstance(text, str):
        return None
    stated = [
        (token, value["start"], value["end"])
        for token, value in zip(tokens, values, strict=True)
        if isinstance(value, dict) and type(value.get("start")) is int and type(value.get("end")) is int
    ]
    if stated and len(stated) == len(tokens):
        for at, (token, start, end) in enumerate(stated):
            if text[start:end] != token:
                raise BadObjectError(
                    f"{field}[{at}] says {token!r}, the text has {text[start:end]!r} at {start}-{end}; "
                    "offsets are code points (an emoji is one), end exclusive"
                )
        return stated
    pieces: list[tuple[str, int, int]] = []
    at = 0
    for token in tokens:
        found = text.find(token, at)
        if found < 0 or text[at:found].strip():
            return None
        at = found + len(token)
        pieces.append((token, found, at))
    return pieces


def _spans(listed: Sequence[object], field: str, text: str) -> list[Span]:
    spans = sorted(
        (_span(item, f"{field}[{at}]", text) for at, item in enumerate(listed)),
        key=lambda span: (span.start, span.end),
    )
    for one, other in pairwise(spans):
        if other.start < one.end:
            raise BadObjectError(
                f"{one.type} at {one.start}-{one.end} and {other.type} at {other.start}-{other.end} overlap; "
                "a token has one tag: keep one of them"
            )
    return spans


def _span(item: object, name: str, text: str) -> Span:
    shown: object = None
    if isinstance(item, dict):
        start, end, kind = (_value(item, names, name) for names in (START, END, TYPE))
        shown = item.get("text")
    elif isinstance(item, list) and len(item) == 3:
        start, end, kind = item
    else:
        raise BadObjectError(f"{name} is not an object, and not [start, end, type]; write {FORMS}")
    if type(start) is not int or type(end) is not int or not isinstance(kind, str) or not kind:
        raise BadObjectError(f"{name} needs start and end (whole numbers) and label (a string)")
    if not 0 <= start < end <= len(text):
        raise BadObjectError(
            f"{name} is at {start}-{end}, the text has {len(text)} characters; "
            "offsets are code points from 0, end exclusive"
        )
    if isinstance(shown, str) and shown != text[start:end]:
        raise BadObjectError(
            f"{name} says {shown!r}, the text has {text[start:end]!r} at {start}-{end}; "
            "offsets are code points (an emoji is one), end exclusive"
        )
    return Span(start, end, kind)


def _value(item: Mapping[str, Any], names: Sequence[str], where: str) -> Any:
    """The value under whichever of the names; refused if two of them differ."""
    found = [(name, item[name]) for name in names if item.get(name) is not None]
    for (one, first), (other, second) in pairwise(found):
        if first != second:
            raise BadObjectError(
                f"{where}: {one} and {other} say different things; keep the one that is right"
            )
    return found[0][1] if found else None


def _entity(span: Span, pieces: Pieces, text: str, remedy: str) -> Entity:
    """The span in tokens; white space at its ends is ignored."""
    inside = [at for at, (_, start, end) in enumerate(pieces) if start < span.end and end > span.start]
    where = f"{span.type} at {span.start}-{span.end} ({text[span.start : span.end][:20]!r})"
    if not inside:
        raise BadObjectError(f"{where} holds only white space, no token")
    for token, start, end in (pieces[inside[0]], pieces[inside[-1]]):
        if start < span.start or end > span.end:
            raise BadObjectError(
                f"{where} cuts the token {token[:20]!r} at {start}-{end}; "
                f"move the offsets to the token's{remedy}"
            )
    return Entity(inside[0], inside[-1] + 1, span.type)
