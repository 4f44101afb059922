"""Results on standard output: JSON for programs, tables for people."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def console() -> Console:
    """Standard output for people, as wide as the terminal; wide enough for a table if there is none."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(highlight=False, width=max(out.width, 160))


def plain_table(columns: Sequence[str] = (), wrapped: str = "") -> Table:
    """A table without borders, with these columns; one of them may wrap."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=column != wrapped, overflow="fold")
    return table


def print_json(value: Any) -> None:
    """Print one JSON document."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")
    sys.stdout.flush()
