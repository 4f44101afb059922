"""What the images are made of, from the two files that say it: pyproject.toml and constraints.txt.

`python images/libraries.py requirements EXTRA…` prints the distribution's own requirements with those of
the extras, a line each, for pip. `python images/libraries.py versions` prints, as JSON, the versions that
constraints.txt pins of the libraries that the keys rest on: the operator plans with them, and has none of
them in its image.
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
            raise LookupError(f"constraints.txt pins no {package}; a key rests on its version")
    return {package: pinned[package] for package in packages}


def main() -> int:
    """Print what the command line asks for."""
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
        # Only here: whoever asks for requirements has nothing installed yet.
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
