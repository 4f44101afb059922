"""Text with a limit: messages of people and clusters have any length, but a status has to stay small."""

from collections.abc import Sequence

SHORT = 512
"""Bytes of a stage's message in the status; the stage's log has all of it."""

LONG = 1536
"""Bytes of promote's message, which gives a reason for each variant."""


def cut(text: str, longest: int = SHORT) -> str:
    """One line of at most so many bytes of UTF-8; no character is split."""
    line = " ".join(text.split())
    data = line.encode()
    return line if len(data) <= longest else data[: longest - 3].decode(errors="ignore") + "…"


def cut_characters(text: str, longest: int) -> str:
    """At most so many characters."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def few(names: Sequence[str], most: int = 4) -> str:
    """The first names, and how many more there are."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
