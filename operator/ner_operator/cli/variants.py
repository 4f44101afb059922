"""The table of the variants, at the end of a run and in `nerd report`."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from ner_operator.cli.output import console

if TYPE_CHECKING:
    from ner_operator.local.summary import Summary, VariantRow

_STYLES = {"Passed": "green", "NotApplicable": "green"}


def show(summary: "Summary", page: Path | None) -> None:
    """Variants, verdict and where the page is."""
    out = console()
    if summary.evaluated:
        out.print()
        out.print(table(summary))
    out.print()
    for row in summary.variants:
        if row.message and row.verdict not in _STYLES:
            out.print(Text(f"{row.name}: {row.message}", style="red"), soft_wrap=True)
    if summary.held:
        out.print(Text(summary.held, style="magenta"), soft_wrap=True)
    elif summary.message:
        style = "red" if summary.outcome == "Refused" else "bold green"
        out.print(Text(summary.message, style=style), soft_wrap=True)
    if summary.in_service:
        out.print(f"in service: {summary.in_service}, generation {summary.generation}", soft_wrap=True)
    if page:
        out.print(f"report: {page}", soft_wrap=True)


def table(summary: "Summary") -> Table:
    """One row a variant; a column that nothing fills is left out."""
    columns = {
        "VARIANT": [Text(("→ " if row.in_service else "  ") + row.name) for row in summary.variants],
        "RUNTIME": [Text(row.runtime) for row in summary.variants],
        "PRECISION": [Text(_precision(row)) for row in summary.variants],
        "F1": [Text(_figure(row.f1, ".4f")) for row in summary.variants],
        "DROP": [
            Text("reference" if row.reference else _figure(row.drop, "+.2f")) for row in summary.variants
        ],
        "AT MOST": [Text(_figure(row.drop_upper, "+.2f")) for row in summary.variants],
        "SENTENCES/S": [Text(_figure(row.sentences_per_second, ",.1f")) for row in summary.variants],
        "MEDIAN MS": [Text(_figure(row.latency_ms, ",.1f")) for row in summary.variants],
        "MIB": [Text(_figure(row.bytes and row.bytes / 2**20, ",.1f")) for row in summary.variants],
        "VERDICT": [
            Text(row.verdict or "", style=_STYLES.get(row.verdict or "", "red")) for row in summary.variants
        ],
    }
    shown = {name: cells for name, cells in columns.items() if any(cell.plain.strip() for cell in cells)}
    result = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name in shown:
        left = name in ("VARIANT", "RUNTIME", "PRECISION", "VERDICT")
        result.add_column(name, justify="left" if left else "right", no_wrap=True)
    for cells in zip(*shown.values(), strict=True):
        result.add_row(*cells)
    return result


def _precision(row: "VariantRow") -> str:
    if row.precision and row.precision != row.asked:
        return f"{row.precision} (asked {row.asked})"
    return row.precision or row.asked


def _figure(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
