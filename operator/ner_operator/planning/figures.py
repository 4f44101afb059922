"""The figures of a stage's headline as text for people. Pure.

Stages report figures as they were computed; only this module rounds them. So
the line of a finished stage, `kubectl nerd status`, an Event and the table of
variants all show the same F1.
"""

from collections.abc import Mapping

SCORE, POINTS, OTHER = ".4f", ".2f", ".4g"
"""Formats of a share in 0..1, of points of F1, and of any other figure."""

FORMATS: Mapping[str, str] = {
    **dict.fromkeys(("f1", "f1Strict", "f1Validation", "accuracy", "currentF1"), SCORE),
    **dict.fromkeys(("drop", "dropUpper", "currentDrop"), POINTS),
}

LONGEST = 32
"""Characters of a text that still counts as a figure: a recipe's name is shorter, a digest is longer."""


def headline_words(figures: Mapping[str, object]) -> str:
    """A headline in one line: its message if it has one, as a verdict does; otherwise all its figures."""
    return str(figures.get("message") or "  ".join(pairs(figures)))


def pairs(figures: Mapping[str, object]) -> list[str]:
    """`name value` of each figure, sorted by name, without absent ones and long texts such as digests."""
    return [
        f"{name} {shown(name, value)}"
        for name, value in sorted(figures.items())
        if isinstance(value, str | int | float) and value != "" and len(str(value)) <= LONGEST
    ]


def shown(name: str, value: object) -> str:
    """A figure, rounded."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    # The API server returns 1.0 as the integer 1.
    if isinstance(value, float) or (isinstance(value, int) and name in FORMATS):
        return format(value, FORMATS.get(name, OTHER))
    return str(value)
