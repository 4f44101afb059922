"""A sentence as its file has it, before anyone knows the tag scheme.

Readers give these, one a sentence, and keep no more than one in memory; the
scheme is found over all of them, then `tags.normalise` makes them `Sentence`s.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RawSentence:
    """What a reader read.

    Attributes:
        tokens: in order; empty for an npz set.
        tags: as written, one a token, or None where the file has no gold.
        file: the file or folder, as the user would name it.
        place: of the first token: a line number, or words such as `row 12`.
        tokens_have_lines: token n stands n lines below the first one.
        id: the user's own, or None.
        input_ids: of an npz set: the real sub-tokens, specials included.
        tags_are_iob2: the reader made the tags itself, from spans.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...] | None
    file: str
    place: int | str
    tokens_have_lines: bool = False
    id: str | None = None
    input_ids: tuple[int, ...] | None = None
    tags_are_iob2: bool = False

    def where(self, token: int | None = None) -> str:
        """`FILE:LINE` of a token (0-based), or of the sentence, for a message."""
        if token is not None and self.tokens_have_lines and isinstance(self.place, int):
            return f"{self.file}:{self.place + token}"
        sentence = (
            f"{self.file}:{self.place}" if isinstance(self.place, int) else f"{self.file}, {self.place}"
        )
        return sentence if token is None else f"{sentence}, token {token + 1}"
