"""promote's headline: how the operator, which never reads the store, learns the pointer.

The operator decides by it, so it has a class of its own. It always fits a
termination message: the verdict's message is cut, and only the newest held
revisions are named. The gates refuse a held candidate that is not named here.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Self

from ner_jobs.task.model import Contract

MESSAGE_BYTES = 1200
"""In JSON; a refusal by three gates fits, 32 variants' do not."""

_END = "…"

HELD_NAMED = 16
"""Held revisions that are named, the newest: 16 of 64 digits are 1,040 bytes."""


class PromoteHeadline(Contract):
    """What was judged, and what is in service afterwards.

    Attributes:
        verdict: the outcome (`ner_jobs.promotion.verdict.Outcome`); empty if the stage only found that the
            pointer has another generation than its task says.
        message: why, as a sentence.
        revision: that was judged or put back.
        variant: that was chosen or put back; None if all were refused.
        f1, drop: of that variant, else of the first in preference.
        generation: of the pointer afterwards; 0 if nothing was ever promoted.
        current_revision, current_variant, current_f1, current_drop: what is in service afterwards.
        compile_key: of what is in service; compiled: digest of that model; backend: of that model. Both
            are empty if its artifact is gone.
        promote_key: of the verdict that passed it; empty if a person put it there.
        held: revisions that were rolled back, newest first, separated by spaces.
        manual: whether a person put it there.
    """

    verdict: str = ""
    message: str = ""
    revision: str = ""
    variant: str | None = None
    f1: float | None = None
    drop: float | None = None
    generation: int = 0
    current_revision: str = ""
    current_variant: str = ""
    current_f1: float | None = None
    current_drop: float | None = None
    compile_key: str = ""
    compiled: str = ""
    backend: str = ""
    promote_key: str = ""
    held: str = ""
    manual: bool = False

    @classmethod
    def read(cls, headline: Mapping[str, object]) -> Self | None:
        """Read the headline of a termination message; None if it is not promote's.

        Figures that a later release adds are ignored.
        """
        known = {field.alias or name for name, field in cls.model_fields.items()}
        if "generation" not in headline:
            return None
        return cls.model_validate({name: value for name, value in headline.items() if name in known})

    @property
    def held_revisions(self) -> tuple[str, ...]:
        """The revisions of `held`."""
        return tuple(self.held.split())

    def figures(self) -> dict[str, float | int | str | bool | None]:
        """The headline as a manifest and a termination message have it."""
        return self.model_dump(mode="json", by_alias=True)


OF_THE_POINTER = frozenset(PromoteHeadline.model_fields) - {
    "verdict",
    "message",
    "revision",
    "variant",
    "f1",
    "drop",
}
"""Fields about the pointer, not about the verdict."""


def format_held(taken_back: Sequence[str]) -> str:
    """The newest of the revisions that were rolled back (oldest first), as `PromoteHeadline.held`."""
    return " ".join(reversed(taken_back[-HELD_NAMED:]))


def cut(message: str, longest: int = MESSAGE_BYTES) -> str:
    """Cut a message to at most `longest` bytes of JSON, in which a quote takes two."""
    if _bytes(message) <= longest:
        return message
    room = longest - _bytes(_END)
    for at, letter in enumerate(message):
        room -= _bytes(letter)
        if room < 0:
            return message[:at] + _END
    return message


def _bytes(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode()) - len('""')
