"""`nerd history`: what was in service, and who moved the pointer."""

from typing import TYPE_CHECKING

from ner_operator.cli import options
from ner_operator.cli.place import open_place

if TYPE_CHECKING:
    from ner_jobs.promotion.pointer import Pointer

COLUMNS = ("GENERATION", "WHEN", "REVISION", "VARIANT", "F1", "ACTION", "BY", "WHY")


def history(
    target: options.Target = None,
    file: options.FileHere = None,
    settings: options.Settings = [],  # noqa: B006
    storage: options.Storage = None,
    name: options.Name = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    endpoint_url: options.Endpoint = None,
    output: options.Output = "table",
) -> None:
    """Show what was in service, newest first, and who moved the pointer.

    The pointer is in the store. For a NerDeployment of the cluster, it is read with your own credentials.
    """
    place = open_place(target, file, settings, storage, name, namespace, context, kubeconfig, endpoint_url)
    _show(place.pointer(), output)


def _show(pointer: "Pointer | None", output: str) -> None:
    import datetime

    from rich.text import Text

    from ner_operator.cli.output import console, plain_table, print_json

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
        console().print("nothing was ever promoted; nerd run runs the spec")
        return
    table = plain_table(COLUMNS, wrapped="WHY")
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
