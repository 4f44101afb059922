"""`nerd plan`: what would run, and why, before anything runs."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ner_operator.cli.options import Name, Output, Settings, SpecFile, Storage, workspace

if TYPE_CHECKING:
    from ner_operator.planning.plan import Plan, State


def plan(
    file: SpecFile,
    settings: Settings = [],  # noqa: B006
    storage: Storage = None,
    name: Name = None,
    rerun: Annotated[
        list[str],
        typer.Option("--rerun", metavar="STAGE", help="As if this stage or step were asked for again."),
    ] = [],  # noqa: B006
    output: Output = "table",
) -> None:
    """Show what would run, and why, before anything runs.

    Each step is cached (its result is in the store), runs (with the input of its key that changed), or is
    known after another, since its key rests on that one's result. Nothing is written.
    """
    from ner_operator.cli.output import print_json
    from ner_operator.local.process import new_attempt
    from ner_operator.local.workspace import steps_named

    here = workspace(file, settings, storage, name)
    tokens = dict.fromkeys(steps_named(here.resolved, rerun), new_attempt())
    planned = here.observer.look(tokens)
    if output == "json":
        print_json(as_json(planned))
    else:
        show(planned)


def as_json(planned: "Plan") -> dict[str, Any]:
    """The plan for a program."""
    steps = []
    for step in planned:
        word, detail = _words(step.state)
        steps.append(
            {
                "step": step.step.name,
                "stage": step.step.stage.value,
                "variant": step.step.variant,
                "state": word,
                "why": detail,
                "key": getattr(step.state, "key", None),
            }
        )
    return {"revision": planned.revision, "steps": steps}


def show(planned: "Plan") -> None:
    """The plan for a person."""
    from rich.table import Table
    from rich.text import Text

    from ner_operator.cli.output import console

    styles = {"cached": "green", "run": "cyan", "known after": "yellow", "held": "magenta"}
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column in ("STEP", "STATE", "WHY", "KEY"):
        table.add_column(column, overflow="fold" if column == "WHY" else "ellipsis", no_wrap=column != "WHY")
    counts: dict[str, int] = {}
    for step in planned:
        word, detail = _words(step.state)
        counts[word] = counts.get(word, 0) + 1
        key = getattr(step.state, "key", "")[:12]
        table.add_row(step.step.name, Text(word, style=styles[word]), Text("; ".join(detail)), key)
    out = console()
    out.print(table)
    totals = ", ".join(f"{count} {word}" for word, count in counts.items())
    revision = (
        f"revision {planned.revision[:12]}" if planned.revision else "the revision is known after compile"
    )
    out.print(f"\n{totals}; {revision}")


def _words(state: "State") -> tuple[str, list[str]]:
    """A state in a word, and why."""
    from ner_operator.planning.plan import Held, KnownAfter, Run

    if isinstance(state, Run):
        return "run", list(state.why)
    if isinstance(state, KnownAfter):
        return "known after", [", ".join(state.steps), *state.why]
    if isinstance(state, Held):
        return "held", [state.message]
    return "cached", []
