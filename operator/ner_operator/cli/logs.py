"""`nerd logs`: the logs of stages, from the store."""

from typing import Annotated

import typer

from ner_operator.cli.options import Name, Output, Settings, SpecFile, Storage, workspace


def logs(
    file: SpecFile,
    step: Annotated[
        str | None,
        typer.Argument(metavar="[STAGE]", help="A stage (compile) or a step (compile/int8); else all."),
    ] = None,
    settings: Settings = [],  # noqa: B006
    storage: Storage = None,
    name: Name = None,
    output: Output = "table",
) -> None:
    """Show the logs of stages: of the result that is there, or of the last attempt that failed."""
    from rich.text import Text

    from ner_jobs.store.artifacts import read_log
    from ner_jobs.task import ExitCode, PermanentError
    from ner_operator.cli.output import console, print_json
    from ner_operator.local.workspace import steps_named
    from ner_operator.planning.plan import Cached, Run

    here = workspace(file, settings, storage, name)
    if step:
        steps_named(here.resolved, [step])
    found: list[dict[str, str]] = []
    for planned in here.observer.look():
        if step and step not in (planned.step.name, planned.step.stage.value):
            continue
        if isinstance(planned.state, Cached | Run):
            text = read_log(here.store, planned.step.stage, planned.state.key)
            if text is not None:
                found.append({"step": planned.step.name, "key": planned.state.key, "log": text})
    if output == "json":
        print_json(found)
        return
    if not found:
        raise PermanentError(
            f"{step or 'the spec'} has no logs yet: it has not run; nerd plan shows what would",
            ExitCode.NO_INPUT,
        )
    out = console()
    for entry in found:
        if len(found) > 1:
            out.print(Text(f"── {entry['step']}  {entry['key'][:12]}", style="bold cyan"))
        out.print(Text(entry["log"].rstrip("\n")), soft_wrap=True)
