"""The table of the variants, at the end of a run and in `nerd report`."""

from pathlib import Path
from typing import TYPE_CHECKING

from ner_operator.cli.output import console

if TYPE_CHECKING:
    from ner_jobs.report.comparison import Comparison
    from ner_operator.local.workspace import Workspace
    from ner_operator.planning.plan import Plan

_LEFT = ("variant", "precision", "verdict")


def show(here: "Workspace", plan: "Plan", comparison: "Comparison", page: Path | None) -> None:
    """Variants, why some were refused, what is in service, and where the page is."""
    from rich.table import Table
    from rich.text import Text

    from ner_jobs.report.comparison import COLUMNS, rows
    from ner_operator.planning.plan import Held

    out = console()
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    shown = [at for at, column in enumerate(COLUMNS) if column != "why"]
    for at in shown:
        left = COLUMNS[at] in _LEFT
        table.add_column(COLUMNS[at].upper(), justify="left" if left else "right", no_wrap=True)
    for row in rows(comparison):
        table.add_row(*(Text(row[at]) for at in shown))
    out.print()
    out.print(table)
    out.print()
    for variant in comparison.variants:
        if variant.verdict and not variant.verdict.passed:
            out.print(Text(f"{variant.name}: {variant.verdict.message}", style="red"), soft_wrap=True)
    promote, pointer = plan.state("promote"), here.observer.pointer
    if isinstance(promote, Held):
        out.print(Text(promote.message, style="magenta"), soft_wrap=True)
    elif comparison.verdict and comparison.verdict.variant:
        out.print(Text(comparison.verdict.message, style="bold green"), soft_wrap=True)
    if pointer:
        where = f"variant {pointer.variant} of revision {pointer.revision[:12]}"
        out.print(f"in service: {where}, generation {pointer.generation}", soft_wrap=True)
    else:
        out.print("in service: nothing", soft_wrap=True)
    if page:
        out.print(f"report: {page}", soft_wrap=True)
