"""`nerd run`: take a spec through every stage, on this machine."""

import queue
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ner_operator.cli.options import Name, Output, Settings, SpecFile, Storage, workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from ner_operator.local.execute import Interrupt, Outcome
    from ner_operator.local.process import Event
    from ner_operator.local.workspace import Workspace

NOT_PROMOTED = 3
"""Exit code of `--require-promoted` where the gates refused, or a person has to decide."""


def run(
    file: SpecFile,
    settings: Settings = [],  # noqa: B006
    storage: Storage = None,
    name: Name = None,
    rerun: Annotated[
        list[str],
        typer.Option(
            "--rerun", metavar="STAGE", help="Ask for a stage (compile) or step (compile/int8) again."
        ),
    ] = [],  # noqa: B006
    require_promoted: Annotated[
        bool, typer.Option("--require-promoted", help="Exit with 3 unless this revision is in service.")
    ] = False,
    output: Output = "table",
) -> None:
    """Take a spec through every stage, on this machine.

    What is in the store already is not computed again; independent steps run side by side. Ctrl-C lets the
    stages save their work and ends; the next run goes on from there. A refusal by a gate is a result: the
    exit code is 0, and the former model stays in service.
    """
    here = workspace(file, settings, storage, name)
    ask(here, rerun)
    outcome = execute(here)
    finish(here, outcome, output)
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)
    pointer = here.observer.pointer
    if require_promoted and (pointer is None or pointer.revision != outcome.plan.revision):
        raise typer.Exit(NOT_PROMOTED)


def ask(here: "Workspace", names: list[str]) -> None:
    """Keep a new token for each of these stages or steps."""
    if not names:
        return
    from ner_jobs.promotion.pointer import read_pointer
    from ner_operator.local.process import new_attempt
    from ner_operator.local.record import ask_again
    from ner_operator.local.workspace import steps_named

    steps_named(here.resolved, names)
    pointer = read_pointer(here.store, here.owner)
    ask_again(
        here.store, here.owner, dict.fromkeys(names, new_attempt()), pointer.generation if pointer else 0
    )


def execute(here: "Workspace") -> "Outcome":
    """Run the plan with a view on standard error; Ctrl-C stops it in order."""
    from rich.console import Console

    from ner_operator.cli.live import view_on
    from ner_operator.local.execute import Executor

    events: queue.SimpleQueue[Event | Interrupt] = queue.SimpleQueue()
    with _signals(events), view_on(Console(stderr=True, highlight=False, soft_wrap=True)) as view:
        return Executor(here.resolved, here.store, here.observer, view, events).run()


@contextmanager
def _signals(events: "queue.SimpleQueue[Event | Interrupt]") -> "Iterator[None]":
    """Ctrl-C, a closed terminal and `kill` become events of the run."""
    from ner_operator.local.execute import Interrupt

    def interrupt(number: int, frame: "FrameType | None") -> None:
        events.put(Interrupt(number))

    former = {
        number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def finish(here: "Workspace", outcome: "Outcome", output: str) -> None:
    """What came of it: the variants, the verdict, the page, and what failed."""
    from ner_jobs.report.comparison import to_json
    from ner_operator.cli.comparison import show_here
    from ner_operator.cli.output import print_json
    from ner_operator.local.comparing import compare, write_page

    comparison = compare(here, outcome.plan)
    evaluated = any(variant.evaluation for variant in comparison.variants)
    page = write_page(here, outcome.plan) if evaluated else None
    if output == "json":
        pointer = here.observer.pointer
        print_json(
            {
                **to_json(comparison),
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
        show_here(here, outcome.plan, comparison, page)
