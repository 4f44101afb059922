"""`nerd logs`: the logs of stages, from pods while they are there, else from the store."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from ner_operator.cli import options
from ner_operator.cli.place import StageLog, open_place


def logs(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME] [STAGE]",
            help="A NerDeployment of the cluster, instead of -f; then a stage (compile) or a step "
            "(compile/int8). Default: all.",
        ),
    ] = [],  # noqa: B006
    file: options.FileHere = None,
    settings: options.Settings = [],  # noqa: B006
    storage: options.Storage = None,
    name: options.Name = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Print until the stage ends. Only in the cluster.")
    ] = False,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    endpoint_url: options.Endpoint = None,
    output: options.Output = "table",
) -> None:
    """Show the logs of stages: of a result, or of the last attempt that failed.

    In the cluster these are the logs of pods. The log of a pod that is gone is read from the store, with your
    own credentials.
    """
    target, step = _split(names, file)
    place = open_place(target, file, settings, storage, name, namespace, context, kubeconfig, endpoint_url)
    if follow:
        raise typer.Exit(place.follow(step))
    _show(place.logs(step), f"{target or ''} {step or ''}".strip() or "the spec", output)


def _split(names: list[str], file: str | None) -> tuple[str | None, str | None]:
    """NAME and STAGE: with a file there is no NAME."""
    parts: list[str | None] = [*([None] if file else []), *names]
    if len(parts) > 2:
        from ner_jobs.task import ExitCode, PermanentError

        raise PermanentError(f"one STAGE at most, got {' '.join(names)}", ExitCode.USAGE)
    target, step = [*parts, None, None][:2]
    return target, step


def _show(found: Sequence[StageLog], what: str, output: str) -> None:
    from rich.text import Text

    from ner_jobs.task import ExitCode, PermanentError
    from ner_operator.cli.output import console, print_json

    if output == "json":
        print_json([asdict(entry) for entry in found])
        return
    if not found:
        raise PermanentError(
            f"{what} has no logs yet: it has not run; nerd plan shows what would", ExitCode.NO_INPUT
        )
    out = console()
    for entry in found:
        if len(found) > 1:
            out.print(Text(f"── {entry.step}  {entry.key[:12]}", style="bold cyan"))
        out.print(Text(entry.log.rstrip("\n")), soft_wrap=True)
