"""A folder for one task's temporary files, under TMPDIR, and gone afterwards.

Whoever is killed cannot clear up, and a model's worth of files a kill fills a
laptop's disk. So a folder is locked by its process; the kernel drops the lock
of a killed one, and the next task removes what nobody holds.
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
"""A folder without a lock may be one that is just being made; not for so long."""


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
    """Remove scratch folders whose processes were killed; returns how many."""
    removed = 0
    for folder in parent.glob(f"{PREFIX}*"):
        # Another user's folder, or one that another task removes at this moment: not ours to remove.
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
