"""Room on a disk, asked for before something large begins.

A disk that fills up in the middle shows late and elsewhere: a build ends with
a broken pipe, and a node takes no pods, which then are merely pending.
"""

import shutil
from pathlib import Path

GB = 1_000_000_000


class NoRoomError(AssertionError):
    """A disk is too full; the message says which, how much is needed, and how much there is."""


def free_bytes(path: Path) -> int:
    """What a file at this path may still take; its folder need not be there yet."""
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    return shutil.disk_usage(there).free


def require_room(what: str, path: Path, needed: int) -> None:
    """Do nothing where there is as much room as is needed.

    Args:
        what: needs it, for the message.
        path: where it will write.
        needed: bytes.

    Raises:
        NoRoomError: there is less.
    """
    has = free_bytes(path)
    if has < needed:
        raise NoRoomError(f"{what} needs about {needed / GB:.1f} GB free at {path}, which has {has / GB:.1f}")
