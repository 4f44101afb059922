"""The table of the variants, at the end of a run and in `nerd report`."""

from pathlib import Path
from typing import TYPE_CHECKING

from ner_operator.cli.output import console

if TYPE_CHECKING:
    from ner_jobs.report.comparison import Comparison
    from ner_operator.local.workspace import Workspace
    from ner_operator.planning.plan import Plan

_LEFT = ("variant", "precision", "verdict")


def show_here(here: "Workspace", plan: "Plan", comparison: "Comparison", page: Path | None) -> None:
    """The variants of a spec on this machine."""
    from ner_operator.planning.plan import Held

    promote, pointer = plan.state("promote"), here.observer.pointer
    in_service = (
        f"variant {pointer.variant} of revision {pointer.revision[:12]}, generation {pointer.generation}"
        if pointer
        else "nothing"
    )
    show(comparison, promote.message if isinstance(promote, Held) else "", in_service, page)


def show(comparison: "Comparison", held: str, in_service: str, page: Path | None) -> None:
    """Variants, why some were refused, what is in service, and where the page is.

    Args:
        comparison: of the variants.
        held: why nothing is promoted, whatever the verdict says; empty where nothing holds it.
        in_service: the model in service, in words.
        page: written for people, if one was.
    """
    from rich.table import Table
    from rich.text import Text

    from ner_jobs.report.comparison import COLUMNS, rows

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
    if held:
        out.print(Text(held, style="magenta"), soft_wrap=True)
    elif comparison.verdict and comparison.verdict.variant:
        out.print(Text(comparison.verdict.message, style="bold green"), soft_wrap=True)
    out.print(f"in service: {in_service}", soft_wrap=True)
    if page:
        out.print(f"report: {page}", soft_wrap=True)
