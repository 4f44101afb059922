"""Ends a cluster when the process that started it is gone: `python -m testbed.guard FOLDER`.

It reads its standard input, a pipe whose other end only the starter holds.
The kernel closes that end however the starter ends, SIGKILL included.
"""

import subprocess
import sys
from pathlib import Path

from testbed.processes import kill_recorded

REPOSITORY = Path(__file__).resolve().parent.parent


def start_guard(folder: Path) -> subprocess.Popen[bytes]:
    """A process that outlives this one for as long as it takes to end the folder's servers."""
    return subprocess.Popen(
        [sys.executable, "-m", "testbed.guard", str(folder)],
        stdin=subprocess.PIPE,
        start_new_session=True,
        cwd=REPOSITORY,
    )


def dismiss_guard(guard: subprocess.Popen[bytes]) -> None:
    """Let the guard do its work now, and wait for it."""
    assert guard.stdin is not None
    guard.stdin.close()
    guard.wait()


if __name__ == "__main__":
    sys.stdin.buffer.read()
    kill_recorded(Path(sys.argv[1]))
