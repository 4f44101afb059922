"""`nerd validate`: every mistake in one or many files, each with its line and what to write."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ner_jobs.task.exit_codes import ExitCode
from ner_operator.schema.mistakes import Mistake
from ner_operator.schema.validation import Checked, load, load_text

SUFFIXES = (".yaml", ".yml", ".json")


def validate(
    files: Annotated[
        list[Path],
        typer.Option(
            "-f", "--filename", help="A file, a folder of them, or - for standard input; repeatable."
        ),
    ],
    output: Annotated[str, typer.Option("-o", "--output", help="text or json.")] = "text",
) -> None:
    """Report every mistake of a spec at once: where, what was found, what to write.

    The API server gives the same verdict. The exit code is 65 if there is a mistake.
    """
    if output not in ("text", "json"):
        raise typer.BadParameter("write text or json", param_hint="--output")
    checked = [(str(file), _check(file)) for file in _expanded(files)]
    if output == "json":
        typer.echo(json.dumps(_as_json(checked), ensure_ascii=False, indent=2))
    else:
        for file, result in checked:
            _print(file, result)
    mistakes = sum(len(result.mistakes) for _, result in checked)
    if mistakes and output == "text":
        typer.echo(f"{mistakes} {'mistake' if mistakes == 1 else 'mistakes'}", err=True)
    if mistakes:
        raise typer.Exit(ExitCode.DATA)


def _expanded(files: list[Path]) -> list[Path]:
    """The files; a folder becomes the files in it."""
    expanded: list[Path] = []
    for file in files:
        if file.is_dir():
            expanded += sorted(inside for inside in file.iterdir() if inside.suffix in SUFFIXES) or [file]
        else:
            expanded.append(file)
    return expanded


def _check(file: Path) -> Checked:
    return load_text(sys.stdin.read()) if str(file) == "-" else load(file)


def _print(file: str, result: Checked) -> None:
    for mistake in result.mistakes:
        typer.echo(str(mistake), err=True)
    for warning in result.warnings:
        typer.echo(f"{warning} (warning)", err=True)
    for document in result.documents:
        metadata = document.object.metadata
        name = f"{metadata.namespace}/{metadata.name}" if metadata.namespace else metadata.name
        typer.echo(f"{file}:{document.line}: {document.object.kind} {name} is valid")
    for other in result.others:
        typer.echo(f"{file}: {other} is of another API group: ignored")


def _as_json(checked: list[tuple[str, Checked]]) -> dict[str, object]:
    return {
        "valid": not any(result.mistakes for _, result in checked),
        "files": [
            {
                "file": file,
                "documents": [
                    {
                        "line": document.line,
                        "kind": document.object.kind,
                        "namespace": document.object.metadata.namespace,
                        "name": document.object.metadata.name,
                    }
                    for document in result.documents
                ],
                "mistakes": [_mistake(mistake) for mistake in result.mistakes],
                "warnings": [_mistake(warning) for warning in result.warnings],
                "others": list(result.others),
            }
            for file, result in checked
        ],
    }


def _mistake(mistake: Mistake) -> dict[str, object]:
    return {"line": mistake.line, "path": mistake.path, "message": mistake.message}
