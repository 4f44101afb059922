"""What a collection found and removed, as lines of a log and as JSON. Pure."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ner_jobs.garbage.collect import Removed, Snapshot
from ner_jobs.garbage.inventory import Entry
from ner_jobs.task import ExitCode, PermanentError, Stage

HOUR = 3600.0
DAY = 24 * HOUR

LEAST_GRACE = HOUR
"""A stage reports its result only after it has written it, so younger objects are never removed."""

_UNITS = {"h": HOUR, "d": DAY}


def parse_grace(text: str) -> float:
    """Seconds of a grace period such as `36h` or `14d`.

    Raises:
        PermanentError: it is no such period, or too short.
    """
    found = re.fullmatch(r"([0-9]{1,5})([hd])", text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0.0
    if seconds < LEAST_GRACE:
        raise PermanentError(
            f"the grace period is {text!r}; write hours or days, 1h at least, such as 36h or 14d",
            ExitCode.USAGE,
        )
    return seconds


def found_lines(snapshot: Snapshot) -> Iterator[str]:
    """What was found: a line for each key, and the total."""
    decision = snapshot.decision
    for entry in decision.dead:
        what = "reached by nothing" if entry.manifest else "never finished, and reached by nothing"
        objects = counted(len(entry.objects), "object")
        yield f"{entry.stage}/{entry.key}  {objects}, {mebibytes(entry.size)}: {what}"
    for item in decision.leftovers:
        yield f"{item.key}  {mebibytes(item.size)}: leftover of a finished artifact"
    young = f", {counted(len(decision.young), 'key')} too young to judge" if decision.young else ""
    yield (
        f"{counted(len(snapshot.entries), 'key')} in the store: {decision.reached} in use{young}, "
        f"{len(decision.dead)} garbage ({_by_stage(decision.dead)}) and "
        f"{counted(len(decision.leftovers), 'leftover')}, {mebibytes(decision.size)} in all"
    )


def removed_lines(removed: Removed) -> Iterator[str]:
    """What was kept after all, and the total that was removed."""
    for entry in removed.kept:
        yield f"{entry.stage}/{entry.key}  kept: it came into use meanwhile"
    yield (
        f"removed {counted(len(removed.entries), 'key')} and {counted(removed.leftovers, 'leftover')}, "
        f"{mebibytes(removed.size)}"
    )


def to_json(snapshot: Snapshot, removed: Removed | None) -> dict[str, Any]:
    """The same for programs; `removed` and `spared` are null in a dry run."""
    return {
        "keys": len(snapshot.entries),
        "inUse": snapshot.decision.reached,
        "young": len(snapshot.decision.young),
        "garbage": [f"{entry.stage}/{entry.key}" for entry in snapshot.decision.dead],
        "leftovers": [item.key for item in snapshot.decision.leftovers],
        "bytes": snapshot.decision.size,
        "removed": removed and [f"{entry.stage}/{entry.key}" for entry in removed.entries],
        "spared": removed and [f"{entry.stage}/{entry.key}" for entry in removed.kept],
    }


def counted(number: int, noun: str) -> str:
    """`1 key`, `2 keys`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def mebibytes(size: int) -> str:
    """A size for people."""
    return f"{size / 2**20:,.1f} MiB"


def _by_stage(entries: Iterable[Entry]) -> str:
    counts = dict.fromkeys(Stage, 0)
    for entry in entries:
        counts[entry.stage] += 1
    return ", ".join(f"{count} {stage}" for stage, count in counts.items() if count) or "none"
