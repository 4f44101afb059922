"""What a collection has found and done, in lines for whoever reads the pod's log. Pure."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ner_jobs.garbage.collect import Removed, Seen
from ner_jobs.garbage.inventory import Entry
from ner_jobs.task import ExitCode, PermanentError, Stage

HOUR = 3600.0
DAY = 24 * HOUR

LEAST_GRACE = HOUR
"""Nothing younger is ever removed: a stage says what it has made only after it has made it."""

_UNITS = {"h": HOUR, "d": DAY}


def grace_of(text: str) -> float:
    """Seconds of a grace period such as `36h` or `14d`.

    Raises:
        PermanentError: it is none, or too short.
    """
    found = re.fullmatch(r"([0-9]{1,5})([hd])", text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0.0
    if seconds < LEAST_GRACE:
        raise PermanentError(
            f"the grace period is {text!r}; write hours or days, 1h at least, such as 36h or 14d",
            ExitCode.USAGE,
        )
    return seconds


def found(seen: Seen) -> Iterator[str]:
    """What a look has found, key by key and in sum."""
    for entry in seen.verdict.dead:
        what = "reached by nothing" if entry.manifest else "never finished, and reached by nothing"
        objects = counted(len(entry.objects), "object")
        yield f"{entry.stage}/{entry.key}  {objects}, {mebibytes(entry.size)}: {what}"
    for item in seen.verdict.leftovers:
        yield f"{item.key}  {mebibytes(item.size)}: left beside a finished artifact"
    young = f", {counted(len(seen.verdict.young), 'key')} too young to judge" if seen.verdict.young else ""
    yield (
        f"{counted(len(seen.entries), 'key')} in the store: {seen.verdict.reached} in use{young}, "
        f"{len(seen.verdict.dead)} garbage ({_by_stage(seen.verdict.dead)}) and "
        f"{counted(len(seen.verdict.leftovers), 'leftover')}, {mebibytes(seen.verdict.size)} in all"
    )


def done(removed: Removed) -> Iterator[str]:
    """What was removed, and what was spared."""
    for entry in removed.spared:
        yield f"{entry.stage}/{entry.key}  spared: it came into use in between"
    yield (
        f"removed {counted(len(removed.entries), 'key')} and {counted(removed.leftovers, 'leftover')}, "
        f"{mebibytes(removed.size)}"
    )


def summary(seen: Seen, removed: Removed | None) -> dict[str, Any]:
    """The same for programs; `removed` is null in a dry run."""
    return {
        "keys": len(seen.entries),
        "inUse": seen.verdict.reached,
        "young": len(seen.verdict.young),
        "garbage": [f"{entry.stage}/{entry.key}" for entry in seen.verdict.dead],
        "leftovers": [item.key for item in seen.verdict.leftovers],
        "bytes": seen.verdict.size,
        "removed": removed and [f"{entry.stage}/{entry.key}" for entry in removed.entries],
        "spared": removed and [f"{entry.stage}/{entry.key}" for entry in removed.spared],
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
