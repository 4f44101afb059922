"""The files of an infer stage: a line a sentence, and on request logits as the reference workflow has them.

Equal predictions give equal bytes: keys have a fixed order, scores a fixed
number of digits, and an npz holds no time. Every output names its input, so
nothing has to be paired by position.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ner_jobs.corpus.encoding import OUTSIDE_LOGIT, Encoded, join_tokens
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.engines.base import FloatArray
from ner_jobs.inference.passages import Passage
from ner_jobs.inference.predictor import Prediction, ScoredEntity

PREDICTIONS = "predictions.jsonl"
RESULTS = "result"
"""Folder of one npz a sentence. The reference scorer reads every file in it, so it holds nothing else."""

LONGER = "longer"
"""Folder of the second and later windows of long sentences."""

DATALIST = "npz_datalist.txt"
IDS = "ids.jsonl"

_encode = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(slots=True)
class Written:
    """Counts of what was written.

    Attributes:
        too_long: tokens that a window does not hold; they are O.
        first_too_long: the first sentence that has one.
    """

    sentences: int = 0
    tokens: int = 0
    windows: int = 0
    too_long: int = 0
    first_too_long: tuple[Sentence, Encoded] | None = None
    entities: Counter[str] = field(default_factory=Counter)

    def add(self, sentence: Sentence, encoded: Encoded, prediction: Prediction) -> None:
        """Count one more sentence."""
        if encoded.too_long and self.first_too_long is None:
            self.first_too_long = sentence, encoded
        self.too_long += len(encoded.too_long)
        self.sentences += 1
        self.tokens += encoded.token_count
        self.windows += len(encoded.windows)
        self.entities.update(entity.type for entity in prediction.entities)


def write_predictions(folder: Path, stream: Iterable[tuple[Passage, Encoded, Prediction]]) -> Written:
    """Write `predictions.jsonl`, as the stream comes.

    Args:
        folder: created if it is missing.
        stream: in the order of the input.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = Written()
    with (folder / PREDICTIONS).open("w", encoding="utf-8", newline="\n") as file:
        for passage, encoded, prediction in stream:
            file.write(line_of(passage, prediction))
            written.add(passage.sentence, encoded, prediction)
    return written


def line_of(passage: Passage, prediction: Prediction) -> str:
    """One line of a predictions file, its line feed included."""
    record = {
        "id": passage.sentence.id,
        "tags": prediction.tags,
        "entities": entity_records(passage, prediction.entities),
    }
    return _encode(record) + "\n"


def entity_records(passage: Passage, entities: tuple[ScoredEntity, ...]) -> list[dict[str, object]]:
    """Entities as a predictions file has them.

    For raw text, `start` and `end` are code points of the text. For tokens they
    are token positions, and `charStart` and `charEnd` code points of the joined
    text. An npz set has neither tokens nor text.
    """
    if not entities:
        return []
    if passage.text is not None:
        return [_in_text(entity, passage.text, passage.offsets) for entity in entities]
    if passage.sentence.input_ids is not None:
        return [_bare(entity) for entity in entities]
    tokens = passage.sentence.tokens
    text, starts = join_tokens(tokens)
    return [_in_tokens(entity, tokens, text, starts) for entity in entities]


def _bare(entity: ScoredEntity) -> dict[str, object]:
    return {"start": entity.start, "end": entity.end, "type": entity.type, "score": entity.score}


def _in_text(entity: ScoredEntity, text: str, offsets: tuple[tuple[int, int], ...]) -> dict[str, object]:
    start, end = offsets[entity.start][0], offsets[entity.end - 1][1]
    return {**_bare(entity), "start": start, "end": end, "text": text[start:end]}


def _in_tokens(
    entity: ScoredEntity, tokens: tuple[str, ...], text: str, starts: tuple[int, ...]
) -> dict[str, object]:
    start = starts[entity.start]
    end = starts[entity.end - 1] + len(tokens[entity.end - 1])
    return {**_bare(entity), "text": text[start:end], "charStart": start, "charEnd": end}


class NpzWriter:
    """Writes logits as the reference workflow's runtimes do.

    `result/NNNNNN.npz` is the sentence's first window, the only one that the
    reference workflow reads; further windows are in `longer/NNNNNN-W.npz`.
    `ids.jsonl` says which file belongs to which sentence; `npz_datalist.txt`
    lists the files of `result` in the order of the input.

    Args:
        folder: created; it must not exist.
        length: rows of each array.
        labels: columns of each array.
        outside: column of O.
    """

    def __init__(self, folder: Path, length: int, labels: int, outside: int) -> None:
        (folder / RESULTS).mkdir(parents=True)
        self._folder = folder
        self._shape = (1, length, labels)
        self._outside = outside
        self._count = 0
        self._datalist = (folder / DATALIST).open("w", encoding="utf-8", newline="\n")
        self._ids = (folder / IDS).open("w", encoding="utf-8", newline="\n")

    def __enter__(self) -> "NpzWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._datalist.close()
        self._ids.close()

    def write(self, passage: Passage, encoded: Encoded, prediction: Prediction) -> None:
        """Write one sentence's windows."""
        number = f"{self._count:06d}"
        self._count += 1
        first, *further = prediction.logits or (np.zeros((0, self._shape[2]), np.float32),)
        name = f"{RESULTS}/{number}.npz"
        self._save(name, first, passage, encoded, 0)
        self._datalist.write(name + "\n")
        for at, logits in enumerate(further, 1):
            (self._folder / LONGER).mkdir(exist_ok=True)
            self._save(f"{LONGER}/{number}-{at}.npz", logits, passage, encoded, at)

    def _save(self, name: str, logits: FloatArray, passage: Passage, encoded: Encoded, window: int) -> None:
        rows = np.zeros(self._shape, np.float32)
        # Rows of padding get O: the model says nothing about them, and readers decode every row.
        rows[:, :, self._outside] = OUTSIDE_LOGIT
        rows[0, : len(logits)] = logits
        np.savez(self._folder / name, output_0=rows)
        record: dict[str, object] = {"file": name, "id": passage.sentence.id, "window": window}
        if encoded.windows:
            record["tokens"] = encoded.windows[window].tokens.tolist()
            record["rows"] = encoded.windows[window].positions.tolist()
        self._ids.write(_encode(record) + "\n")
