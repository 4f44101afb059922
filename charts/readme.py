"""Writes the table of values in the chart's README.md from values.yaml; `--check` fails if it differs.

The row of a value is the comment above it that starts with two hyphens. Every
value needs such a comment, or a parent that has one.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parent / "nerd-operator"
BEGIN, END = "<!-- values: made by `python charts/readme.py --write` -->", "<!-- end of values -->"

_KEY = re.compile(r"^( *)([A-Za-z][A-Za-z0-9]*):")
_ROW = "-- "


class UndescribedError(Exception):
    """A value has no description; the message names it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One value.

    Attributes:
        path: dotted, as `--set` takes it.
        default: as JSON.
    """

    path: str
    default: str
    description: str


def rows(text: str) -> list[Row]:
    """The rows of a values.yaml, in its order.

    Raises:
        UndescribedError: a value and all its parents have no description.
    """
    described = dict(_descriptions(text))
    values = yaml.safe_load(text)
    missing = [
        path for path in _leaves(values) if not any(_is_at_or_below(path, known) for known in described)
    ]
    if missing:
        raise UndescribedError(f"no comment that starts with `# {_ROW}` is above {', '.join(missing)}")
    return [Row(path, json.dumps(_at(values, path)), words) for path, words in described.items()]


def rendered(readme: str, values: str) -> str:
    """The README with the table of these values between its two markers."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    table = ["| value | default | description |", "|---|---|---|"]
    table += [f"| `{row.path}` | `{row.default}` | {row.description} |" for row in rows(values)]
    return "\n".join([f"{before}{BEGIN}", *table, f"{END}{after}"])


def _descriptions(text: str) -> Iterator[tuple[str, str]]:
    """(path, description) of each described value."""
    parents: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            words = stripped.removeprefix("#").strip()
            if words.startswith(_ROW):
                comment = [words.removeprefix(_ROW)]
            elif comment:
                comment.append(words)
            continue
        if key := _KEY.match(line):
            indent = len(key[1])
            parents = [(depth, name) for depth, name in parents if depth < indent] + [(indent, key[2])]
            if comment:
                yield ".".join(name for _, name in parents), " ".join(comment)
        comment = []


def _leaves(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, value in values.items():
        here = f"{path}.{name}" if path else name
        if isinstance(value, dict) and value:
            yield from _leaves(value, here)
        else:
            yield here


def _is_at_or_below(path: str, known: str) -> bool:
    return path == known or path.startswith(f"{known}.")


def _at(values: Any, path: str) -> Any:
    for name in path.split("."):
        values = values[name]
    return values


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `--check` (exit 1 on a difference) or `--write`."""
    parser = argparse.ArgumentParser(prog="python charts/readme.py", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true", help="fail if README.md differs from values.yaml")
    action.add_argument("--write", action="store_true", help="write the table into README.md")
    parser.add_argument("--chart", type=Path, default=CHART, help="default: charts/nerd-operator")
    options = parser.parse_args(arguments)
    page, values = options.chart / "README.md", (options.chart / "values.yaml").read_text(encoding="utf-8")
    now = page.read_text(encoding="utf-8")
    try:
        wanted = rendered(now, values)
    except UndescribedError as error:
        sys.stderr.write(f"{options.chart / 'values.yaml'}: {error}\n")
        return 1
    if options.write:
        page.write_text(wanted, encoding="utf-8")
    elif now != wanted:
        sys.stderr.write(f"{page} differs from values.yaml; run: python charts/readme.py --write\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
