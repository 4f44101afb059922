"""`nerd rollback`: put the model that was in service before back."""

from typing import Annotated

import typer

from ner_operator.cli.options import Name, Output, Settings, SpecFile, Storage, workspace


def rollback(
    file: SpecFile,
    settings: Settings = [],  # noqa: B006
    storage: Storage = None,
    name: Name = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="REVISION", help="The beginning of its digest, as nerd history shows it."
        ),
    ] = None,
    to_generation: Annotated[
        int | None,
        typer.Option(
            "--to-generation", min=1, metavar="NUMBER", help="The same by the number of the promotion."
        ),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the history.")] = "",
    output: Output = "table",
) -> None:
    """Put the model that was in service before back.

    The revision that is left is held: nerd run does not promote it again by itself.
    """
    import time

    from ner_jobs.store.artifacts import require_whole
    from ner_jobs.store.pointer import move_pointer, read_pointer, rolled_back
    from ner_jobs.task import ExitCode, PermanentError, RetryableError, Stage
    from ner_operator.cli.promote import tell
    from ner_operator.local.workspace import person

    here = workspace(file, settings, storage, name)
    current = read_pointer(here.store, here.owner)
    if current is None:
        raise PermanentError(
            f"nothing was ever promoted for {here.owner.namespace}/{here.owner.name}", ExitCode.USAGE
        )
    limit = here.resolved.promotion.history_limit
    moved = rolled_back(
        current,
        time.time(),
        person(),
        revision=to,
        generation=to_generation,
        message=reason or "rolled back",
        history_limit=limit,
    )
    require_whole(here.store, Stage.COMPILE, moved.compile_key)
    if not move_pointer(here.store, moved, current):
        raise RetryableError("somebody else moved the pointer at the same moment; look at nerd history again")
    tell(moved, output)
