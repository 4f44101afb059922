"""`nerd promote`: put the spec's revision into service by hand."""

from typing import TYPE_CHECKING, Annotated

import typer

from ner_operator.cli.options import Name, Output, Settings, SpecFile, Storage, workspace

if TYPE_CHECKING:
    from ner_jobs.store.pointer import Pointer


def promote(
    file: SpecFile,
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
    output: Output = "table",
) -> None:
    """Put the spec's revision into service by hand, if its gates let it pass.

    What a person chose stays until the spec makes a new revision.
    """
    from ner_jobs.store.pointer import move_pointer
    from ner_jobs.task import RetryableError
    from ner_operator.local.promotion import by_hand

    here = workspace(file, settings, storage, name)
    pointer = by_hand(here, variant, force)
    if not move_pointer(here.store, pointer, here.observer.pointer):
        raise RetryableError("somebody else moved the pointer at the same moment; look at nerd history again")
    tell(pointer, output)


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
