"""A task's folder for temporary files, under TMPDIR, removed afterwards.

A killed process cannot remove its folder, and a few of them fill a laptop's
disk. So a process holds a lock on its folder. The kernel releases the lock of a
killed process, and the next task removes folders that are not locked.
"""

import contextlib
import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ner_jobs.store.local_errors import writing

PREFIX = "nerd-scratch-"

LOCK = ".lock"

UNLOCKED_SECONDS = 3600.0
"""A folder without a lock file is abandoned at this age; a younger one may be about to get its lock."""


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder while the block runs.

    Raises:
        PermanentError: TMPDIR is full or cannot be written.
    """
    parent = Path(tempfile.gettempdir())
    remove_abandoned(parent)
    with writing(str(parent)):
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        lock = (folder / LOCK).open("w")
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def remove_abandoned(parent: Path) -> int:
    """Remove the scratch folders of killed processes; returns how many."""
    removed = 0
    for folder in parent.glob(f"{PREFIX}*"):
        # Another user's folder, or another task is removing it now.
        with contextlib.suppress(OSError):
            if _is_abandoned(folder):
                shutil.rmtree(folder)
                removed += 1
    return removed


def _is_abandoned(folder: Path) -> bool:
    try:
        with (folder / LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return time.time() - folder.stat().st_mtime > UNLOCKED_SECONDS
