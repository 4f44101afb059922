"""Labels match by name; a checkpoint without names takes those of the data where the numbers agree."""

from typing import Any

import pytest

from ner_jobs.models.checkpoint import labels_of_logits
from ner_jobs.models.checkpoint_config import Checkpoint
from ner_jobs.task import PermanentError

NAMED = {"0": "I-LOC", "1": "O", "2": "B-LOC"}
NUMBERED = {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}


def checkpoint(names: dict[str, str] | None, rows: int = 3) -> Checkpoint:
    config: dict[str, Any] = {"model_type": "bert", "architectures": ["BertForTokenClassification"]}
    if names:
        config["id2label"] = names
    return Checkpoint(config, (), {"classifier.weight": (rows, 8)})


@pytest.mark.parametrize(
    ("found", "wanted", "labels"),
    [
        pytest.param(
            checkpoint(NAMED), ("O", "B-LOC", "I-LOC"), ("I-LOC", "O", "B-LOC"), id="its own order stays"
        ),
        pytest.param(checkpoint(NAMED), ("O", "B-LOC"), ("I-LOC", "O", "B-LOC"), id="it may know more"),
        pytest.param(
            checkpoint(NUMBERED), ("O", "B-X", "I-X"), ("O", "B-X", "I-X"), id="numbers take the names"
        ),
        pytest.param(
            checkpoint(None), ("O", "B-X", "I-X"), ("O", "B-X", "I-X"), id="so does a config without any"
        ),
    ],
)
def test_labels_of_logits(found: Checkpoint, wanted: tuple[str, ...], labels: tuple[str, ...]) -> None:
    assert labels_of_logits(found, wanted) == labels


@pytest.mark.parametrize(
    ("found", "words"),
    [
        pytest.param(
            checkpoint(NAMED), "lacks B-PER, which the data has; .*add spec.finetune", id="a label less"
        ),
        pytest.param(checkpoint(NUMBERED, 5), "has 2 labels, the base model has 5", id="other numbers"),
    ],
)
def test_labels_that_do_not_cover_the_data_are_refused(found: Checkpoint, words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        labels_of_logits(found, ("O", "B-PER"))
