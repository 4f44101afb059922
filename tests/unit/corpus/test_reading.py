"""A data set of the spec, opened by its format, and read as inference reads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.corpus.npz import LABEL_FILE, LIST_FILE
from ner_jobs.corpus.npz_writing import windows_of, write_npz_set
from ner_jobs.corpus.reading import Access, open_corpus, read_dataset
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.models.folder import ModelFolder
from ner_jobs.models.vocabulary import vocabulary_of, write_tokenizer
from ner_jobs.task import PermanentError, StorageSettings
from ner_jobs.task.parameters import Dataset

LABELS = ("O", "B-LOC", "I-LOC")


@pytest.fixture
def access(tmp_path: Path) -> Access:
    return Access(StorageSettings(uri="file:///storage"), tmp_path / "scratch", "characters", LABELS)


def dataset(path: Path, kind: Any, **more: Any) -> Dataset:
    return Dataset(uri=path.as_uri(), format=kind, **more)


def test_conll_in_another_scheme_comes_out_in_iob2(tmp_path: Path, access: Access) -> None:
    path = tmp_path / "f"
    path.write_text("京 B-LOC\n城 E-LOC\n\n京 S-LOC\n", encoding="utf-8")
    found = list(read_dataset(dataset(path, "conll"), "archive", "spec.inference[0]", access))
    assert [(s.id, s.tags) for s in found] == [("archive:1", ("B-LOC", "I-LOC")), ("archive:2", ("B-LOC",))]
    assert found[1].source == f"{path}:4"


def test_an_id_given_twice_is_refused(tmp_path: Path, access: Access) -> None:
    path = tmp_path / "f"
    path.write_text('{"id": 1, "text": "a"}\n{"id": "1", "text": "b"}\n')
    with pytest.raises(PermanentError, match=r"f:2: the id '1' is there twice"):
        list(read_dataset(dataset(path, "jsonl"), "archive", "spec.inference[0]", access))


def test_an_empty_file_is_refused_by_its_field(tmp_path: Path, access: Access) -> None:
    path = tmp_path / "f"
    path.write_text("\n")
    with pytest.raises(PermanentError, match=r"spec\.inference\[0\]: .*/f holds no sentence"):
        list(read_dataset(dataset(path, "conll"), "archive", "spec.inference[0]", access))


def test_a_file_that_changed_after_the_plan_is_refused(tmp_path: Path, access: Access) -> None:
    path = tmp_path / "f"
    path.write_text("a O\n")
    with pytest.raises(
        PermanentError, match=r"spec\.data\.test\.uri: .*/f changed after the run was planned"
    ):
        open_corpus(dataset(path, "conll", content="0" * 64), "test", "spec.data.test", access)


def test_a_pin_on_a_folder_is_refused(tmp_path: Path, access: Access) -> None:
    for kind in ("dataset", "npz"):
        with pytest.raises(PermanentError, match="pins a single file"):
            open_corpus(dataset(tmp_path, kind, sha256="0" * 64), "test", "spec.data.test", access)


@pytest.mark.parametrize("by_list", [False, True])
def test_an_npz_set_made_of_sentences(tmp_path: Path, access: Access, by_list: bool) -> None:
    write_tokenizer(tmp_path, vocabulary_of({"北": 1, "京": 1, "a": 1}, "whitespace"), {})
    encoder = ModelFolder(tmp_path).encoder(8, "characters")
    sentences = [
        Sentence("one", ("北", "京", "\u200b", "aa"), ("B-LOC", "I-LOC", "O", "B-LOC")),
        Sentence("long", ("京",) * 10, ("O",) * 9 + ("B-LOC",)),
    ]
    windows = [window for sentence in sentences for window in windows_of(sentence, encoder, LABELS)]
    assert [len(window.input_ids) for window in windows] == [6, 7, 7]
    folder = tmp_path / "set"
    write_npz_set(folder, windows, length=8)
    uri = folder / LIST_FILE if by_list else folder
    wanted = dataset(uri, "npz", label_uri=(folder / LABEL_FILE).as_uri())
    found = list(read_dataset(wanted, "test", "spec.data.test", access))
    assert [sentence.tags for sentence in found] == [
        ("B-LOC", "I-LOC", "B-LOC", "I-LOC"),
        ("O",) * 5,
        ("O",) * 4 + ("B-LOC",),
    ]
    for sentence, window in zip(found, windows, strict=True):
        assert sentence.input_ids == window.input_ids
        assert encoder.encode(sentence).token_count == len(sentence.tags or ())
    again = [window for sentence in found for window in windows_of(sentence, encoder, LABELS)]
    assert again == windows


def test_a_folder_that_is_no_npz_set(tmp_path: Path, access: Access) -> None:
    with pytest.raises(PermanentError, match=r"holds no \.npz file"):
        open_corpus(dataset(tmp_path, "npz"), "test", "spec.data.test", access)


def test_text_of_a_line_is_one_sentence(tmp_path: Path, access: Access) -> None:
    path = tmp_path / "f"
    path.write_text(json.dumps({"text": "北 京\u2028"}) + "\n")
    (found,) = read_dataset(dataset(path, "jsonl"), "archive", "spec.inference[0]", access)
    assert (found.tokens, found.tags) == (("北", "京"), None)
