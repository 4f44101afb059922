"""Sentences: as a file has them, and as the product keeps them.

They are two types because their tags differ. The scheme of a file's tags is
found over all of its sentences; until then nothing may score or train on them.
`tags.normalise` makes a `Sentence` of a `RawSentence`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RawSentence:
    """A sentence as its file has it. A reader holds one at a time in memory.

    Attributes:
        tokens: in order; empty for an npz set.
        tags: as written, one a token, or None if the file has no gold.
        file: the file or folder, as the user would name it.
        place: of the first token: a line number, or words such as `row 12`.
        tokens_have_lines: token n is n lines below the first one.
        id: the user's own, or None.
        input_ids: of an npz set: the real sub-tokens, specials included.
        tags_are_iob2: the reader made the tags itself, from spans.
        document: that the sentence is part of, or None if the file does not say.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...] | None
    file: str
    place: int | str
    tokens_have_lines: bool = False
    id: str | None = None
    input_ids: tuple[int, ...] | None = None
    tags_are_iob2: bool = False
    document: str | None = None

    def where(self, token: int | None = None) -> str:
        """`FILE:LINE` of a token (0-based), or of the sentence, for a message."""
        if token is not None and self.tokens_have_lines and isinstance(self.place, int):
            return f"{self.file}:{self.place + token}"
        sentence = (
            f"{self.file}:{self.place}" if isinstance(self.place, int) else f"{self.file}, {self.place}"
        )
        return sentence if token is None else f"{sentence}, token {token + 1}"


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with IOB2 tags.

    Attributes:
        id: names it in every output: `<split>:<1-based ordinal>`, or the user's own id.
        tokens: in order; empty for an npz set, which has no text.
        tags: IOB2 names, one a token (one a real sub-token for an npz set), or None if there is no gold.
        input_ids: of an npz set only: the window's real sub-tokens, specials included.
        source: `FILE:LINE` of its first token, for messages.
        document: that the sentence is part of, unique in its split, or None if it is not known.
    """

    id: str
    tokens: tuple[str, ...]
    tags: tuple[str, ...] | None = None
    input_ids: tuple[int, ...] | None = None
    source: str = ""
    document: str | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """A span: token positions, end exclusive."""

    start: int
    end: int
    type: str
