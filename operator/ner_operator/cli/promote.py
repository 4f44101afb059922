"""`nerd promote`: put the spec's revision into service by hand."""

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
)

if TYPE_CHECKING:
    from ner_jobs.promotion.pointer import Pointer
    from ner_jobs.store.protocol import Store
    from ner_operator.cli.cluster.kubectl import Kubectl
    from ner_operator.local.workspace import Workspace


def promote(
    target: Target = None,
    file: FileHere = None,
    settings: Settings = [],  # noqa: B006
    storage: Storage = None,
    name: Name = None,
    variant: Annotated[
        str | None, typer.Option("--variant", help="Which variant; else the preferred one that passed.")
    ] = None,
    force: Annotated[
        str | None,
        typer.Option("--force", metavar="REASON", help="Although a gate refused it; the reason is recorded."),
    ] = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Output = "table",
) -> None:
    """Put the spec's revision into service by hand, if its gates let it pass.

    What a person chose stays until the spec makes a new revision. In the cluster it is asked for by an
    annotation, and a promote stage carries it out.
    """
    require_one(target, file)
    if target:
        _in_cluster(cluster(namespace, context, kubeconfig), target, variant, force, output)
    else:
        _here(workspace(file or "", settings, storage, name), variant, force, output)


def tell(pointer: "Pointer", output: str) -> None:
    """Where the pointer stands now."""
    from ner_operator.cli.output import print_json

    if output == "json":
        print_json(pointer.position().model_dump(mode="json", by_alias=True))
    else:
        typer.echo(
            f"in service: variant {pointer.variant} of revision {pointer.revision[:12]}, "
            f"generation {pointer.generation}"
        )
        if pointer.held:
            typer.echo(f"held: revision {pointer.held[:12]} is not promoted again by itself")


def move_and_tell(store: "Store", pointer: "Pointer", expected: "Pointer | None", output: str) -> None:
    """Write the pointer, and say where it stands.

    Args:
        expected: as it was read before deciding.

    Raises:
        RetryableError: somebody else moved it in between.
    """
    from ner_jobs.promotion.pointer import move_pointer
    from ner_jobs.task import RetryableError

    if not move_pointer(store, pointer, expected):
        raise RetryableError("somebody else moved the pointer at the same moment; look at nerd history again")
    tell(pointer, output)


def _here(here: "Workspace", variant: str | None, force: str | None, output: str) -> None:
    from ner_operator.local.promotion import by_hand

    pointer = by_hand(here, variant, force)
    move_and_tell(here.store, pointer, here.observer.pointer, output)


def _in_cluster(kubectl: "Kubectl", name: str, variant: str | None, force: str | None, output: str) -> None:
    from ner_operator.cli.cluster.asking import ask_promote
    from ner_operator.cli.cluster.reading import read_one
    from ner_operator.cli.output import print_json

    command = ask_promote(kubectl, read_one(kubectl, name), variant, force or "")
    if output == "json":
        print_json({"promote": command.model_dump(mode="json", by_alias=True)})
        return
    what = f"variant {variant}" if variant else "the preferred variant that passed"
    seen = f" of revision {command.revision[:12]}" if command.revision else ""
    typer.echo(f"{name}: asked to promote {what}{seen}; kubectl nerd status {name} shows what came of it")
