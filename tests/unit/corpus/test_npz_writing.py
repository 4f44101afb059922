"""Sentences as the reference workflow's npz sets: windows, gold by numbers, padded files."""

from pathlib import Path

import numpy as np
import pytest

from ner_jobs.corpus.encoding import Encoder
from ner_jobs.corpus.npz import LABEL_FILE
from ner_jobs.corpus.npz_writing import NpzWindow, windows_of, write_npz_set
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.models.folder import ModelFolder
from ner_jobs.models.vocabulary import vocabulary_of, write_tokenizer
from ner_jobs.task import PermanentError

LABELS = ("O", "B-LOC", "I-LOC")


@pytest.fixture
def encoder(tmp_path: Path) -> Encoder:
    write_tokenizer(tmp_path, vocabulary_of({"北": 1, "京": 1, "a": 1}, "whitespace"), {})
    return ModelFolder(tmp_path).encoder(8, "characters")


def test_the_first_sub_token_has_the_tag_and_the_others_go_on_from_it(encoder: Encoder) -> None:
    (window,) = windows_of(Sentence("s", ("北", "aa"), ("O", "B-LOC")), encoder, LABELS)
    assert len(window.input_ids) == 5
    assert window.tags == (0, 1, 2)


def test_a_sentence_without_gold_has_none_in_the_set(tmp_path: Path, encoder: Encoder) -> None:
    (window,) = windows_of(Sentence("s", ("北",)), encoder, LABELS)
    assert window.tags is None
    assert write_npz_set(tmp_path / "set", [window], length=8) == 1
    assert not (tmp_path / "set" / LABEL_FILE).exists()


def test_a_tag_without_a_number_is_named(encoder: Encoder) -> None:
    with pytest.raises(PermanentError, match=r"f\.conll:1: no number for B-PER"):
        list(windows_of(Sentence("s", ("北",), ("B-PER",), source="f.conll:1"), encoder, LABELS))


def test_arrays_are_padded_and_the_mask_says_which_sub_tokens_are_real(tmp_path: Path) -> None:
    write_npz_set(tmp_path, [NpzWindow((5, 6, 7), None)], 3, length=5, padding=9)
    with np.load(tmp_path / "test_0.npz") as arrays:
        assert {name: arrays[name].tolist() for name in arrays.files} == {
            "input_ids": [[5, 6, 7, 9, 9]],
            "attention_mask": [[1, 1, 1, 0, 0]],
            "token_type_ids": [[0, 0, 0, 0, 0]],
        }


def test_a_window_longer_than_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="window 1 has 4 sub-tokens, a file of the set holds 3"):
        write_npz_set(tmp_path, [NpzWindow((101, 7, 8, 102), (1, 0))], 3, length=3)
