"""The label list: whose it is, in which order, and whether it covers the data by name."""

from pathlib import Path
from typing import Any

import pytest

from ner_jobs.corpus.labels import (
    LabelList,
    check_labels,
    decide_labels_as_they_are,
    decide_labels_to_train,
    labels_of_config,
    read_labels,
    write_labels,
)
from ner_jobs.task import PermanentError

TRAIN = {"O", "B-药品", "I-药品", "B-病"}
OF_TRAIN = ("O", "B-病", "I-病", "B-药品", "I-药品")
OWN = ("B-药品", "I-药品", "B-病", "O", "I-病")


@pytest.mark.parametrize(
    ("asked", "base", "expected"),
    [
        pytest.param(None, None, OF_TRAIN, id="of train, sorted by type"),
        pytest.param(None, OWN, OWN, id="the base model's own, in its order"),
        pytest.param(OWN[::-1], OWN, OWN[::-1], id="those of the spec before all"),
        pytest.param(None, ("O", "B-PER", "I-PER"), OF_TRAIN, id="a base of other types has a new head"),
        pytest.param(None, ("O", "S-病"), OF_TRAIN, id="a base of another scheme has a new head"),
    ],
)
def test_labels_to_train(asked: Any, base: Any, expected: tuple[str, ...]) -> None:
    assert decide_labels_to_train(asked, base, TRAIN).labels == expected


@pytest.mark.parametrize(
    ("asked", "tags", "message"),
    [
        pytest.param(
            ("O", "B-病"), TRAIN, r"spec\.model\.labels .* lacks B-药品, I-药品, which train", id="lacks some"
        ),
        pytest.param(("B-病",), {"B-病"}, "O is missing", id="without O"),
        pytest.param(("O", "O"), {"O"}, "O stands in it twice", id="twice"),
        pytest.param(("O", "S-病"), {"O"}, "S-病 is not IOB2", id="another scheme"),
        pytest.param(("O", "病"), {"O"}, "'病' is not a tag; write", id="no prefix"),
        pytest.param(None, {"O"}, "nothing to learn", id="no entity in train"),
    ],
)
def test_labels_to_train_that_cannot_be(asked: Any, tags: set[str], message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        decide_labels_to_train(asked, None, tags)


def test_untrained_labels_are_the_bases_or_named_by_the_spec() -> None:
    assert decide_labels_as_they_are(None, OWN, 5, TRAIN).labels == OWN
    assert decide_labels_as_they_are(OWN, None, 5, TRAIN).labels == OWN


@pytest.mark.parametrize(
    ("asked", "base", "size", "message"),
    [
        pytest.param(None, None, 5, r"LABEL_0.*write spec\.model\.labels", id="LABEL_n alone"),
        pytest.param(None, OWN[:4], 4, "lacks|O is missing", id="the base does not cover the data"),
        pytest.param(OWN, None, 7, "has 5 labels, the base model has 7", id="another count"),
        pytest.param(
            None, ("O", "S-病"), 2, r"without spec\.finetune: S-病 is not IOB2", id="another scheme"
        ),
    ],
)
def test_untrained_labels_that_cannot_be(asked: Any, base: Any, size: int, message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        decide_labels_as_they_are(asked, base, size, {*TRAIN, "I-病"})


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"id2label": {"1": "B-PER", "0": "O"}}, ("O", "B-PER")),
        ({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}, None),
        ({}, None),
    ],
)
def test_labels_of_config(config: dict[str, Any], expected: Any) -> None:
    assert labels_of_config(config) == expected


def test_labels_of_config_with_a_gap() -> None:
    with pytest.raises(PermanentError, match=r"\[0, 2\]"):
        labels_of_config({"id2label": {"0": "O", "2": "B-PER"}})


def test_check_labels_lets_a_list_without_some_b_pass() -> None:
    assert check_labels(("O", "I-PER", "B-LOC", "I-LOC")) is None


def test_written_and_read(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels", LabelList(OWN, ""), "BIOES")
    assert read_labels(tmp_path / "labels") == OWN
    assert '"scheme": "BIOES"' in (tmp_path / "labels" / "labels.json").read_text()
