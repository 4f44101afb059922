"""`nerd rollback`: put an earlier model back into service."""

from typing import Annotated

import typer

from ner_operator.cli import options
from ner_operator.cli.place import open_place
from ner_operator.cli.promote import show


def rollback(
    target: options.Target = None,
    file: options.FileHere = None,
    settings: options.Settings = [],  # noqa: B006
    storage: options.Storage = None,
    name: options.Name = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="REVISION", help="The first digits of a revision in nerd history. Only with -f."
        ),
    ] = None,
    to_generation: Annotated[
        int | None,
        typer.Option("--to-generation", min=1, metavar="NUMBER", help="A generation in nerd history."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="The reason, for the history.")] = "",
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.Output = "table",
) -> None:
    """Put the previous model back into service.

    A promote stage moves the pointer; in the cluster an annotation requests it. The revision that is left is
    held: it is not promoted again by itself.
    """
    if to and to_generation:
        from ner_jobs.task import ExitCode, PermanentError

        raise PermanentError("--to and --to-generation exclude each other", ExitCode.USAGE)
    place = open_place(target, file, settings, storage, name, namespace, context, kubeconfig)
    show(place.rollback(to, to_generation, reason), output)
