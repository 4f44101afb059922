"""`nerd demo`: from nothing to a promoted int8 model, on data that it makes itself."""

from pathlib import Path
from typing import Annotated

import typer

from ner_operator.cli.options import Output


def demo(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where spec, data and results go.")] = Path(
        ".nerd/demo"
    ),
    only_write: Annotated[
        bool, typer.Option("--only-write", help="Write spec and corpus, and run nothing.")
    ] = False,
    output: Output = "table",
) -> None:
    """Make a corpus and take it to a promoted int8 model, in about a minute.

    The corpus is generated, the model starts from nothing: it shows every stage, and what its results look
    like. A second run finds everything cached.
    """
    from ner_jobs.task import ExitCode, PermanentError
    from ner_operator.cli.demo_corpus import write_demo
    from ner_operator.cli.output import console
    from ner_operator.cli.run import run

    try:
        spec = write_demo(folder)
    except OSError as error:
        raise PermanentError(
            f"{folder} cannot be written: {(error.strerror or str(error)).lower()}", ExitCode.CANNOT_CREATE
        ) from None
    if only_write:
        typer.echo(f"wrote {spec} and its corpus; next: nerd run -f {spec}")
        return
    run(str(spec), output=output)
    if output == "table":
        console().print(f"\ntry it: nerd predict -f {spec} 记者李娜从金山镇报道", soft_wrap=True)
