"""`nerd run`: run every stage of a spec on this machine."""

from typing import TYPE_CHECKING, Annotated

import typer

from ner_operator.cli import options

if TYPE_CHECKING:
    from ner_operator.cli.here import Here
    from ner_operator.local.execute import Outcome

NOT_PROMOTED = 3
"""Exit code of `--require-promoted` if the gates refused, or a person has to decide."""


def run(
    file: options.SpecFile,
    settings: options.Settings = [],  # noqa: B006
    storage: options.Storage = None,
    name: options.Name = None,
    rerun: Annotated[
        list[str],
        typer.Option("--rerun", metavar="STAGE", help="Run a stage (compile) or step (compile/int8) again."),
    ] = [],  # noqa: B006
    require_promoted: Annotated[
        bool, typer.Option("--require-promoted", help="Exit with 3 unless this revision is in service.")
    ] = False,
    output: options.Output = "table",
) -> None:
    """Run every stage of a spec on this machine.

    Results in the store are not computed again. Independent steps run at the same time. Ctrl-C lets the
    stages save their work; the next run continues from it. A refusal by a gate is a result: the exit code is
    0, and the former model stays in service.
    """
    from ner_operator.cli.here import execute, open_here

    here = open_here(file, settings, storage, name)
    if rerun:
        here.rerun(rerun)
    outcome = execute(here.workspace)
    finish(here, outcome, output)
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)
    pointer = here.workspace.view.pointer
    if require_promoted and (pointer is None or pointer.revision != outcome.plan.revision):
        raise typer.Exit(NOT_PROMOTED)


def finish(here: "Here", outcome: "Outcome", output: str) -> None:
    """Print the variants, the verdict, the page, and what failed."""
    from ner_jobs.report.comparison import to_json
    from ner_operator.cli.comparison import show, write_page
    from ner_operator.cli.output import print_json

    results = here.results_of(outcome.plan)
    evaluated = any(variant.evaluation for variant in results.comparison.variants)
    page = write_page(results) if evaluated else None
    if output == "json":
        pointer = here.workspace.view.pointer
        print_json(
            {
                **to_json(results.comparison),
                "revision": outcome.plan.revision,
                "inService": pointer.position().model_dump(mode="json", by_alias=True) if pointer else None,
                "ran": outcome.ran,
                "failures": [
                    {"step": failure.step, "exitCode": failure.code, "message": failure.message}
                    for failure in outcome.failures
                ],
                "report": str(page) if page else None,
            }
        )
    elif evaluated:
        show(results, page)
