"""The stages of a deployment as a tree, as far as lines can show what rests on what.

Everything rests on `prepare`, `finetune` and `export`; then each variant goes
its own way behind its compile stage; `promote` gathers them. So the spine has
no indent, a variant is a branch, and its other stages hang from it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ner_operator.api.v1alpha1.status import StageStatus

_ROOTS = {"compile": "export", "inference": "promote"}
"""Stages with a name behind the slash: what they hang from; the others hang from their compile stage."""


@dataclass(frozen=True, slots=True)
class Line:
    """A stage, and the branches in front of its name."""

    branch: str
    stage: StageStatus


def lines(stages: Sequence[StageStatus]) -> tuple[Line, ...]:
    """The stages in the order of a tree; each stands once, whatever it is called."""
    names = {stage.name for stage in stages}
    children: dict[str, list[StageStatus]] = {}
    for stage in stages:
        parent = _parent(stage.name)
        children.setdefault(parent if parent in names else "", []).append(stage)
    return tuple(
        line for stage in children.get("", []) for line in (Line("", stage), *_below(stage, children, ""))
    )


def _parent(name: str) -> str:
    stage, slash, variant = name.partition("/")
    if not slash:
        return ""
    return _ROOTS.get(stage, f"compile/{variant}")


def _below(parent: StageStatus, children: dict[str, list[StageStatus]], indent: str) -> Iterable[Line]:
    mine = children.get(parent.name, [])
    for stage in mine:
        last = stage is mine[-1]
        yield Line(indent + ("└─ " if last else "├─ "), stage)
        yield from _below(stage, children, indent + ("   " if last else "│  "))
