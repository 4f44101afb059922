"""The libraries of the images, read from pyproject.toml and constraints.txt.

`python images/libraries.py requirements EXTRA…` prints the requirements of the distribution and of the
extras, one a line, for pip. `python images/libraries.py versions` prints as JSON the pinned versions of the
libraries that are part of keys: the operator plans with them, and its image does not contain them.
"""

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)$", re.MULTILINE)


def requirements(project: Mapping[str, Any], extras: Iterable[str]) -> list[str]:
    """The requirements of the distribution and of its extras.

    Args:
        project: the table of that name in pyproject.toml.
    """
    optional = project["optional-dependencies"]
    return [*project["dependencies"], *(line for extra in extras for line in optional[extra])]


def versions(constraints: str, packages: Iterable[str]) -> dict[str, str]:
    """The pinned version of each package.

    Args:
        constraints: the text of constraints.txt.

    Raises:
        LookupError: one of them is not pinned.
    """
    pinned = {name.lower(): version for name, version in PIN.findall(constraints)}
    for package in packages:
        if package not in pinned:
            raise LookupError(f"constraints.txt does not pin {package}, whose version is part of keys")
    return {package: pinned[package] for package in packages}


def main() -> int:
    """Print requirements or versions."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--project", type=Path, default=Path("pyproject.toml"), metavar="FILE")
    parser.add_argument("--constraints", type=Path, default=Path("constraints.txt"), metavar="FILE")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("requirements").add_argument("extras", nargs="*")
    commands.add_parser("versions")
    given = parser.parse_args()
    if given.command == "requirements":
        print(*requirements(tomllib.loads(given.project.read_text())["project"], given.extras), sep="\n")
    else:
        # Imported here: for `requirements` nothing is installed yet.
        from ner_operator.planning.keys import PACKAGES

        try:
            found = versions(given.constraints.read_text(), PACKAGES)
        except LookupError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
