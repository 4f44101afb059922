"""Reads the predictions of `infer`, aligned with the data that they were made from.

Scoring needs exactly one prediction for each sentence, in the order of the
data. This is checked here, sentence by sentence.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner_jobs.corpus.sentence import Sentence
from ner_jobs.scoring.spans import spans_of
from ner_jobs.task import PermanentError

FILE = "predictions.jsonl"


@dataclass(frozen=True, slots=True)
class Prediction:
    """One line of a predictions file.

    Attributes:
        tags: IOB2 names, one a token.
        spans: (start, end, type) of its entities, token positions, end exclusive.
    """

    id: str
    tags: tuple[str, ...]
    spans: tuple[tuple[int, int, str], ...]


def read_predictions(folder: Path) -> Iterator[Prediction]:
    """Stream a predictions output.

    Raises:
        PermanentError: the file is missing, or a line is no prediction (named by its number).
    """
    path = folder / FILE
    if not path.is_file():
        raise PermanentError(f"{folder} has no {FILE}: it is no output of an infer stage")
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            yield _parse(line, path, number)


class AlignedPredictions:
    """Predictions, aligned with the sentences of the data.

    Args:
        predictions: in the order of the data.
        what: name of the predictions in messages.
    """

    def __init__(self, predictions: Iterable[Prediction], what: str) -> None:
        self._predictions = iter(predictions)
        self._what = what

    def of(self, sentence: Sentence) -> Prediction:
        """The next prediction, which must be this sentence's.

        Raises:
            PermanentError: it is missing, another sentence's, or of another length.
        """
        predicted = next(self._predictions, None)
        if predicted is None:
            raise PermanentError(f"{self._what}: no prediction for {sentence.id}, nor for any after it")
        if predicted.id != sentence.id:
            raise PermanentError(
                f"{self._what}: a prediction for {sentence.id} was expected, one for {predicted.id} found; "
                "they were made from other data, or are out of order"
            )
        expected = len(sentence.tags if sentence.tags is not None else sentence.tokens)
        if len(predicted.tags) != expected:
            raise PermanentError(
                f"{self._what}: {sentence.id} has {expected} tokens and {len(predicted.tags)} predicted tags"
            )
        return predicted

    def end(self) -> None:
        """Called after the last sentence.

        Raises:
            PermanentError: there are more predictions than sentences.
        """
        extra = next(self._predictions, None)
        if extra is not None:
            raise PermanentError(f"{self._what}: a prediction for {extra.id}, which the data does not have")


def check_spans(predicted: Prediction, what: str) -> None:
    """Compare the entities in the file with those that are scored.

    Raises:
        PermanentError: they differ.
    """
    scored = tuple((entity.start, entity.end, entity.type) for entity in spans_of(predicted.tags))
    if scored != predicted.spans:
        raise PermanentError(
            f"{what}: {predicted.id} lists entities {list(predicted.spans)}, its tags spell {list(scored)}"
        )


def _parse(line: str, path: Path, number: int) -> Prediction:
    try:
        record: dict[str, Any] = json.loads(line)
        return Prediction(
            record["id"],
            tuple(record["tags"]),
            tuple((entity["start"], entity["end"], entity["type"]) for entity in record["entities"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise PermanentError(f"{path.name}:{number}: this line is no prediction ({error!r})") from error
