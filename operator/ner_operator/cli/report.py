"""`nerd report`: all variants of a revision side by side, as a table, a page, or JSON."""

from pathlib import Path
from typing import Annotated

import typer

from ner_operator.cli.options import Name, Output, Settings, SpecFile, Storage, workspace


def report(
    file: SpecFile,
    settings: Settings = [],  # noqa: B006
    storage: Storage = None,
    name: Name = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Where the page goes; else beside the results."),
    ] = None,
    output: Output = "table",
) -> None:
    """Compare all variants: F1, drop, speed, size, verdict and why; writes a page for people, too."""
    from ner_jobs.report.comparison import to_json
    from ner_jobs.task import ExitCode, PermanentError
    from ner_operator.cli.comparison import show
    from ner_operator.cli.output import print_json
    from ner_operator.local.comparing import compare, write_page

    here = workspace(file, settings, storage, name)
    plan = here.observer.look()
    comparison = compare(here, plan)
    if not comparison.variants:
        raise PermanentError(
            "nothing of this spec is compiled or evaluated yet; nerd run takes it there", ExitCode.USAGE
        )
    page = write_page(here, plan, html)
    if output == "json":
        print_json({**to_json(comparison), "report": str(page)})
    else:
        show(here, plan, comparison, page)
