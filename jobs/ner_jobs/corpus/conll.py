r"""CoNLL-style files: a token and its tag a line, an empty line between sentences.

The first column is the token and the last is the tag; others are ignored. If a
line has a tab, tabs separate its columns, else spaces. Only a line feed ends a
line (with or without a carriage return before it), so U+2028, U+0085 or a form
feed can be tokens. So can a space, followed by its separator as any token.

All lines have as many columns as the first: one more means that a token holds
the separator. A line that begins with # before a sentence is a comment if it
has another number of columns, or is `#` with something that is no tag.

A file is streamed. Lines repeat (text has few distinct characters), so each
distinct line is parsed once.
"""

from collections.abc import Iterator
from pathlib import Path

from ner_jobs.corpus.notes import ReadingNotes
from ner_jobs.corpus.sentence import RawSentence
from ner_jobs.corpus.tags import split_tag
from ner_jobs.task import PermanentError

LINES_IN_CACHE = 100_000
"""Distinct lines whose parse is remembered."""

DOCUMENT_MARKER = "-DOCSTART-"
COMMENT = "#"
BYTE_ORDER_MARKS = {"utf-8": b"\xef\xbb\xbf", "gb18030": b"\x84\x31\x95\x33"}
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")

COMMENT_NOTE = "comment lines, passed over"

Columns = tuple[str, str, int]
"""Token, tag, and the number of columns."""
BOUNDARY: Columns = ("", "", 0)
"""A line that ends a sentence."""
DOCUMENT: Columns = (DOCUMENT_MARKER, "", 0)
"""A line that begins a document."""


class _BadLineError(ValueError):
    """A line without a token and a tag; the message says why and what to write."""


def read_conll(
    path: Path, name: str, encoding: str = "utf-8", notes: ReadingNotes | None = None
) -> Iterator[RawSentence]:
    """Read the sentences of a file, one at a time.

    Args:
        path: the file on this machine.
        name: of the file in messages.
        encoding: `utf-8` (a byte order mark is accepted) or `gb18030`.
        notes: get what was passed over.

    Raises:
        PermanentError: a line is not in the encoding, has one column, or not as many as the others;
            with file and line.
    """
    notes = notes if notes is not None else ReadingNotes()
    notes.start()
    known: dict[bytes, Columns] = {}
    tokens: list[str] = []
    tags: list[str] = []
    start, documents = 0, 0
    width, width_line = 0, 0
    mark = BYTE_ORDER_MARKS[encoding]
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            line = _without_mark(raw, encoding, name) if number == 1 else raw
            if line.startswith(mark) and line[len(mark) :][:1] not in (b" ", b"\t"):
                line = line.removeprefix(mark)
                notes.add("byte order marks of joined files, dropped", f"{name}:{number}")
            if not tokens and _is_plain_comment(line):
                notes.add(COMMENT_NOTE, f"{name}:{number}")
                continue
            columns = known.get(line)
            if columns is None:
                try:
                    columns = _parse(line, encoding)
                except _BadLineError as error:
                    raise PermanentError(f"{name}:{number}: {error}") from error
                if len(known) >= LINES_IN_CACHE:
                    known.clear()
                known[line] = columns
            if columns is BOUNDARY or columns is DOCUMENT:
                if tokens:
                    yield _sentence(tokens, tags, name, start, documents)
                    tokens, tags = [], []
                documents += columns is DOCUMENT
                continue
            if columns[2] != width:
                if width == 0:
                    width, width_line = _width(path, encoding) or (columns[2], number)
                if columns[2] != width:
                    if not tokens and columns[0].startswith(COMMENT):
                        notes.add(COMMENT_NOTE, f"{name}:{number}")
                        continue
                    raise PermanentError(
                        f"{name}:{number}: {columns[2]} columns, line {width_line} has {width}; "
                        "if a token holds a blank, separate the columns by tabs"
                    )
            if not tokens:
                if columns[0] == COMMENT and not _is_tag(columns[1]):
                    notes.add(COMMENT_NOTE, f"{name}:{number}")
                    continue
                start = number
            tokens.append(columns[0])
            tags.append(columns[1])
    if tokens:
        yield _sentence(tokens, tags, name, start, documents)


def _sentence(tokens: list[str], tags: list[str], name: str, start: int, documents: int) -> RawSentence:
    """The sentence; its document is the number of `-DOCSTART-` lines above it."""
    document = str(documents) if documents else None
    return RawSentence(tuple(tokens), tuple(tags), name, start, tokens_have_lines=True, document=document)


def _width(path: Path, encoding: str) -> tuple[int, int] | None:
    """(columns, line) of the first line that is surely a token: it does not begin with #."""
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            line = raw.removeprefix(BYTE_ORDER_MARKS[encoding])
            if line.startswith(COMMENT.encode()):
                continue
            try:
                columns = _parse(line, encoding)
            except _BadLineError:
                return None
            if columns is not BOUNDARY and columns is not DOCUMENT:
                return columns[2], number
    return None


def _is_plain_comment(line: bytes) -> bool:
    """Whether the line begins with # and has one column."""
    return line.startswith(COMMENT.encode()) and len(line.split()) == 1


def _is_tag(text: str) -> bool:
    try:
        split_tag(text)
    except ValueError:
        return False
    return True


def _without_mark(line: bytes, encoding: str, name: str) -> bytes:
    if line.startswith(UTF_16_MARKS):
        raise PermanentError(f"{name} is UTF-16; save it as UTF-8")
    return line.removeprefix(BYTE_ORDER_MARKS[encoding])


def _parse(raw: bytes, encoding: str) -> Columns:
    try:
        line = raw.decode(encoding)
    except UnicodeDecodeError as error:
        other = "gb18030" if encoding == "utf-8" else "utf-8"
        raise _BadLineError(
            f"byte {error.start + 1} of the line (0x{raw[error.start]:02x}) is not {encoding}; "
            f"save the file as UTF-8, or write `encoding: {other}` if that is what it is"
        ) from error
    line = line.removesuffix("\n").removesuffix("\r")
    body = line.rstrip(" \t")
    if not body:
        return BOUNDARY
    # The first character belongs to the token even if it looks like a separator.
    separator = "\t" if "\t" in body[1:] else " "
    end = body.find(separator, 1)
    token = body[:end] if end > 0 else ""
    if separator == " " and len(token) > 1:
        token = token.lstrip(" ")
    if not token or (len(token) > 1 and token[0] == separator):
        if body.strip(" \t") == DOCUMENT_MARKER:
            return DOCUMENT
        raise _BadLineError(
            f"{_shown(body)} has one column; write a token, a space or a tab, and its tag, "
            f"such as `{_example(body)}`"
        )
    if token == DOCUMENT_MARKER:
        return DOCUMENT
    others = body[end + 1 :].split(separator)
    count = 1 + (len(others) if separator == "\t" else sum(map(bool, others)))
    return token, body[body.rindex(separator) + 1 :].strip(" "), count


def _shown(text: str) -> str:
    short = text if len(text) <= 40 else text[:40] + "…"
    return repr(short) if short.isprintable() else ascii(short)


def _example(body: str) -> str:
    token = body.strip(" \t")
    return f"{token} O" if token.isprintable() and len(token) <= 20 else "token O"
