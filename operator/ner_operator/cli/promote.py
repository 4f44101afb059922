"""`nerd promote`: put the spec's revision into service by hand."""

from typing import Annotated

import typer

from ner_operator.cli import options
from ner_operator.cli.place import CommandResult, open_place


def promote(
    target: options.Target = None,
    file: options.FileHere = None,
    settings: options.Settings = [],  # noqa: B006
    storage: options.Storage = None,
    name: options.Name = None,
    variant: Annotated[
        str | None, typer.Option("--variant", help="Default: the preferred variant that passed.")
    ] = None,
    force: Annotated[
        str,
        typer.Option("--force", metavar="REASON", help="Promote although a gate refuses; REASON is kept."),
    ] = "",
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.Output = "table",
) -> None:
    """Put the spec's revision into service by hand, if its gates let it pass.

    A promote stage runs with your choice; in the cluster an annotation requests it. The choice stays in
    service until the spec makes a new revision.
    """
    place = open_place(target, file, settings, storage, name, namespace, context, kubeconfig)
    show(place.promote(variant, force), output)


def show(result: CommandResult, output: str) -> None:
    """Print what a promotion or rollback led to."""
    if output == "json":
        from ner_operator.cli.output import print_json

        print_json(result.document)
    else:
        typer.echo("\n".join(result.lines))
