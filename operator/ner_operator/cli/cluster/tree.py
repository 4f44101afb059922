"""The stages of a deployment as a tree that shows roughly which stage needs which.

All variants need `prepare`, `finetune` and `export`, and `promote` needs all
variants: these have no indent. A variant's compile stage is a branch, and its
other stages are branches of that one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ner_operator.api.v1alpha1.status import StageStatus

_ROOTS = {"compile": "export", "inference": "promote"}
"""The parent of a step, by its stage. The parent of any other step of a variant is its compile step."""


@dataclass(frozen=True, slots=True)
class Line:
    """A stage, and the branch characters before its name."""

    branch: str
    stage: StageStatus


def lines(stages: Sequence[StageStatus]) -> tuple[Line, ...]:
    """The stages in the order of the tree. Each appears once, with any name."""
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
