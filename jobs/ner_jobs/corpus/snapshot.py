"""Sentences in an artifact: `sentences.jsonl`, an object a line.

Later keys are made from the snapshot, so it holds only content: ids, tokens and
tags, no paths and nothing of the machine. Only a line feed ends a line: a token
may be U+2028.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from sys import intern
from typing import Any

from ner_jobs.corpus.sentence import Sentence
from ner_jobs.task import PermanentError

FILE_NAME = "sentences.jsonl"


def write_sentences(folder: Path, sentences: Iterable[Sentence]) -> int:
    """Write them in their order; the folder is made if it is missing.

    Returns:
        How many there were.
    """
    folder.mkdir(parents=True, exist_ok=True)
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    count = 0
    with (folder / FILE_NAME).open("w", encoding="utf-8", newline="\n") as file:
        for sentence in sentences:
            file.write(encode(_to_object(sentence)) + "\n")
            count += 1
    return count


def read_sentences(folder: Path) -> Iterator[Sentence]:
    """Read them in their order, one at a time.

    Raises:
        PermanentError: the file is missing, or a line is not a sentence (with file and line).
    """
    path = folder / FILE_NAME
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise PermanentError(f"{path} is missing: the folder is not a snapshot of sentences") from error
    with file:
        for number, line in enumerate(file, 1):
            try:
                yield _from_object(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise PermanentError(f"{path}:{number} is not a sentence of a snapshot: {error!r}") from error


def count_sentences(folder: Path) -> int:
    """How many there are, without parsing them."""
    with (folder / FILE_NAME).open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def _to_object(sentence: Sentence) -> dict[str, Any]:
    content: dict[str, Any] = {"id": sentence.id}
    if sentence.input_ids is None:
        content["tokens"] = sentence.tokens
    else:
        content["input_ids"] = sentence.input_ids
    if sentence.tags is not None:
        content["tags"] = sentence.tags
    if sentence.document is not None:
        content["document"] = sentence.document
    return content


def _from_object(content: dict[str, Any]) -> Sentence:
    # Text has few distinct tokens and fewer tags: interned, a corpus takes a tenth of the memory.
    tags = content.get("tags")
    input_ids = content.get("input_ids")
    return Sentence(
        content["id"],
        tuple(map(intern, content["tokens"])) if input_ids is None else (),
        None if tags is None else tuple(map(intern, tags)),
        None if input_ids is None else tuple(input_ids),
        document=content.get("document"),
    )
