"""The table and the page of the variants, at the end of a run and in `nerd report`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ner_jobs.task import ExitCode, Manifest, PermanentError, canonical_digest
from ner_operator.cli.output import console, plain_table

if TYPE_CHECKING:
    from ner_operator.cli.place import Results

_LEFT = ("variant", "precision", "verdict")


def page_name(manifests: Sequence[Manifest]) -> str:
    """The file name of the page of these results: the same results have the same name."""
    keys = [[manifest.variant, manifest.stage, manifest.key] for manifest in manifests]
    return f"{canonical_digest(keys)[:12]}.html"


def write_page(results: "Results", path: Path | None = None) -> Path:
    """Write the page for people, unless it is there already; returns its path.

    Args:
        results: that it shows.
        path: where to write it; None takes `results.page`.

    Raises:
        PermanentError: it cannot be written there.
    """
    from ner_jobs.report.comparison import page

    if path is None and results.page.exists():
        return results.page
    target = path or results.page
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page(results.comparison), encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PermanentError(
            f"the report {target} cannot be written: {reason}", ExitCode.CANNOT_CREATE
        ) from None
    return target


def show(results: "Results", page: Path | None) -> None:
    """Print the variants, why some were refused, what is in service, and where the page is."""
    from rich.text import Text

    from ner_jobs.report.comparison import COLUMNS, rows

    out, comparison = console(), results.comparison
    shown = [at for at, column in enumerate(COLUMNS) if column != "why"]
    table = plain_table()
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
    if results.held:
        out.print(Text(results.held, style="magenta"), soft_wrap=True)
    elif comparison.verdict and comparison.verdict.variant:
        out.print(Text(comparison.verdict.message, style="bold green"), soft_wrap=True)
    out.print(f"in service: {results.in_service}", soft_wrap=True)
    if page:
        out.print(f"report: {page}", soft_wrap=True)
