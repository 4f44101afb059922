"""Finds the programs of Kubernetes on this machine.

The order is: the folder of KUBEBUILDER_ASSETS, `../shared/kube` beside the
checkout (unpacked once into .cache/kube), PATH, and the cache that
`python -m testbed download` fills from the official releases.
"""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared" / "kube"
UNPACKED = REPOSITORY / ".cache" / "kube"
DOWNLOADED = REPOSITORY / ".cache" / "kube-releases"

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")

_LINKS_OF_KUBE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")


class ProgramMissingError(Exception):
    """A program is missing; the message says how to get it."""


@functools.cache
def find_program(name: str) -> Path:
    """The path of a program.

    Raises:
        ProgramMissingError: it is not on this machine.
    """
    for place in (_in_assets, _in_shared, _on_path, _in_cache):
        if found := place(name):
            return found
    raise ProgramMissingError(
        f"needs {name}: set KUBEBUILDER_ASSETS to its folder, put it on PATH, "
        "or run `python -m testbed download` (official releases)"
    )


def _in_assets(name: str) -> Path | None:
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    return _program(Path(folder) / name) if folder else None


def _in_shared(name: str) -> Path | None:
    packed = "kube" if name in _LINKS_OF_KUBE else name
    if not (SHARED / "bin" / f"{packed}.xz").is_file():
        return None
    subprocess.run([str(SHARED / "unpack"), str(UNPACKED), name], check=True, capture_output=True)
    return _program(UNPACKED / name)


def _on_path(name: str) -> Path | None:
    # kubectl is a package of PyPI: it is next to the interpreter, even if the environment is not active.
    path = os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    return Path(found) if found else None


def _in_cache(name: str) -> Path | None:
    return _program(DOWNLOADED / name)


def _program(path: Path) -> Path | None:
    return path if os.access(path, os.X_OK) else None
