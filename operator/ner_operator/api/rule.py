"""What a rule across fields is: CEL for the server, and the same in Python for everyone else.

`crd.py` writes rules into the CRDs as x-kubernetes-validations, the models
obey them, `validation.py` reports them; all say the same message, which tells
what to write. A check sees what CEL sees: the object as it was written, under
its names on the wire, without defaults.

This module knows no model and no rule.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Written = Mapping[str, Any]
"""An object of JSON values, as the user wrote it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule on one object.

    Attributes:
        field: what the message is about, relative to the object: a dotted path, or empty for the object.
        cel: the expression that must be true; `self` is the object.
        holds: the same in Python.
        message: what to write, in words that hold for every object that breaks it.
        reads: dotted paths that the rule looks at besides `field`; where one of them is itself wrong,
            the rule waits.
    """

    field: str
    cel: str
    holds: Callable[[Written], bool]
    message: str
    reads: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        """Every path that the rule rests on, split."""
        return tuple(tuple(path.split(".")) for path in (self.field, *self.reads) if path)


def broken(rules: Iterable[Rule], written: Written) -> list[Rule]:
    """The rules that this object breaks, in their order."""
    return [rule for rule in rules if not rule.holds(written)]
