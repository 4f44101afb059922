"""Options that several commands share, and how they lead to a workspace."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from ner_operator.local.workspace import Workspace

Format = Literal["table", "json"]

SpecFile = Annotated[
    str, typer.Option("--filename", "-f", metavar="SPEC", help="The spec's file; - is standard input.")
]
Settings = Annotated[
    list[str],
    typer.Option(
        "--set", metavar="PATH=VALUE", help="Override a field, such as finetune.epochs=1. May stand often."
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(
        "--storage", metavar="URI", help="Use this storage instead of the spec's: s3://… or a folder."
    ),
]
Name = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="The NerDeployment, where the file holds several."),
]
Output = Annotated[Format, typer.Option("--output", "-o", help="For people, or for programs.")]


def workspace(file: str, settings: list[str], storage: str | None, name: str | None) -> "Workspace":
    """The deployment that the common options name."""
    from ner_operator.local.spec import load_spec
    from ner_operator.local.workspace import open_workspace

    return open_workspace(load_spec(file, settings, storage, name))
