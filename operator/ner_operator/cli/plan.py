"""`nerd plan`: what would run, and why, before anything runs."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ner_operator.cli import options
from ner_operator.cli.place import Place, open_place

if TYPE_CHECKING:
    from ner_operator.planning.plan import Plan, State

COLUMNS = ("STEP", "STATE", "WHY", "KEY")
STYLES = {"cached": "green", "run": "cyan", "known after": "yellow", "held": "magenta", "blocked": "red"}


def plan(
    target: options.Target = None,
    file: options.FileHere = None,
    settings: options.Settings = [],  # noqa: B006
    storage: options.Storage = None,
    name: options.Name = None,
    rerun: Annotated[
        list[str],
        typer.Option("--rerun", metavar="STAGE", help="Plan as if this stage or step were requested again."),
    ] = [],  # noqa: B006
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.Output = "table",
) -> None:
    """Show what would run, and why, before anything runs.

    A step is cached (its result is in the store), runs (with what changed of its key), or is known after
    another step, because its key depends on that step's result. A held or blocked step says what to do.
    Nothing is written.

    With NAME, it shows what is left to run of a NerDeployment of the cluster. With NAME and -f, it shows
    what would run if the spec in that file were applied.
    """
    from ner_operator.cli.output import print_json

    if target is not None and file is not None:
        from ner_operator.cli.cluster.place import open_cluster
        from ner_operator.local.spec import load_spec

        spec = load_spec(file, settings, name=target)
        place: Place = open_cluster(target, namespace, context, kubeconfig, spec=spec)
    else:
        place = open_place(target, file, settings, storage, name, namespace, context, kubeconfig)
    planned = place.plan(rerun)
    if output == "json":
        print_json(as_json(planned, place.has_keys))
    else:
        show(planned, place.has_keys)


def as_json(planned: "Plan", has_keys: bool) -> dict[str, Any]:
    """The plan as JSON values."""
    steps = []
    for step in planned:
        state, why = _state(step.state)
        steps.append(
            {
                "step": step.step.name,
                "stage": step.step.stage.value,
                "variant": step.step.variant,
                "state": state,
                "why": why,
                "key": getattr(step.state, "key", None) if has_keys else None,
            }
        )
    return {"revision": planned.revision, "steps": steps} if has_keys else {"steps": steps}


def show(planned: "Plan", has_keys: bool) -> None:
    """Print the plan for a person."""
    from rich.text import Text

    from ner_operator.cli.output import console, plain_table

    columns = COLUMNS if has_keys else COLUMNS[:-1]
    table = plain_table(columns, wrapped="WHY")
    counts: dict[str, int] = {}
    for step in planned:
        state, why = _state(step.state)
        counts[state] = counts.get(state, 0) + 1
        key = getattr(step.state, "key", "")[:12]
        cells = (step.step.name, Text(state, style=STYLES[state]), Text("; ".join(why)), key)
        table.add_row(*cells[: len(columns)])
    out = console()
    out.print(table)
    totals = ", ".join(f"{count} {state}" for state, count in counts.items())
    if has_keys:
        known = planned.revision
        totals += f"; revision {known[:12]}" if known else "; the revision is known after compile"
    out.print(f"\n{totals}")


def _state(state: "State") -> tuple[str, list[str]]:
    """The name of a state, and why."""
    from ner_operator.planning.plan import Blocked, Held, KnownAfter, Run

    if isinstance(state, Run):
        return "run", list(state.why)
    if isinstance(state, KnownAfter):
        return "known after", [", ".join(state.steps), *state.why]
    if isinstance(state, Held):
        return "held", [state.message]
    if isinstance(state, Blocked):
        return "blocked", [state.message]
    return "cached", []
