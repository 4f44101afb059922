"""What is inferred, as passages: from raw text, JSON lines, or any data set that training reads.

A line needs neither tags nor an id: text to be inferred usually has neither.
One passage is in memory at a time, and a line that is too long is refused, so
that no input can fill the memory.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ner_jobs.corpus.encoding import Encoder
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.task import PermanentError
from ner_jobs.task.parameters import Dataset

if TYPE_CHECKING:
    from ner_jobs.corpus.reading import Access

LONGEST_LINE = 4_000_000
"""Bytes of one line: a million Chinese characters. Longer text belongs on several lines."""

BYTE_ORDER_MARK = "\ufeff"

FIELD = "spec.inference[].data"
"""The field of the spec that messages name."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence, and the text that it was cut from.

    Predictions are about tokens, and users want text: the offsets lead from
    the tokens back to the text.

    Attributes:
        sentence: the input of the model.
        text: raw text; None if the input was tokens.
        offsets: (start, end) of each token in `text`, code points, end exclusive; empty without text.
    """

    sentence: Sentence
    text: str | None = None
    offsets: tuple[tuple[int, int], ...] = ()


def passage_of_text(name: str, text: str, encoder: Encoder, source: str = "") -> Passage:
    """Cut raw text into tokens as the model's training data was cut.

    Args:
        name: the id.
        text: any text.
        encoder: of the model.
        source: `FILE:LINE`, for messages.
    """
    tokens = encoder.tokens_of(text)
    return Passage(
        Sentence(name, tuple(token for token, _, _ in tokens), source=source),
        text,
        tuple((start, end) for _, start, end in tokens),
    )


def passages_of_lines(
    file: IO[bytes], source: str, encoder: Encoder, encoding: str = "utf-8"
) -> Iterator[Passage]:
    """Read raw text, one passage a line. An empty line is a passage without tokens.

    Args:
        file: open for reading.
        source: its name, for messages.
        encoder: of the model; it decides how text is cut.
        encoding: `utf-8` or `gb18030`.

    Raises:
        PermanentError: a line is not in that encoding, or too long (with file and line).
    """
    for number, line in _lines(file, source, encoding):
        yield passage_of_text(f"line:{number}", line, encoder, f"{source}:{number}")


def passages_of_jsonl(
    file: IO[bytes], source: str, encoder: Encoder, encoding: str = "utf-8"
) -> Iterator[Passage]:
    """Read JSON objects, one a line, with `text` or `tokens`, and perhaps `id`. Other fields are ignored.

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
    """Refuse half a surrogate pair: a JSON escape can name one, but UTF-8 cannot hold it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PermanentError(
            f"{where}: character {error.start + 1} is half of a surrogate pair ({text[error.start]!a})"
        ) from error


def _lines(file: IO[bytes], source: str, encoding: str) -> Iterator[tuple[int, str]]:
    """Numbered lines without their ends. Only a line feed ends a line: U+2028 and the like are text."""
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
    """Read a data set of the spec. It need not have gold tags.

    Raises:
        PermanentError: it is missing, malformed (with file and line), or has another digest than the spec.
        RetryableError: the store does not answer.
    """
    # Imported here: the readers of data sets are slow to import, and predicting text needs none.
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
