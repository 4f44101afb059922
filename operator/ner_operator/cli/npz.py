"""`nerd npz`: write a split as the npz set that the reference workflow's tools read."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ner_operator.cli import options

if TYPE_CHECKING:
    from ner_operator.local.workspace import Workspace

Split = Literal["test", "validation", "calibration", "train"]


def npz(
    file: options.SpecFile,
    target: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the set is written.")],
    split: Annotated[Split, typer.Option("--split", help="The data of the spec to write.")] = "test",
    inputs: Annotated[
        int,
        typer.Option("--inputs", min=3, max=6, help="Arrays a file: 3, or 6 for compilers from 1.5."),
    ] = 6,
    settings: options.Settings = [],  # noqa: B006
    storage: options.Storage = None,
    name: options.Name = None,
    output: options.Output = "table",
) -> None:
    """Write a split as an npz set: test_0.npz and so on, a data list, and a label file.

    It is made from the result of prepare. A long sentence becomes several files. labels.txt lists the tags by
    number.
    """
    from ner_jobs.corpus.labels import read_labels
    from ner_jobs.corpus.npz_writing import windows_of, write_npz_set
    from ner_jobs.corpus.snapshot import read_sentences
    from ner_jobs.models.folder import ModelFolder
    from ner_jobs.task import ExitCode, PermanentError
    from ner_operator.cli.here import open_here
    from ner_operator.cli.output import console, print_json

    if inputs not in (3, 6):
        raise PermanentError(f"--inputs is {inputs}; a set has 3 arrays a file, or 6", ExitCode.USAGE)
    if target.exists() and any(target.iterdir()):
        raise PermanentError(f"{target} is not empty; name a new folder", ExitCode.CANNOT_CREATE)
    here = open_here(file, settings, storage, name).workspace
    folders = {output_name: _prepared(here, output_name) for output_name in (split, "base", "labels")}
    labels = read_labels(folders["labels"])
    prepare = here.resolved.prepare
    encoder = ModelFolder(folders["base"]).encoder(prepare.max_length, prepare.segmentation)
    windows = (
        window
        for sentence in read_sentences(folders[split])
        for window in windows_of(sentence, encoder, labels)
    )
    count = write_npz_set(target, windows, 6 if inputs == 6 else 3, prepare.max_length)
    (target / "labels.txt").write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
    if output == "json":
        print_json({"folder": str(target), "files": count, "inputs": inputs, "labels": list(labels)})
    else:
        console().print(f"{count} files of {inputs} arrays in {target}")


def _prepared(here: "Workspace", name: str) -> Path:
    """A local copy of an output of prepare.

    Raises:
        PermanentError: prepare has not run, or there is no such split.
    """
    from ner_jobs.store.artifacts import fetch, read_manifest
    from ner_jobs.task import ExitCode, InputReference, PermanentError, Stage
    from ner_operator.local.digests import cache_folder
    from ner_operator.planning.plan import Cached

    state = here.view.plan().state("prepare")
    found = read_manifest(here.store, Stage.PREPARE, state.key) if isinstance(state, Cached) else None
    if found is None:
        raise PermanentError("prepare has not run for this spec; nerd run runs it", ExitCode.NO_INPUT)
    manifest = found[0]
    if name not in manifest.outputs:
        raise PermanentError(f"the spec has no {name} data", ExitCode.NO_INPUT)
    reference = InputReference(
        stage=Stage.PREPARE, key=manifest.key, output=name, digest=manifest.outputs[name]
    )
    return fetch(here.store, reference, cache_folder() / "models")
