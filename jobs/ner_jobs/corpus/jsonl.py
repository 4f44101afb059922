"""JSON Lines: a sentence a line, as tokens and tags or as text and spans.

`{"tokens": [...], "tags": [...]}` is used as it is. `{"text": ..., "entities":
[{"start", "end", "label"}]}` (or `spans`, or `type`) is cut into tokens by the
spec's segmentation. A span that cuts a token is refused, because the model
could never find it. Offsets are code points, end exclusive. A line without
tags and spans has no gold; inference reads such lines.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from sys import intern
from typing import Any

from ner_jobs.corpus.encoding import segment
from ner_jobs.corpus.sentence import Entity, RawSentence
from ner_jobs.corpus.tags import tags_of
from ner_jobs.task import PermanentError
from ner_jobs.task.parameters import Segmentation

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
FORMS = (
    '{"tokens": [...], "tags": [...]} or '
    '{"text": "...", "entities": [{"start": 0, "end": 2, "label": "PER"}]}'
)


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    type: str


class _BadObjectError(ValueError):
    """The line's object is not a sentence; the message says why and what to write."""


def read_jsonl(
    path: Path, name: str, segmentation: Segmentation, encoding: str = "utf-8"
) -> Iterator[RawSentence]:
    """Sentences of a file, one at a time; blank lines are skipped.

    Args:
        path: the file on this machine.
        name: of the file in messages.
        segmentation: how the text of a line becomes tokens.
        encoding: `utf-8` or `gb18030`.

    Raises:
        PermanentError: a line is not a sentence; the message has file, line and what to write.
    """
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            line = raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw
            if not line.strip():
                continue
            try:
                yield _sentence(_object(line, encoding), segmentation, name, number)
            except _BadObjectError as error:
                raise PermanentError(f"{name}:{number}: {error}") from error


def _object(line: bytes, encoding: str) -> dict[str, Any]:
    try:
        content = json.loads(line.decode(encoding))
    except UnicodeDecodeError as error:
        raise _BadObjectError(
            f"byte {error.start + 1} of the line is not {encoding}; save the file as UTF-8"
        ) from error
    except json.JSONDecodeError as error:
        raise _BadObjectError(
            f"not JSON: {error.msg} at column {error.colno}; write one object a line, {FORMS}"
        ) from error
    if not isinstance(content, dict):
        raise _BadObjectError(f"a JSON {type(content).__name__} is not a sentence; write {FORMS}")
    return content


def _sentence(content: Mapping[str, Any], segmentation: Segmentation, name: str, number: int) -> RawSentence:
    own_id = _id_of(content)
    if "tokens" in content:
        tokens = _strings(content, "tokens")
        tags = _strings(content, "tags") if content.get("tags") is not None else None
        if tags is not None and len(tags) != len(tokens):
            raise _BadObjectError(f"{len(tokens)} tokens and {len(tags)} tags; write a tag for each token")
        if "" in tokens:
            raise _BadObjectError(f"token {tokens.index('') + 1} is empty; leave it out, with its tag")
        return RawSentence(tokens, tags, name, number, id=own_id)
    if not isinstance(content.get("text"), str):
        found = ", ".join(sorted(content)) or "no field"
        raise _BadObjectError(f"neither tokens nor text (found {found}); write {FORMS}")
    text: str = content["text"]
    _require_characters(text)
    pieces = segment(text, segmentation)
    tokens = tuple(intern(token) for token, _, _ in pieces)
    listed = content.get("entities", content.get("spans"))
    if listed is None:
        return RawSentence(tokens, None, name, number, id=own_id)
    spans = _spans(listed, text)
    entities = [_entity(span, pieces, text, segmentation) for span in spans]
    tags = tags_of(entities, len(tokens))
    return RawSentence(tokens, tags, name, number, id=own_id, tags_are_iob2=True)


def _id_of(content: Mapping[str, Any]) -> str | None:
    own_id = content.get("id")
    if own_id is None or isinstance(own_id, str):
        return own_id
    if isinstance(own_id, int) and not isinstance(own_id, bool):
        return str(own_id)
    raise _BadObjectError(f"id is {json.dumps(own_id)[:40]}; write a string or a whole number")


def _strings(content: Mapping[str, Any], field: str) -> tuple[str, ...]:
    values = content[field]
    if not isinstance(values, list):
        raise _BadObjectError(f"{field} is not a list; write {FORMS}")
    for at, value in enumerate(values):
        if not isinstance(value, str):
            raise _BadObjectError(f"{field}[{at}] is {json.dumps(value)[:40]}; write a string in quotes")
    _require_characters("".join(values))
    return tuple(map(intern, values))


def _require_characters(text: str) -> None:
    """Refuse half a surrogate pair: JSON can write it, no text encoding can hold it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _BadObjectError(
            f"\\u{ord(text[error.start]):04x} is half of a surrogate pair; write the whole character"
        ) from error


def _spans(listed: object, text: str) -> list[_Span]:
    if not isinstance(listed, list):
        raise _BadObjectError(f"entities is not a list; write {FORMS}")
    spans = sorted((_span(item, at, text) for at, item in enumerate(listed)), key=lambda span: span.start)
    for one, other in pairwise(spans):
        if other.start < one.end:
            raise _BadObjectError(
                f"{one.type} at {one.start}-{one.end} and {other.type} at {other.start}-{other.end} overlap; "
                "a token has one tag: keep one of them"
            )
    return spans


def _span(item: object, at: int, text: str) -> _Span:
    if not isinstance(item, dict):
        raise _BadObjectError(f"entities[{at}] is not an object; write {FORMS}")
    start, end, kind = item.get("start"), item.get("end"), item.get("label", item.get("type"))
    if type(start) is not int or type(end) is not int or not isinstance(kind, str) or not kind:
        raise _BadObjectError(f"entities[{at}] needs start and end (whole numbers) and label (a string)")
    if not 0 <= start < end <= len(text):
        raise _BadObjectError(
            f"entities[{at}] is at {start}-{end}, the text has {len(text)} characters; "
            "offsets are code points from 0, end exclusive"
        )
    shown = item.get("text")
    if isinstance(shown, str) and shown != text[start:end]:
        raise _BadObjectError(
            f"entities[{at}] says {shown!r}, the text has {text[start:end]!r} at {start}-{end}; "
            "offsets are code points (an emoji is one), end exclusive"
        )
    return _Span(start, end, kind)


def _entity(
    span: _Span, pieces: tuple[tuple[str, int, int], ...], text: str, segmentation: Segmentation
) -> Entity:
    """The span in tokens; white space at its ends is ignored."""
    inside = [at for at, (_, start, end) in enumerate(pieces) if start < span.end and end > span.start]
    where = f"{span.type} at {span.start}-{span.end} ({text[span.start : span.end][:20]!r})"
    if not inside:
        raise _BadObjectError(f"{where} holds only white space, no token")
    for token, start, end in (pieces[inside[0]], pieces[inside[-1]]):
        if start < span.start or end > span.end:
            raise _BadObjectError(
                f"{where} cuts the token {token[:20]!r} at {start}-{end}; move the offsets to the token's, "
                f"or change spec.model.segmentation, which is {segmentation}"
            )
    return Entity(inside[0], inside[-1] + 1, span.type)
