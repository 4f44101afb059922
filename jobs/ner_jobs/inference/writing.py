"""What an infer stage leaves: a line a sentence, and on request logits as the reference workflow has them.

Equal predictions give equal bytes: keys stand in one order, scores have a
fixed number of digits, and an npz carries no time. Every output names the
input that it belongs to, so nothing has to be paired by position.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ner_jobs.corpus.encoding import OUTSIDE_LOGIT
from ner_jobs.inference.passage import entity_records
from ner_jobs.inference.streaming import Decided

PREDICTIONS = "predictions.jsonl"
RESULTS = "result"
"""Folder of one npz a sentence and nothing else: the reference scorer reads every file that it finds."""

LONGER = "longer"
"""Folder of the further windows of sentences that one window does not hold."""

DATALIST = "npz_datalist.txt"
IDS = "ids.jsonl"

_encode = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(slots=True)
class Written:
    """Counts of what was written."""

    sentences: int = 0
    tokens: int = 0
    windows: int = 0
    entities: Counter[str] = field(default_factory=Counter)

    def add(self, decided: Decided) -> None:
        """Count one more."""
        self.sentences += 1
        self.tokens += decided.encoded.token_count
        self.windows += len(decided.encoded.windows)
        self.entities.update(entity.type for entity in decided.decision.entities)


def line_of(decided: Decided) -> str:
    """One line of a predictions file, its line feed included."""
    return (
        _encode(
            {
                "id": decided.passage.sentence.id,
                "tags": decided.decision.tags,
                "entities": entity_records(decided.passage, decided.decision.entities),
            }
        )
        + "\n"
    )


def write_predictions(folder: Path, stream: Iterable[Decided]) -> Written:
    """Write `predictions.jsonl`, as the stream comes.

    Args:
        folder: made where it is missing.
        stream: in the order of the input.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = Written()
    with (folder / PREDICTIONS).open("w", encoding="utf-8", newline="\n") as file:
        for decided in stream:
            file.write(line_of(decided))
            written.add(decided)
    return written


class NpzWriter:
    """Logits as the reference workflow's runtimes write them.

    `result/NNNNNN.npz` is the sentence's first window, as far as the reference
    workflow looks; further windows are in `longer/NNNNNN-W.npz`. `ids.jsonl`
    says which file belongs to which sentence; `npz_datalist.txt` names the
    files of `result` in the order of the input.

    Args:
        folder: made where it is missing.
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

    def write(self, decided: Decided) -> None:
        """Write one sentence's windows."""
        number = f"{self._count:06d}"
        self._count += 1
        first, *further = decided.decision.logits or (np.zeros((0, self._shape[2]), np.float32),)
        name = f"{RESULTS}/{number}.npz"
        self._save(name, first, decided, 0)
        self._datalist.write(name + "\n")
        for at, logits in enumerate(further, 1):
            (self._folder / LONGER).mkdir(exist_ok=True)
            self._save(f"{LONGER}/{number}-{at}.npz", logits, decided, at)

    def _save(self, name: str, logits: npt.NDArray[np.float32], decided: Decided, window: int) -> None:
        rows = np.zeros(self._shape, np.float32)
        # Rows of padding, which no window has: certainly O, for whoever reads them.
        rows[:, :, self._outside] = OUTSIDE_LOGIT
        rows[0, : len(logits)] = logits
        np.savez(self._folder / name, output_0=rows)
        record: dict[str, object] = {"file": name, "id": decided.passage.sentence.id, "window": window}
        if decided.encoded.windows:
            record["tokens"] = decided.encoded.windows[window].tokens.tolist()
            record["rows"] = decided.encoded.windows[window].positions.tolist()
        self._ids.write(_encode(record) + "\n")
