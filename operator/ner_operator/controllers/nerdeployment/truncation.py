"""Sentences within bounds: what people and clusters say has no end, a status has one."""

from collections.abc import Sequence

SHORT = 512
"""Bytes of a stage's message in the status; the whole of it is in the stage's log."""

LONG = 1536
"""Bytes of promote's message, which names a reason for each variant."""


def cut(text: str, longest: int = SHORT) -> str:
    """One line of at most so many bytes; no character is cut in two."""
    line = " ".join(text.split())
    data = line.encode()
    return line if len(data) <= longest else data[: longest - 3].decode(errors="ignore") + "…"


def few(names: Sequence[str], most: int = 4) -> str:
    """The first names, and how many more there are."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
