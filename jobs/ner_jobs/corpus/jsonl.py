"""JSON Lines: a sentence a line, as tokens and tags or as text and spans.

`{"tokens": [...], "tags": [...]}` is used as it is. `{"text": ..., "entities":
[{"start", "end", "label"}]}` is cut into tokens by the spec's segmentation.
`jsonl_fields` knows the other names of these fields. A span that cuts a token
is refused, because the model could never find it. Offsets are code points, end
exclusive. A line without tags and spans has no gold; inference reads such lines.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from sys import intern
from typing import Any

from ner_jobs.corpus.encoding import segment
from ner_jobs.corpus.jsonl_fields import (
    FORMS,
    PASSED_OVER_ANSWERS,
    BadObjectError,
    document_of,
    entities_of_line,
    fields_like_gold,
    gold_fields,
    offsets_of_tokens,
    require_agreement,
    require_characters,
    tags_of_line,
    token_texts,
    tokens_field,
)
from ner_jobs.corpus.notes import ReadingNotes
from ner_jobs.corpus.sentence import RawSentence
from ner_jobs.corpus.tags import tags_of
from ner_jobs.task import PermanentError
from ner_jobs.task.parameters import Segmentation

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_jsonl(
    path: Path,
    name: str,
    segmentation: Segmentation,
    encoding: str = "utf-8",
    notes: ReadingNotes | None = None,
) -> Iterator[RawSentence]:
    """Sentences of a file, one at a time; blank lines are skipped.

    Args:
        path: the file on this machine.
        name: of the file in messages.
        segmentation: how the text of a line becomes tokens.
        encoding: `utf-8` or `gb18030`.
        notes: get what was passed over.

    Raises:
        PermanentError: a line is not a sentence; the message has file, line and what to write.
    """
    notes = notes if notes is not None else ReadingNotes()
    notes.start()
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            where = f"{name}:{number}"
            line = raw.removeprefix(BYTE_ORDER_MARK)
            if len(line) < len(raw) and number > 1:
                notes.add("byte order marks of joined files, dropped", where)
            if not line.strip():
                continue
            try:
                content = _object(line, encoding)
                answer = content.get("answer")
                if answer in PASSED_OVER_ANSWERS:
                    notes.add(f"lines passed over, because their answer is {answer}", where)
                    continue
                sentence = _sentence(content, segmentation, name, number)
            except BadObjectError as error:
                raise PermanentError(f"{where}: {error}") from error
            for field in fields_like_gold(content, len(sentence.tokens)):
                notes.add(f"the field {field} looks like gold and is not read", where)
            if sentence.tags is not None and not sentence.tags_are_iob2 and _unplaced(content, sentence):
                notes.add("spans not read beside tags, because their text is not given", where)
            yield sentence


def _object(line: bytes, encoding: str) -> dict[str, Any]:
    try:
        content = json.loads(line.decode(encoding))
    except UnicodeDecodeError as error:
        raise BadObjectError(
            f"byte {error.start + 1} of the line is not {encoding}; save the file as UTF-8"
        ) from error
    except json.JSONDecodeError as error:
        raise BadObjectError(
            f"not JSON: {error.msg} at column {error.colno}; write one object a line, {FORMS}"
        ) from error
    if not isinstance(content, dict):
        raise BadObjectError(f"a JSON {type(content).__name__} is not a sentence; write {FORMS}")
    return content


def _sentence(content: Mapping[str, Any], segmentation: Segmentation, name: str, number: int) -> RawSentence:
    own_id, document = _id_of(content), document_of(content)
    field = tokens_field(content)
    if field is not None:
        tokens = token_texts(content, field)
        if "" in tokens:
            raise BadObjectError(f"token {tokens.index('') + 1} is empty; leave it out, with its tag")
        tags, are_iob2 = _gold_of_tokens(content, field, tokens)
        return RawSentence(tokens, tags, name, number, id=own_id, tags_are_iob2=are_iob2, document=document)
    text = content.get("text")
    if not isinstance(text, str):
        found = ", ".join(sorted(content)) or "no field"
        raise BadObjectError(f"neither tokens nor text (found {found}); write {FORMS}")
    require_characters(text)
    pieces = segment(text, segmentation)
    tokens = tuple(intern(token) for token, _, _ in pieces)
    gold = gold_fields(content)
    if not gold.is_given:
        return RawSentence(tokens, None, name, number, id=own_id, document=document)
    remedy = f", or change spec.model.segmentation, which is {segmentation}"
    tags = tags_of(entities_of_line(gold, pieces, text, remedy), len(tokens))
    return RawSentence(tokens, tags, name, number, id=own_id, tags_are_iob2=True, document=document)


def _gold_of_tokens(
    content: Mapping[str, Any], field: str, tokens: tuple[str, ...]
) -> tuple[tuple[str, ...] | None, bool]:
    """(tags, whether they were made from spans) of a line that has tokens."""
    gold = gold_fields(content)
    tags = tags_of_line(gold, len(tokens))
    if tags is None and not gold.is_given:
        return None, False
    if not gold.spans:
        return (("O",) * len(tokens), True) if tags is None else (tags, False)
    pieces = offsets_of_tokens(content, field, tokens)
    if pieces is None:
        if tags is not None:
            return tags, False
        raise BadObjectError(
            f"{next(iter(gold.spans))} beside {field} need the text that their offsets count, "
            f"with the same tokens; write {FORMS}"
        )
    entities = entities_of_line(gold, pieces, content["text"], "")
    if tags is None:
        return tags_of(entities, len(tokens)), True
    require_agreement(gold, tags, entities)
    return tags, False


def _unplaced(content: Mapping[str, Any], sentence: RawSentence) -> bool:
    """Whether a line has spans beside its tags that could not be compared with them."""
    field = tokens_field(content)
    return (
        field is not None
        and bool(gold_fields(content).spans)
        and offsets_of_tokens(content, field, sentence.tokens) is None
    )


def _id_of(content: Mapping[str, Any]) -> str | None:
    own_id = content.get("id")
    if own_id is None or isinstance(own_id, str):
        return own_id
    if isinstance(own_id, int) and not isinstance(own_id, bool):
        return str(own_id)
    raise BadObjectError(f"id is {json.dumps(own_id)[:40]}; write a string or a whole number")
