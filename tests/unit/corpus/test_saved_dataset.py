"""Data sets that Hugging Face datasets saved."""

from pathlib import Path
from typing import Any

import datasets
import pytest

from ner_jobs.corpus.saved_dataset import read_saved_dataset
from ner_jobs.task import PermanentError

CLASSES = datasets.ClassLabel(names=["O", "B-LOC", "I-LOC"])
STRINGS = datasets.List(datasets.Value("string"))


def save(folder: Path, tags: Any, feature: Any, name: str = "ner_tags") -> Path:
    features = datasets.Features({"tokens": STRINGS, name: feature})
    content = {"tokens": [["北", "京"], ["a"]], name: tags}
    datasets.Dataset.from_dict(content, features=features).save_to_disk(folder)
    return folder


@pytest.mark.parametrize(
    ("tags", "feature", "name"),
    [
        pytest.param([[1, 2], [0]], datasets.List(CLASSES), "ner_tags", id="numbers with names"),
        pytest.param([["B-LOC", "I-LOC"], ["O"]], STRINGS, "tags", id="strings"),
    ],
)
def test_tags_have_names(tmp_path: Path, tags: Any, feature: Any, name: str) -> None:
    folder = save(tmp_path / "set", tags, feature, name)
    found = list(read_saved_dataset(folder, "set", "train"))
    assert [(sentence.tokens, sentence.tags) for sentence in found] == [
        (("北", "京"), ("B-LOC", "I-LOC")),
        (("a",), ("O",)),
    ]
    assert found[1].where(0) == "set, row 2, token 1"


def test_numbers_without_names_are_refused(tmp_path: Path) -> None:
    folder = save(tmp_path / "set", [[1, 2], [0]], datasets.List(datasets.Value("int64")))
    with pytest.raises(PermanentError, match=r"numbers without names.*ClassLabel"):
        list(read_saved_dataset(folder, "set", "train"))


def test_a_dictionary_of_splits_gives_the_split(tmp_path: Path) -> None:
    one = datasets.Dataset.from_dict({"tokens": [["a"]], "tags": [["O"]], "id": ["mine"]})
    datasets.DatasetDict({"dev": one}).save_to_disk(tmp_path / "sets")
    (found,) = read_saved_dataset(tmp_path / "sets", "sets", "validation")
    assert found.id == "mine"
    with pytest.raises(PermanentError, match="has the splits dev, and none is test"):
        list(read_saved_dataset(tmp_path / "sets", "sets", "test"))


def test_rows_that_do_not_fit_are_named(tmp_path: Path) -> None:
    folder = save(tmp_path / "set", [["O", "O"], ["O", "O"]], STRINGS)
    with pytest.raises(PermanentError, match="set, row 2: 1 tokens and 2 tags"):
        list(read_saved_dataset(folder, "set", "train"))


def test_what_is_no_saved_data_set_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b")
    with pytest.raises(PermanentError, match="not a data set saved by Hugging Face datasets"):
        list(read_saved_dataset(tmp_path, "set", "train"))
    datasets.Dataset.from_dict({"sentence": ["a"]}).save_to_disk(tmp_path / "other")
    with pytest.raises(PermanentError, match="has the columns sentence"):
        list(read_saved_dataset(tmp_path / "other", "set", "train"))
