"""The control group of a node's pods: created before kubelet starts, removed after all processes end."""

import hashlib
from pathlib import Path

from testbed.waiting import until

ROOT = Path("/sys/fs/cgroup")
NEEDED = frozenset({"cpu", "cpuset", "hugetlb", "io", "memory", "pids"})
"""Controllers that kubelet sets for pods."""


def group_of(folder: Path) -> str:
    """The name of a cluster's group, derived from the cluster's folder."""
    return f"nerd-{hashlib.sha256(str(folder).encode()).hexdigest()[:10]}"


def create_group(name: str) -> None:
    """Create the group in every hierarchy (version 1) or in the only one (version 2)."""
    for hierarchy in _hierarchies():
        (hierarchy / name).mkdir(exist_ok=True)
        controllers = hierarchy / "cgroup.controllers"
        if controllers.is_file():
            for controller in NEEDED & set(controllers.read_text().split()):
                for parent in (hierarchy, hierarchy / name):
                    (parent / "cgroup.subtree_control").write_text(f"+{controller}")
        cpus = hierarchy / name / "cpuset.cpus"
        if not controllers.is_file() and cpus.is_file():
            # Version 1 gives a new group neither processors nor memory.
            for file in ("cpuset.cpus", "cpuset.mems"):
                (hierarchy / name / file).write_text((hierarchy / file).read_text())


def remove_group(name: str) -> None:
    """Remove the group and all groups below it; its killed processes may take a moment to end."""

    def gone() -> bool:
        left = [hierarchy / name for hierarchy in _hierarchies() if (hierarchy / name).is_dir()]
        return all(_removed(group) for group in left)

    until(f"the removal of the control group {name}", gone)


def _removed(group: Path) -> bool:
    try:
        for below in group.iterdir():
            if below.is_dir() and not _removed(below):
                return False
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _hierarchies() -> list[Path]:
    if (ROOT / "cgroup.controllers").is_file():
        return [ROOT]
    # `cpu` and `cpuacct` may be links to one folder, or two folders.
    return sorted({entry.resolve() for entry in ROOT.iterdir() if (entry / "cgroup.procs").is_file()})
