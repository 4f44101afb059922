"""Ending a cluster for good, from its folder alone: its processes, its control groups, its large files."""

import shutil
from pathlib import Path

from testbed.cgroups import group_of, remove_group
from testbed.processes import kill_marked

LARGE = ("etcd", "s3", "node/containerd", "node/kubelet", "node/pause.tar")
"""Of no use to anyone who reads what went wrong; logs, audit log and configuration stay."""


def forget_folder(folder: Path) -> None:
    """Remove what a cluster left behind that has ended."""
    shutil.rmtree(folder, ignore_errors=True)


def clean_up(folder: Path) -> None:
    """End everything that belongs to a cluster, whether it runs or has been killed half-way."""
    kill_marked(folder)
    remove_group(group_of(folder))
    for path in LARGE:
        shutil.rmtree(folder / path, ignore_errors=True)
