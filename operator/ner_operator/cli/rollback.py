"""`nerd rollback`: put the model that was in service before back."""

from typing import TYPE_CHECKING, Annotated

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
    require_one,
    workspace,
    wrong_usage,
)

if TYPE_CHECKING:
    from ner_operator.cli.cluster.kubectl import Kubectl
    from ner_operator.local.workspace import Workspace


def rollback(
    target: Target = None,
    file: FileHere = None,
    settings: Settings = [],  # noqa: B006
    storage: Storage = None,
    name: Name = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="REVISION",
            help="The beginning of its digest, as nerd history shows it. Only with -f.",
        ),
    ] = None,
    to_generation: Annotated[
        int | None,
        typer.Option(
            "--to-generation", min=1, metavar="NUMBER", help="The same, by its number in nerd history."
        ),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the history.")] = "",
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Output = "table",
) -> None:
    """Put the model that was in service before back.

    The revision that is left is held: it is not promoted again by itself. In the cluster it is asked for by
    an annotation, and a promote stage carries it out.
    """
    require_one(target, file)
    if to and to_generation:
        raise wrong_usage("--to and --to-generation exclude each other")
    if target is None:
        _here(workspace(file or "", settings, storage, name), to, to_generation, reason, output)
    elif to:
        raise wrong_usage(f"--to REVISION works with -f; nerd history {target} shows generations")
    else:
        _in_cluster(cluster(namespace, context, kubeconfig), target, to_generation, reason, output)


def _here(here: "Workspace", revision: str | None, generation: int | None, reason: str, output: str) -> None:
    import time

    from ner_jobs.promotion.pointer import never_promoted, read_pointer, rolled_back
    from ner_jobs.store.artifacts import require_whole
    from ner_jobs.task import ExitCode, PermanentError, Stage
    from ner_operator.cli.promote import move_and_tell
    from ner_operator.local.workspace import person

    current = read_pointer(here.store, here.owner)
    if current is None:
        raise PermanentError(never_promoted(here.owner), ExitCode.USAGE)
    moved = rolled_back(
        current,
        time.time(),
        person(),
        revision=revision,
        generation=generation,
        message=reason or "rolled back",
        history_limit=here.resolved.promotion.history_limit,
    )
    require_whole(here.store, Stage.COMPILE, moved.compile_key)
    move_and_tell(here.store, moved, current, output)


def _in_cluster(kubectl: "Kubectl", name: str, generation: int | None, reason: str, output: str) -> None:
    from ner_operator.cli.cluster.asking import ask_rollback
    from ner_operator.cli.cluster.reading import read_one
    from ner_operator.cli.output import print_json

    command = ask_rollback(kubectl, read_one(kubectl, name), generation, reason)
    if output == "json":
        print_json({"rollback": command.model_dump(mode="json", by_alias=True)})
        return
    goal = f"generation {generation}" if generation else "the model before"
    typer.echo(
        f"{name}: asked to go from generation {command.leaving} back to {goal}; "
        f"kubectl nerd status {name} shows what came of it"
    )
