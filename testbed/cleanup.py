"""Ends a cluster, from its folder alone: its processes, its control groups, its large files.

`python -m testbed.cleanup FOLDER` is the guard of a cluster. It reads its
standard input, a pipe whose other end only the starting process holds. The
kernel closes the pipe when that process ends, SIGKILL included; the guard then
cleans up.
"""

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from testbed.cgroups import group_of, remove_group
from testbed.processes import kill_marked
from testbed.programs import REPOSITORY

LARGE = ("etcd", "s3", "node/containerd", "node/kubelet", "node/pause.tar")
"""Useless for finding out what went wrong. Logs, audit log and configuration stay."""


def clean_up(folder: Path) -> None:
    """End everything that belongs to a cluster, whether it is running or was killed half-way."""
    kill_marked(folder)
    remove_group(group_of(folder))
    for path in LARGE:
        shutil.rmtree(folder / path, ignore_errors=True)


@contextlib.contextmanager
def guarded(folder: Path) -> Iterator[Path]:
    """Create the folder of one cluster; its processes end with the block, or with this process."""
    folder = folder.resolve()
    folder.mkdir(parents=True)
    guard = subprocess.Popen(
        [sys.executable, "-m", "testbed.cleanup", str(folder)],
        stdin=subprocess.PIPE,
        # Ctrl-C ends the starting process; the guard has to outlive it.
        start_new_session=True,
        cwd=REPOSITORY,
    )
    try:
        yield folder
    finally:
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait()


if __name__ == "__main__":
    sys.stdin.buffer.read()
    clean_up(Path(sys.argv[1]))
