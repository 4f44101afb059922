"""Results on standard output: JSON for programs, tables for people."""

import json
import sys
from typing import Any

from rich.console import Console


def console() -> Console:
    """Where a person reads results; as wide as the terminal, and never narrower than a table needs."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(highlight=False, width=max(out.width, 160))


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")
    sys.stdout.flush()
