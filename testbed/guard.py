"""Ends a cluster when the process that started it is gone: `python -m testbed.guard FOLDER`.

It reads its standard input, a pipe whose other end only the starter holds.
The kernel closes that end however the starter ends, SIGKILL included.
"""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from testbed.cleaning import clean_up
from testbed.programs import REPOSITORY


@contextlib.contextmanager
def guarded(folder: Path) -> Iterator[Path]:
    """A folder for one cluster; what runs for it ends with the block, or with this process."""
    folder = folder.resolve()
    folder.mkdir(parents=True)
    guard = _start_guard(folder)
    try:
        yield folder
    finally:
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait()


def _start_guard(folder: Path) -> subprocess.Popen[bytes]:
    """A process that outlives this one for as long as it takes to end the folder's servers."""
    return subprocess.Popen(
        [sys.executable, "-m", "testbed.guard", str(folder)],
        stdin=subprocess.PIPE,
        # Ctrl-C is for the starter alone.
        start_new_session=True,
        cwd=REPOSITORY,
    )


if __name__ == "__main__":
    sys.stdin.buffer.read()
    clean_up(Path(sys.argv[1]))
