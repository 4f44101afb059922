"""Drills: a device fails while a file of its name lies in a folder, and is well when the file is gone.

So `kubectl exec` can make a device fail and heal, and a test can with `touch`.
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
    """The devices that are to be unhealthy; none where the folder is not there."""
    try:
        return frozenset(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return frozenset()
