"""`nerd init`: write a commented, valid spec to start from."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from ner_jobs.task.exit_codes import ExitCode, PermanentError
from ner_operator.schema.validation import load_text
from ner_operator.schema.yaml import scalar

FORMATS = {".jsonl": "jsonl", ".json": "jsonl"}
"""The format by the training file's suffix. A folder is a saved dataset, anything else conll."""


def init(
    file: Annotated[Path, typer.Argument(help="The file to write; - is standard output.")] = Path(
        "nerdeployment.yaml"
    ),
    name: Annotated[str, typer.Option(help="Name of the deployment.")] = "my-model",
    base: Annotated[
        str, typer.Option(help="Model to start from: folder, s3:// or hub id.")
    ] = "bert-base-chinese",
    train: Annotated[str, typer.Option(help="Training data.")] = "data/train.txt",
    validation: Annotated[
        str | None, typer.Option(help="Validation data. Default: a tenth of train.")
    ] = None,
    test: Annotated[str, typer.Option(help="Test data.")] = "data/test.txt",
    data_format: Annotated[
        str | None,
        typer.Option("--format", help="conll, jsonl or dataset. Default: by the suffix of --train."),
    ] = None,
    segmentation: Annotated[str, typer.Option(help="characters or whitespace.")] = "characters",
    storage: Annotated[str, typer.Option(help="Storage of results: folder or s3://bucket/prefix.")] = "runs",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write a commented spec to start from.

    The spec is valid; change what its comments name.
    """
    text = specification(
        name=name,
        base=base,
        train=train,
        validation=validation,
        test=test,
        data_format=data_format or _format_of(train),
        segmentation=segmentation,
        storage=storage,
    )
    if str(file) == "-":
        typer.echo(text, nl=False)
        return
    _write(file, text, force)
    typer.echo(f"wrote {file}")
    for what, uri in (("training", train), ("validation", validation), ("test", test)):
        if uri and "://" not in uri and not (file.parent / uri).exists():
            typer.echo(f"  the {what} data {uri} is not there yet: put it there, or change the spec")
    typer.echo(f"next: nerd validate -f {file}, then nerd plan -f {file}, then nerd run -f {file}")


def specification(
    *,
    name: str,
    base: str,
    train: str,
    validation: str | None,
    test: str,
    data_format: str,
    segmentation: str,
    storage: str,
) -> str:
    """The commented spec.

    Raises:
        PermanentError: a value is not valid in a spec; the message says which.
    """
    template = files("ner_operator.cli").joinpath("init.yaml").read_text(encoding="utf-8")
    given = (
        f"validation:\n      uri: {_quoted(validation)}"
        if validation
        else "# validation: {uri: ...}  # left out: a tenth of train, by the hash of each sentence"
    )
    text = template.format(
        name=_quoted(name),
        base=_quoted(base),
        train=_quoted(train),
        validation=given,
        test=_quoted(test),
        format=_quoted(data_format),
        segmentation=_quoted(segmentation),
        storage=_quoted(storage),
    )
    if mistakes := load_text(text, "the new spec").mistakes:
        raise PermanentError("; ".join(f"{m.path}: {m.message}" for m in mistakes), ExitCode.USAGE)
    return text


def _write(file: Path, text: str, force: bool) -> None:
    try:
        with file.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise PermanentError(
            f"{file} exists already: name another file, or overwrite it with --force", ExitCode.CANNOT_CREATE
        ) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PermanentError(f"{file} cannot be written: {reason}", ExitCode.CANNOT_CREATE) from None


def _format_of(uri: str) -> str:
    path = Path(uri)
    return "dataset" if path.is_dir() else FORMATS.get(path.suffix, "conll")


def _quoted(value: str) -> str:
    """The value as YAML, quoted if necessary."""
    harmless = all(character.isalnum() or character in "-_./:" for character in value)
    plain = harmless and value[:1].isalnum() and not value.endswith(":") and isinstance(scalar(value), str)
    return value if plain else json.dumps(value, ensure_ascii=False)
