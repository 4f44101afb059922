"""Entities of raw text, at once: what `nerd predict` runs.

    python -m ner_jobs.inference.predict --compiled FOLDER [--format text|jsonl] [FILE]

It reads a passage a line, and writes a JSON object a line: `id`, `text`, and
`entities` with code-point offsets and scores. A person waits for it, so it
imports the model's own engine and nothing else.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from ner_jobs.inference.engine import Engine
from ner_jobs.inference.passage import Passage, entity_records, passage_of_text
from ner_jobs.inference.reading import open_lines, passages_of_jsonl, passages_of_lines
from ner_jobs.task import ExitCode, StageError

PASSAGES_AT_ONCE = 256
"""Read before they are answered, where nobody types them."""


@dataclass(frozen=True, slots=True)
class TextEntity:
    """An entity of a text: code points, end exclusive; the mean probability of its tags."""

    start: int
    end: int
    type: str
    score: float
    text: str


def predict_texts(compiled: Path, texts: Iterable[str]) -> list[tuple[TextEntity, ...]]:
    """Entities of texts, in their order.

    Args:
        compiled: what `compile` left.
        texts: any.

    Raises:
        PermanentError: the folder is not what `compile` leaves.
    """
    engine = Engine(compiled)
    passages = [passage_of_text(f"line:{at}", text, engine.encoder) for at, text in enumerate(texts, 1)]
    return [
        tuple(TextEntity(**record) for record in records)  # type: ignore[arg-type]
        for _, records in found_in(engine, passages)
    ]


def found_in(
    engine: Engine, passages: Iterable[Passage]
) -> Iterator[tuple[Passage, list[dict[str, object]]]]:
    """Each passage with the records of its entities (`passage.entity_records`)."""
    block = list(passages)
    predictions = engine.predict(passage.sentence for passage in block)
    for passage, prediction in zip(block, predictions, strict=True):
        yield passage, entity_records(passage, prediction.entities)


def answer(engine: Engine, passages: Iterable[Passage], output: IO[str], at_once: int) -> None:
    """Write a line for each passage, `at_once` of them together."""
    remaining = iter(passages)
    while block := list(islice(remaining, at_once)):
        for passage, records in found_in(engine, block):
            text = passage.text
            shown = {"text": text} if text is not None else {"tokens": passage.sentence.tokens}
            line = {"id": passage.sentence.id, **shown, "entities": records}
            output.write(json.dumps(line, ensure_ascii=False) + "\n")
        output.flush()


def main(arguments: list[str] | None = None) -> int:
    """Answer a file, or standard input."""
    parser = argparse.ArgumentParser(prog="python -m ner_jobs.inference.predict", description=__doc__)
    parser.add_argument(
        "--compiled", type=Path, required=True, help="the folder `compiled` of a compile stage"
    )
    parser.add_argument("--format", choices=("text", "jsonl"), default="text", help="a passage a line")
    parser.add_argument("--threads", type=int, default=1, help="of the model")
    parser.add_argument("file", nargs="?", default="-", help="- is standard input")
    options = parser.parse_args(arguments)
    read = passages_of_lines if options.format == "text" else passages_of_jsonl
    try:
        engine = Engine(options.compiled, options.threads)
        if options.file == "-":
            at_once = 1 if sys.stdin.isatty() else PASSAGES_AT_ONCE
            answer(engine, read(sys.stdin.buffer, "standard input", engine.encoder), sys.stdout, at_once)
        else:
            with open_lines(Path(options.file)) as file:
                answer(engine, read(file, options.file, engine.encoder), sys.stdout, PASSAGES_AT_ONCE)
    except StageError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return int(error.code)
    except BrokenPipeError:
        # Whoever read the answers has gone, as `head` does; say nothing at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return int(ExitCode.DONE)


if __name__ == "__main__":
    sys.exit(main())
