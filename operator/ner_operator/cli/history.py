"""`nerd history`: what was in service, and who moved it."""

from typing import TYPE_CHECKING

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
    Target,
    cluster,
    require_one,
    workspace,
)

if TYPE_CHECKING:
    from ner_jobs.promotion.pointer import Pointer


def history(
    target: Target = None,
    file: FileHere = None,
    settings: Settings = [],  # noqa: B006
    storage: Storage = None,
    name: Name = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    endpoint_url: Endpoint = None,
    output: Output = "table",
) -> None:
    """Show what was in service, newest first, and who moved the pointer.

    The pointer is in the store: of a NerDeployment of the cluster it is read with your own credentials.
    """
    from ner_jobs.promotion.pointer import read_pointer

    require_one(target, file)
    if target:
        from ner_operator.cli.cluster.reading import read_one
        from ner_operator.cli.cluster.results import owner_of, store_of

        deployed = read_one(cluster(namespace, context, kubeconfig), target)
        pointer = read_pointer(store_of(deployed, storage, endpoint_url), owner_of(deployed))
    else:
        here = workspace(file or "", settings, storage, name)
        pointer = read_pointer(here.store, here.owner)
    _show(pointer, output)


def _show(pointer: "Pointer | None", output: str) -> None:
    import datetime

    from rich.table import Table
    from rich.text import Text

    from ner_operator.cli.output import console, print_json

    positions = [pointer.position(), *reversed(pointer.history)] if pointer else []
    if output == "json":
        print_json(
            {
                "held": pointer.held if pointer else "",
                "positions": [position.model_dump(mode="json", by_alias=True) for position in positions],
            }
        )
        return
    if pointer is None:
        console().print("nothing was ever promoted; nerd run takes the spec there")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column in ("GENERATION", "WHEN", "REVISION", "VARIANT", "F1", "ACTION", "BY", "WHY"):
        table.add_column(column, no_wrap=column != "WHY", overflow="fold")
    for at, position in enumerate(positions):
        when = datetime.datetime.fromtimestamp(position.promoted_at, datetime.UTC).astimezone()
        table.add_row(
            Text(f"{position.generation}{' (in service)' if at == 0 else ''}"),
            when.strftime("%Y-%m-%d %H:%M:%S"),
            position.revision[:12],
            position.variant,
            "" if position.f1 is None else f"{position.f1:.4f}",
            position.action.value,
            position.by,
            Text(position.message),
            style="bold" if at == 0 else "",
        )
    console().print(table)
    if pointer.held:
        console().print(f"held: revision {pointer.held[:12]} was rolled back and is not promoted by itself")
