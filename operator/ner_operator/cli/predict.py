"""`nerd predict`: find the entities in text with the promoted model."""

import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal

import typer

from ner_operator.cli import options

if TYPE_CHECKING:
    from rich.text import Text

    from ner_jobs.inference.compiled_model import Pipeline
    from ner_jobs.inference.passages import Passage
    from ner_operator.local.workspace import Workspace

STYLES = (
    "black on bright_cyan",
    "black on bright_yellow",
    "black on bright_green",
    "black on bright_magenta",
)
"""Colours of entity types, in order of appearance."""

PASSAGES_AT_ONCE = 256
"""Passages predicted together, unless a person types them."""

Lines = Literal["auto", "text", "jsonl"]


def predict(
    file: options.SpecFile,
    texts: Annotated[
        list[str],
        typer.Argument(metavar="[TEXT]...", help="Passages. Default: --file, or standard input."),
    ] = [],  # noqa: B006
    settings: options.Settings = [],  # noqa: B006
    storage: options.Storage = None,
    name: options.Name = None,
    source: Annotated[
        str, typer.Option("--file", metavar="FILE", help="A file with a passage a line; - is standard input.")
    ] = "-",
    lines: Annotated[
        Lines, typer.Option("--format", help="text, or jsonl with text or tokens; auto: by the suffix.")
    ] = "auto",
    variant: Annotated[
        str | None,
        typer.Option("--variant", help="Use this variant of the spec instead of the model in service."),
    ] = None,
    output: options.Output = "table",
) -> None:
    """Find the entities in text with the promoted model.

    The table output marks them in the sentence. With -o json, each line is a JSON object: id, text, and
    entities with offsets (code points, end exclusive) and scores.
    """
    from ner_jobs import host
    from ner_jobs.inference.compiled_model import Pipeline
    from ner_operator.cli.here import open_here

    here = open_here(file, settings, storage, name).workspace
    pipeline = Pipeline(
        compiled_folder(here, variant),
        host.processors(),
        warn=lambda line: typer.echo(f"warning: {line}", err=True),
    )
    show = _print_json if output == "json" else Highlighter().show
    if texts:
        from ner_jobs.inference.passages import passage_of_text

        passages = (passage_of_text(f"text:{at}", text, pipeline.encoder) for at, text in enumerate(texts, 1))
        _answer(pipeline, passages, show, len(texts))
    elif source == "-":
        if sys.stdin.isatty():
            typer.echo("type a passage a line; Ctrl-D ends", err=True)
        at_once = 1 if sys.stdin.isatty() else PASSAGES_AT_ONCE
        _answer(pipeline, _read(sys.stdin.buffer, "standard input", lines, pipeline), show, at_once)
    else:
        from ner_jobs.inference.passages import open_lines

        with open_lines(Path(source)) as stream:
            _answer(pipeline, _read(stream, source, lines, pipeline), show, PASSAGES_AT_ONCE)


def compiled_folder(here: "Workspace", variant: str | None) -> Path:
    """A local copy of the compiled model in service, or of a variant of the spec.

    Raises:
        PermanentError: nothing is promoted, or the variant is not compiled.
    """
    from ner_jobs.promotion.pointer import read_pointer
    from ner_jobs.store.artifacts import fetch, require_whole
    from ner_jobs.task import ExitCode, InputReference, PermanentError, Stage
    from ner_operator.cli.place import require_variant
    from ner_operator.local.digests import cache_folder
    from ner_operator.planning.plan import Cached

    if variant is None:
        pointer = read_pointer(here.store, here.owner)
        if pointer is None:
            raise PermanentError(
                f"nothing is promoted yet for {here.owner.namespace}/{here.owner.name}; nerd run runs the "
                "spec, or name a compiled variant with --variant",
                ExitCode.NO_INPUT,
            )
        key = pointer.compile_key
    else:
        require_variant(variant, [known.name for known in here.resolved.variants])
        state = here.view.plan().state(f"compile/{variant}")
        if not isinstance(state, Cached):
            raise PermanentError(
                f"variant {variant} is not compiled yet; nerd run compiles it", ExitCode.NO_INPUT
            )
        key = state.key
    manifest, _ = require_whole(here.store, Stage.COMPILE, key)
    reference = InputReference(
        stage=Stage.COMPILE, key=key, output="compiled", digest=manifest.outputs.get("compiled", "")
    )
    return fetch(here.store, reference, cache_folder() / "models")


def _read(stream: IO[bytes], source: str, lines: Lines, pipeline: "Pipeline") -> "Iterator[Passage]":
    from ner_jobs.inference.passages import passages_of_jsonl, passages_of_lines

    is_jsonl = lines == "jsonl" or (lines == "auto" and source.endswith((".jsonl", ".json")))
    return (passages_of_jsonl if is_jsonl else passages_of_lines)(stream, source, pipeline.encoder)


def _answer(pipeline: "Pipeline", passages: "Iterator[Passage]", show: Any, at_once: int) -> None:
    while block := list(islice(passages, at_once)):
        for passage, entities in pipeline.find_entities(block):
            show(passage, entities)
        sys.stdout.flush()


def _print_json(passage: "Passage", entities: Sequence[dict[str, Any]]) -> None:
    import json

    shown = {"tokens": passage.sentence.tokens} if passage.text is None else {"text": passage.text}
    line = {"id": passage.sentence.id, **shown, "entities": entities}
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


class Highlighter:
    """Prints entities in their sentence; a type keeps its colour while the program runs."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False, soft_wrap=True)
        self._styles: dict[str, str] = {}

    def show(self, passage: "Passage", entities: Sequence[dict[str, Any]]) -> None:
        """Print the passage with its entities marked."""
        if passage.text is None:
            from ner_jobs.corpus.encoding import join_tokens

            text = join_tokens(passage.sentence.tokens)[0]
            places = [(int(entity["charStart"]), int(entity["charEnd"]), entity) for entity in entities]
        else:
            text = passage.text
            places = [(int(entity["start"]), int(entity["end"]), entity) for entity in entities]
        self._console.print(self.marked(text, places))

    def marked(self, text: str, places: Sequence[tuple[int, int, dict[str, Any]]]) -> "Text":
        """The text with each entity replaced by `[entity TYPE score]`.

        Args:
            text: the passage.
            places: start and end in code points, and the entity with its `type` and `score`.
        """
        from rich.text import Text

        result, at = Text(), 0
        for start, end, entity in places:
            kind = str(entity["type"])
            style = self._styles.setdefault(kind, STYLES[len(self._styles) % len(STYLES)])
            result.append(text[at:start])
            result.append(f"[{text[start:end]} {kind} {float(entity['score']):.2f}]", style=style)
            at = end
        result.append(text[at:])
        return result
