"""The images of operator, jobs and device emulator, built by images/build."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent

TOOLS = {"buildah": "buildah", "mmdebstrap": "mmdebstrap"}
"""Programs that a build needs, and their Debian packages."""


def image_name(part: str) -> str:
    """The default image of the chart, such as `nerd-operator:0.1.0`.

    Args:
        part: operator, jobs or device-emulator.
    """
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return f"nerd-{part}:{project['version']}"


def missing_build_tools() -> str:
    """Why the images cannot be built on this machine, and what to do; empty if they can."""
    packages = sorted(package for program, package in TOOLS.items() if shutil.which(program) is None)
    if os.geteuid():
        return "needs root: the base image is made of Debian packages"
    return f"needs Debian packages: apt-get install {' '.join(packages)}" if packages else ""


def build_image(part: str) -> Path:
    """Build an image from the checkout: minutes the first time, seconds if nothing has changed.

    Returns:
        The archive, for import into a node.
    """
    done = subprocess.run(
        [str(REPOSITORY / "images" / "build"), part],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"images/build {part}:\n{done.stderr}"
    return REPOSITORY / ".cache" / "images" / f"{part}.tar"
