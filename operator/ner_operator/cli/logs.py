"""`nerd logs`: the logs of stages, from pods while they are there, else from the store."""

from typing import TYPE_CHECKING, Annotated

import typer

from ner_operator.cli.options import (
    Context,
    Endpoint,
    FileHere,
    Kubeconfig,
    Name,
    Namespace,
    Output,
    Settings,
    Storage,
    cluster,
    require_one,
    workspace,
    wrong_usage,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ner_operator.cli.cluster.stage_logs import StageLog
    from ner_operator.local.workspace import Workspace


def logs(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME] [STAGE]",
            help="A NerDeployment of the cluster, in place of -f; then a stage (compile) or a step "
            "(compile/int8), else all.",
        ),
    ] = [],  # noqa: B006
    file: FileHere = None,
    settings: Settings = [],  # noqa: B006
    storage: Storage = None,
    name: Name = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Until the stage ends. Only in the cluster.")
    ] = False,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    endpoint_url: Endpoint = None,
    output: Output = "table",
) -> None:
    """Show the logs of stages: of the result that is there, or of the last attempt that failed.

    In the cluster they are those of the pods. Where a pod is gone, its log is read from the store, with your
    own credentials.
    """
    target, step = _split(words, file)
    require_one(target, file)
    if target is None:
        if follow:
            raise wrong_usage("--follow works on the cluster; nerd run shows a run here as it goes")
        _show(_here(workspace(file or "", settings, storage, name), step), step or "the spec", output)
        return
    from ner_operator.cli.cluster.reading import read_one
    from ner_operator.cli.cluster.stage_logs import follow_log, logs_of

    kubectl = cluster(namespace, context, kubeconfig)
    deployed = read_one(kubectl, target)
    if follow:
        raise typer.Exit(follow_log(kubectl, deployed, step))
    found = logs_of(kubectl, deployed, step, storage, endpoint_url)
    _show(found, f"{target} {step or ''}".strip(), output)


def _split(words: list[str], file: str | None) -> tuple[str | None, str | None]:
    """NAME and STAGE: with a file there is no NAME."""
    known = [None, *words] if file else list(words)
    if len(known) > 2:
        raise wrong_usage(f"one STAGE at most, got {' '.join(words)}")
    target, step = [*known, None, None][:2]
    return target, step


def _here(here: "Workspace", step: str | None) -> "Sequence[StageLog]":
    from ner_jobs.store.artifacts import read_log
    from ner_operator.cli.cluster.stage_logs import StageLog
    from ner_operator.local.workspace import steps_named
    from ner_operator.planning.plan import Cached, Run

    if step:
        steps_named(here.resolved, [step])
    found = []
    for planned in here.observer.look():
        if step and step not in (planned.step.name, planned.step.stage.value):
            continue
        if isinstance(planned.state, Cached | Run):
            text = read_log(here.store, planned.step.stage, planned.state.key)
            if text is not None:
                found.append(StageLog(planned.step.name, planned.state.key, text))
    return found


def _show(found: "Sequence[StageLog]", what: str, output: str) -> None:
    from dataclasses import asdict

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
