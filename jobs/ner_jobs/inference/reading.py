"""What there is to infer, as passages: raw text, JSON lines, or any data set that training reads.

Unlabeled text is the ordinary case here, so a line needs neither tags nor an
id. One passage is in memory at a time; what would not fit is refused with its
line, so that no input can fill the memory.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ner_jobs.corpus.encoding import Encoder
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.inference.passage import Passage, passage_of_text
from ner_jobs.task import PermanentError
from ner_jobs.task.parameters import Dataset

if TYPE_CHECKING:
    from ner_jobs.corpus.reading import Access

LONGEST_LINE = 4_000_000
"""Bytes of one line: a million Chinese characters. A book belongs on many lines."""

BYTE_ORDER_MARK = "\ufeff"

FIELD = "spec.inference[].data"
"""Of the spec, for messages."""


def passages_of_lines(
    file: IO[bytes], source: str, encoder: Encoder, encoding: str = "utf-8"
) -> Iterator[Passage]:
    """Raw text, one passage a line; an empty line is a passage without tokens, so that lines stay in step.

    Args:
        file: open for reading.
        source: its name, for messages.
        encoder: of the model: it says how text is cut.
        encoding: `utf-8` or `gb18030`.

    Raises:
        PermanentError: a line is not of that encoding, or too long (with file and line).
    """
    for number, line in _lines(file, source, encoding):
        yield passage_of_text(f"line:{number}", line, encoder, f"{source}:{number}")


def passages_of_jsonl(
    file: IO[bytes], source: str, encoder: Encoder, encoding: str = "utf-8"
) -> Iterator[Passage]:
    """JSON objects, one a line: `text`, or `tokens`; `id` where the user has one; the rest is left alone.

    Raises:
        PermanentError: a line is no such object (with file and line).
    """
    for number, line in _lines(file, source, encoding):
        if line.strip():
            yield _passage_of_object(line, f"line:{number}", f"{source}:{number}", encoder)


def _passage_of_object(line: str, name: str, where: str, encoder: Encoder) -> Passage:
    try:
        content: Any = json.loads(line)
    except ValueError as error:
        raise PermanentError(f"{where}: not JSON: {error}") from error
    if not isinstance(content, dict):
        raise PermanentError(f'{where}: not a JSON object; write {{"text": "…"}} or {{"tokens": ["…", …]}}')
    name = str(content.get("id", name))
    text, tokens = content.get("text"), content.get("tokens")
    if isinstance(tokens, list) and all(isinstance(token, str) for token in tokens):
        _require_unicode("".join(tokens), where)
        return Passage(Sentence(name, tuple(tokens), source=where))
    if isinstance(text, str):
        _require_unicode(text, where)
        return passage_of_text(name, text, encoder, where)
    raise PermanentError(
        f'{where}: neither "text" (a string) nor "tokens" (a list of strings) is in it; '
        f"it has {', '.join(map(repr, content)) or 'nothing'}"
    )


def _require_unicode(text: str, where: str) -> None:
    """A JSON escape can name half a character, which no UTF-8 file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PermanentError(
            f"{where}: character {error.start + 1} is half of a surrogate pair ({text[error.start]!a})"
        ) from error


def _lines(file: IO[bytes], source: str, encoding: str) -> Iterator[tuple[int, str]]:
    """Numbered lines without their ends; only a line feed ends one, U+2028 and the like are text."""
    number = 0
    while raw := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(raw) > LONGEST_LINE:
            raise PermanentError(
                f"{source}:{number}: the line is longer than {LONGEST_LINE:,} bytes; "
                "put each sentence or paragraph on a line of its own"
            )
        try:
            line = raw.decode(encoding)
        except UnicodeDecodeError as error:
            raise PermanentError(
                f"{source}:{number}: byte {error.start + 1} of the line is not {encoding}; "
                "save it as UTF-8, or name its encoding (utf-8, gb18030)"
            ) from error
        if number == 1:
            line = line.removeprefix(BYTE_ORDER_MARK)
        yield number, line.removesuffix("\n").removesuffix("\r")


def passages_of_dataset(dataset: Dataset, access: "Access", encoder: Encoder) -> Iterator[Passage]:
    """A data set of the spec, with or without gold.

    Raises:
        PermanentError: it is missing, not what it should be (file and line), or not what was pinned.
        RetryableError: the store does not answer.
    """
    # Imported here: predicting text needs no reader of data sets, and they are not light.
    from ner_jobs.corpus.reading import read_dataset

    if dataset.format == "jsonl":
        fetched = access.fetcher().file(dataset.uri, f"{FIELD}.uri", dataset.sha256)
        with open_lines(fetched.path) as file:
            yield from passages_of_jsonl(file, fetched.name, encoder, dataset.encoding)
        return
    without_gold = dataset.model_copy(update={"label_uri": None})
    for sentence in read_dataset(without_gold, "line", FIELD, access):
        yield Passage(sentence)


def open_lines(path: Path) -> IO[bytes]:
    """Open a file of lines.

    Raises:
        PermanentError: it cannot be opened.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise PermanentError(f"{path} cannot be read: {error.strerror}") from error
