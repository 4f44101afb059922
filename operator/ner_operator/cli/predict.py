"""`nerd predict`: find the entities in text with the promoted model, at once."""

import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal

import typer

from ner_operator.cli.options import Name, Output, Settings, SpecFile, Storage, workspace

if TYPE_CHECKING:
    from rich.text import Text

    from ner_jobs.inference.engine import Engine
    from ner_jobs.inference.passage import Passage
    from ner_operator.local.workspace import Workspace

STYLES = (
    "black on bright_cyan",
    "black on bright_yellow",
    "black on bright_green",
    "black on bright_magenta",
)
"""Of entity types, in the order in which they turn up."""

PASSAGES_AT_ONCE = 256
"""Predicted together, where nobody types them one by one."""

Lines = Literal["auto", "text", "jsonl"]


def predict(
    file: SpecFile,
    texts: Annotated[
        list[str],
        typer.Argument(metavar="[TEXT]...", help="Each is a passage; without any, --file or stdin."),
    ] = [],  # noqa: B006
    settings: Settings = [],  # noqa: B006
    storage: Storage = None,
    name: Name = None,
    source: Annotated[
        str, typer.Option("--file", metavar="FILE", help="A passage a line; - is standard input.")
    ] = "-",
    lines: Annotated[
        Lines, typer.Option("--format", help="text, or jsonl with text or tokens; auto goes by the suffix.")
    ] = "auto",
    variant: Annotated[
        str | None,
        typer.Option("--variant", help="This variant of the spec instead of the model in service."),
    ] = None,
    output: Output = "table",
) -> None:
    """Find the entities in text with the promoted model.

    Shows them in the sentence; -o json writes a JSON object a line: id, text, entities with offsets (code
    points, end exclusive) and scores.
    """
    from ner_jobs import host
    from ner_jobs.inference.engine import Engine

    here = workspace(file, settings, storage, name)
    engine = Engine(compiled_folder(here, variant), host.processors())
    show = _print_json if output == "json" else Highlighter().show
    if texts:
        from ner_jobs.inference.passage import passage_of_text

        passages = (passage_of_text(f"text:{at}", text, engine.encoder) for at, text in enumerate(texts, 1))
        _answer(engine, passages, show, len(texts))
    elif source == "-":
        if sys.stdin.isatty():
            typer.echo("type a passage a line; Ctrl-D ends", err=True)
        at_once = 1 if sys.stdin.isatty() else PASSAGES_AT_ONCE
        _answer(engine, _read(sys.stdin.buffer, "standard input", lines, engine), show, at_once)
    else:
        from ner_jobs.inference.reading import open_lines

        with open_lines(Path(source)) as stream:
            _answer(engine, _read(stream, source, lines, engine), show, PASSAGES_AT_ONCE)


def compiled_folder(here: "Workspace", variant: str | None) -> Path:
    """The compiled model in service, or that of a variant of the spec, on this machine.

    Raises:
        PermanentError: nothing is promoted, or the variant is not compiled.
    """
    from ner_jobs.promotion.pointer import read_pointer
    from ner_jobs.store.artifacts import fetch, require_whole
    from ner_jobs.task import ExitCode, InputReference, PermanentError, Stage
    from ner_operator.local.digests import cache_folder
    from ner_operator.planning.plan import Cached

    if variant is None:
        pointer = read_pointer(here.store, here.owner)
        if pointer is None:
            raise PermanentError(
                f"nothing is promoted yet for {here.owner.namespace}/{here.owner.name}; nerd run takes the "
                "spec there, or name a compiled variant with --variant",
                ExitCode.NO_INPUT,
            )
        key = pointer.compile_key
    else:
        names = [known.name for known in here.resolved.variants]
        if variant not in names:
            raise PermanentError(
                f"there is no variant {variant}; there are {', '.join(names)}", ExitCode.USAGE
            )
        state = here.observer.look().state(f"compile/{variant}")
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


def _read(stream: IO[bytes], source: str, lines: Lines, engine: "Engine") -> "Iterator[Passage]":
    from ner_jobs.inference.reading import passages_of_jsonl, passages_of_lines

    is_jsonl = lines == "jsonl" or (lines == "auto" and source.endswith((".jsonl", ".json")))
    return (passages_of_jsonl if is_jsonl else passages_of_lines)(stream, source, engine.encoder)


def _answer(engine: "Engine", passages: "Iterator[Passage]", show: Any, at_once: int) -> None:
    from ner_jobs.inference.predict import found_in

    while block := list(islice(passages, at_once)):
        for passage, entities in found_in(engine, block):
            show(passage, entities)
        sys.stdout.flush()


def _print_json(passage: "Passage", entities: Sequence[dict[str, Any]]) -> None:
    import json

    shown = {"tokens": passage.sentence.tokens} if passage.text is None else {"text": passage.text}
    line = {"id": passage.sentence.id, **shown, "entities": entities}
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


class Highlighter:
    """Shows entities in their sentence; a type keeps its colour for as long as the program runs."""

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
        """The text with `[entity TYPE score]` in the place of each entity.

        Args:
            text: as it was read.
            places: start and end in code points, and the entity's record with `type` and `score`.
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
