"""The figures of a stage's headline as a person reads them, wherever they are shown. Pure.

Stages leave figures as they were computed, and this rounds them once: so the
line of a finished stage, `kubectl nerd status`, an Event and the table of
variants show the same F1, and not the roundings of different roundings.
"""

from collections.abc import Mapping

SCORE, POINTS, OTHER = ".4f", ".2f", ".4g"
"""A share of 0..1, points of F1, and any other figure."""

FORMATS: Mapping[str, str] = {
    **dict.fromkeys(("f1", "f1Strict", "f1Validation", "accuracy", "currentF1"), SCORE),
    **dict.fromkeys(("drop", "dropUpper", "currentDrop"), POINTS),
}

LONGEST = 32
"""Of a text among figures: a recipe's name is shorter, a digest longer."""


def headline_words(figures: Mapping[str, object]) -> str:
    """A headline in one line: who judged has a sentence for people, and the rest of it is for programs."""
    return str(figures.get("message") or "  ".join(pairs(figures)))


def pairs(figures: Mapping[str, object]) -> list[str]:
    """`name value` of each figure, by name; what is absent, or only a program can use, is left out."""
    return [
        f"{name} {shown(name, value)}"
        for name, value in sorted(figures.items())
        if isinstance(value, str | int | float) and value != "" and len(str(value)) <= LONGEST
    ]


def shown(name: str, value: object) -> str:
    """A figure, short."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    # A server of JSON gives a figure that happens to be whole back as an integer.
    if isinstance(value, float) or (isinstance(value, int) and name in FORMATS):
        return format(value, FORMATS.get(name, OTHER))
    return str(value)
