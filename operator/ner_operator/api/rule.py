"""A rule across fields: as CEL for the API server, and the same as Python.

`schema/crd.py` writes rules into the CRDs as x-kubernetes-validations, the
models check them, and `schema/validation.py` reports them. All give the same
message, which says what to write. The Python check sees what CEL sees: the
object as written, with camelCase names, without defaults.

This module knows no model and no rule.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Written = Mapping[str, Any]
"""An object as the user wrote it, as JSON values."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule on one object.

    Attributes:
        field: that the message is about: a dotted path below the object, or empty for the object.
        cel: the expression that must be true; `self` is the object.
        holds: the same in Python.
        message: what to write; it is true for every object that breaks the rule.
        reads: dotted paths that the rule reads besides `field`. If one of them has a mistake itself, the
            rule is not reported.
    """

    field: str
    cel: str
    holds: Callable[[Written], bool]
    message: str
    reads: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        """Every path that the rule depends on, split."""
        return tuple(tuple(path.split(".")) for path in (self.field, *self.reads) if path)


def broken(rules: Iterable[Rule], written: Written) -> list[Rule]:
    """The rules that this object breaks, in order."""
    return [rule for rule in rules if not rule.holds(written)]
