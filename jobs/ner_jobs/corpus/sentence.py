"""The one form in which data goes through the product: sentences of tokens and IOB2 tags."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as read, normalised to IOB2.

    Attributes:
        id: names it in every output: `<split>:<1-based ordinal>`, or the user's own id.
        tokens: in order; empty for an npz set, which has no text.
        tags: IOB2 names, one a token (one a real sub-token for an npz set), or None where there is no gold.
        input_ids: of an npz set only: the window's real sub-tokens, specials included.
        source: `FILE:LINE` where it begins, for messages.
    """

    id: str
    tokens: tuple[str, ...]
    tags: tuple[str, ...] | None = None
    input_ids: tuple[int, ...] | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """A span: token positions, end exclusive."""

    start: int
    end: int
    type: str
