"""What changed between two records of ingredients, as phrases for people. Pure.

A key shows that something changed; this module says what, in the spec's own
field names if possible. Changed gates are listed one by one, so that a reader
need not compare two lists of gates.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from ner_jobs.task import canonical_digest

DIGITS = 12
"""How many digits of a digest are shown."""

ROLLOUT = frozenset({"mode", "preference", "allowEmulated", "historyLimit"})
"""Parameters of promote that come from `spec.rollout`; the step's name does not show that."""

BOUNDS = ("min", "max", "maxDrop", "confidence")
"""Fields that may change while the gate stays the same gate."""


def differences(before: Mapping[str, object] | None, now: Mapping[str, object]) -> tuple[str, ...]:
    """What changed between two records of ingredients.

    Args:
        before: the last record of this step; None if it has never run here.
        now: the present record.
    """
    if before is None:
        return ("it has not run yet",)
    old, new = _flat(before), _flat(now)
    return tuple(
        _phrase(path, old.get(path), new.get(path))
        for path in sorted(old.keys() | new.keys())
        if canonical_digest(old.get(path)) != canonical_digest(new.get(path))
    )


def _flat(record: Mapping[str, object], prefix: tuple[str, ...] = ()) -> dict[tuple[str, ...], object]:
    flat: dict[tuple[str, ...], object] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, (*prefix, name))
        else:
            flat[*prefix, name] = value
    return flat


def _phrase(path: tuple[str, ...], old: object, new: object) -> str:
    match path:
        case ("parameters", *names) if names[-1] in ("content", "baseContent"):
            subject = "the base model" if names[-1] == "baseContent" else f"data.{'.'.join(names[:-1])}"
            return f"the files of {subject} changed"
        case ("parameters", "gates"):
            return f"gates changed: {', '.join(_gates(_list(old), _list(new)))}"
        case ("parameters", "revision") if isinstance(old, str) and isinstance(new, str):
            return f"revision: {old[:DIGITS]} -> {new[:DIGITS]}"
        case ("parameters", "currentGeneration"):
            return f"the model in service is another one (generation {_shown(old)} -> {_shown(new)})"
        case ("parameters", name) if name in ROLLOUT:
            return f"rollout.{name}: {_shown(old)} -> {_shown(new)}"
        case ("parameters", *names):
            return f"{'.'.join(names)}: {_shown(old)} -> {_shown(new)}"
        case ("inputs", role):
            if old is None:
                return f"input {role} is new"
            return f"input {role} is gone" if new is None else f"input {role} changed"
        case ("versions", package):
            return f"{package} {_shown(old)} -> {_shown(new)}"
        case ("rerun",):
            return "asked for again"
        case ("version",):
            return "this release computes the stage differently"
        case _:
            return f"{'.'.join(path)}: {_shown(old)} -> {_shown(new)}"


Gate = Mapping[str, object]


def _gates(old: Sequence[Gate], new: Sequence[Gate]) -> list[str]:
    """What changed in the gates, one by one."""
    gone, added = _without(old, new), _without(new, old)
    phrases = []
    for gate in added:
        former = [each for each in gone if _subject(each) == _subject(gate)]
        if len(former) == 1 and sum(_subject(each) == _subject(gate) for each in added) == 1:
            phrases.append(f"{_subject(gate)} {', '.join(_moved(former[0], gate))}")
            gone.remove(former[0])
        else:
            phrases.append(f"{_subject(gate)} {_bounds(gate)} is new")
    phrases += [f"{_subject(gate)} {_bounds(gate)} is gone" for gate in gone]
    return phrases or ["their order"]


def _without(these: Sequence[Gate], others: Sequence[Gate]) -> list[Gate]:
    """The multiset difference: these gates without the others."""
    there = Counter(canonical_digest(gate) for gate in others)
    left = []
    for gate in these:
        digest = canonical_digest(gate)
        if there[digest]:
            there[digest] -= 1
        else:
            left.append(gate)
    return left


def _subject(gate: Gate) -> str:
    """What a gate measures. Gates with an equal subject are the same gate, perhaps with other bounds."""
    of = f" of {gate['entityType']}" if gate.get("entityType") else ""
    against = f" against {gate['against']}" if gate.get("against") else ""
    return f"{gate.get('metric', 'f1')}{of}{against}"


def _moved(old: Gate, new: Gate) -> list[str]:
    return [
        f"{name} {_shown(old.get(name))} -> {_shown(new.get(name))}"
        for name in BOUNDS
        if canonical_digest(old.get(name)) != canonical_digest(new.get(name))
    ]


def _bounds(gate: Gate) -> str:
    return " ".join(f"{name} {_shown(gate[name])}" for name in BOUNDS if gate.get(name) is not None)


def _list(value: object) -> Sequence[Gate]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _shown(value: object, longest: int = 48) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, Sequence) and not isinstance(value, str):
        text = ", ".join(_shown(item) for item in value)
    elif isinstance(value, float):
        text = f"{value:g}"
    else:
        text = str(value)
    return text if len(text) <= longest else "…" + text[-longest:]
