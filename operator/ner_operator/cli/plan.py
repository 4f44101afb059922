"""`nerd plan`: what would run, and why, before anything runs."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ner_operator.cli.options import (
    Context,
    FileHere,
    Kubeconfig,
    Name,
    Namespace,
    Output,
    Settings,
    Storage,
    Target,
    cluster,
    workspace,
    wrong_usage,
)

if TYPE_CHECKING:
    from ner_operator.planning.plan import Plan, State

COLUMNS = ("STEP", "STATE", "WHY", "KEY")
FORESEEN = COLUMNS[:-1]
"""Of a plan whose keys are not those of the results."""


def plan(
    target: Target = None,
    file: FileHere = None,
    settings: Settings = [],  # noqa: B006
    storage: Storage = None,
    name: Name = None,
    rerun: Annotated[
        list[str],
        typer.Option("--rerun", metavar="STAGE", help="As if this stage or step were asked for again."),
    ] = [],  # noqa: B006
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Output = "table",
) -> None:
    """Show what would run, and why, before anything runs.

    Each step is cached (its result is in the store), runs (with the input of its key that changed), or is
    known after another, since its key rests on that one's result. Nothing is written.

    With NAME it is told of a NerDeployment of the cluster: what is left of its spec, or, with -f besides,
    what would run if the spec in that file were applied.
    """
    from ner_operator.cli.output import print_json

    if target:
        from ner_operator.cli.cluster.foreseeing import foreseen

        planned = foreseen(cluster(namespace, context, kubeconfig), target, file, settings, rerun)
        if output == "json":
            print_json({"steps": [{**step, "key": None} for step in as_json(planned)["steps"]]})
        else:
            show(planned, FORESEEN)
        return
    if file is None:
        raise wrong_usage("name what is meant: -f FILE plans here, NAME on the cluster")
    planned = _here(file, settings, storage, name, rerun)
    if output == "json":
        print_json(as_json(planned))
    else:
        show(planned)


def _here(file: str, settings: list[str], storage: str | None, name: str | None, rerun: list[str]) -> "Plan":
    from ner_operator.local.process import new_attempt
    from ner_operator.local.workspace import steps_named

    here = workspace(file, settings, storage, name)
    tokens = dict.fromkeys(steps_named(here.resolved, rerun), new_attempt())
    return here.observer.look(tokens)


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


def show(planned: "Plan", columns: tuple[str, ...] = COLUMNS) -> None:
    """The plan for a person."""
    from rich.table import Table
    from rich.text import Text

    from ner_operator.cli.output import console

    styles = {"cached": "green", "run": "cyan", "known after": "yellow", "held": "magenta"}
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold" if column == "WHY" else "ellipsis", no_wrap=column != "WHY")
    counts: dict[str, int] = {}
    for step in planned:
        word, detail = _words(step.state)
        counts[word] = counts.get(word, 0) + 1
        key = getattr(step.state, "key", "")[:12]
        cells = (step.step.name, Text(word, style=styles[word]), Text("; ".join(detail)), key)
        table.add_row(*cells[: len(columns)])
    out = console()
    out.print(table)
    totals = ", ".join(f"{count} {word}" for word, count in counts.items())
    if columns != COLUMNS:
        out.print(f"\n{totals}")
        return
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
