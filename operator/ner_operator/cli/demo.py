"""`nerd demo`: train and promote an int8 model on generated data."""

from pathlib import Path
from typing import Annotated

import typer

from ner_operator.cli import options


def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder of spec, data and results.")
    ] = Path(".nerd/demo"),
    only_write: Annotated[
        bool, typer.Option("--only-write", help="Write the spec and the corpus, and run nothing.")
    ] = False,
    output: options.Output = "table",
) -> None:
    """Make a corpus, and train and promote an int8 model, in about a minute.

    The corpus is generated, and the model starts from random weights. The run shows every stage and its
    results. A second run finds everything cached.
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
