"""Simulated failures: a device is unhealthy while a folder contains a file with its name.

`kubectl exec` can make a device fail and heal; a test can use `touch`.
"""

from collections.abc import Iterable
from pathlib import Path


def fail(folder: Path, ids: Iterable[str]) -> None:
    """Make devices unhealthy."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in ids:
        (folder / each).touch()


def heal(folder: Path, ids: Iterable[str]) -> None:
    """Make devices healthy again."""
    for each in ids:
        (folder / each).unlink(missing_ok=True)


def read_failed(folder: Path) -> frozenset[str]:
    """The unhealthy devices; none if the folder does not exist."""
    try:
        return frozenset(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return frozenset()
