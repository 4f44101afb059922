"""The product's own images for a node: built by images/build, which makes again only what has changed."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent

TOOLS = {"buildah": "buildah", "mmdebstrap": "mmdebstrap"}
"""Programs that a build needs of the machine, and Debian's packages of them."""


def image_name(part: str) -> str:
    """How the chart names an image by default: `nerd-operator:0.1.0`.

    Args:
        part: operator, jobs or device-emulator.
    """
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return f"nerd-{part}:{project['version']}"


def missing_build_tools() -> str:
    """Why the images cannot be built on this machine, and how to change that; empty where they can."""
    packages = sorted(package for program, package in TOOLS.items() if shutil.which(program) is None)
    if os.geteuid():
        return "needs root: the images' base is made of Debian's packages"
    return f"needs Debian's packages: apt-get install {' '.join(packages)}" if packages else ""


def build_image(part: str) -> Path:
    """Build an image as the checkout is now: minutes for the first time, seconds without a change.

    Returns:
        The archive, which a node imports.
    """
    done = subprocess.run(
        [str(REPOSITORY / "images" / "build"), part],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"images/build {part}:\n{done.stderr}"
    return REPOSITORY / ".cache" / "images" / f"{part}.tar"
