"""Checks for free disk space before something large begins.

A full disk shows late and elsewhere: a build ends with a broken pipe, or a
node takes no pods, which then stay pending.
"""

import shutil
from pathlib import Path

GB = 1_000_000_000


class NoRoomError(AssertionError):
    """A disk has too little free space; the message says which, how much is needed, and how much is free."""


def free_bytes(path: Path) -> int:
    """Free bytes for a file at this path; its folder need not exist yet."""
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    return shutil.disk_usage(there).free


def require_room(what: str, path: Path, needed: int) -> None:
    """Do nothing if there is enough free space.

    Args:
        what: needs the space, for the message.
        path: of the files.
        needed: bytes.

    Raises:
        NoRoomError: there is too little.
    """
    has = free_bytes(path)
    if has < needed:
        raise NoRoomError(f"{what} needs about {needed / GB:.1f} GB free at {path}, which has {has / GB:.1f}")
