"""The reference workflow's npz sets: array order, sample numbers, gold by names."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from ner_jobs.corpus.npz import (
    LABEL_FILE,
    LIST_FILE,
    read_label_file,
    read_npz_set,
    samples_of_folder,
    samples_of_list,
)
from ner_jobs.corpus.npz_writing import NpzWindow, write_npz_set
from ner_jobs.corpus.sentence import RawSentence
from ner_jobs.task import PermanentError

LABELS = ("O", "B-LOC", "I-LOC")
WINDOWS = [NpzWindow((101, 7 + number, 8, 102), (1, number % 3)) for number in range(12)]


def write(path: Path, *rows: Any, dtype: Any = np.int32) -> None:
    np.savez(path, **{f"input_{at}": np.asarray(row, dtype) for at, row in enumerate(rows)})


def read(folder: Path, gold: list[tuple[int, ...]] | None = None, **more: Any) -> list[RawSentence]:
    return list(read_npz_set(samples_of_folder(folder, "set"), "set", gold=gold, labels=LABELS, **more))


@pytest.mark.parametrize("inputs", [3, 6])
def test_what_is_written_is_read_again_in_the_order_of_numbers(tmp_path: Path, inputs: Literal[3, 6]) -> None:
    assert write_npz_set(tmp_path, WINDOWS, inputs, length=8) == 12
    gold = read_label_file(tmp_path / LABEL_FILE, LABEL_FILE)
    found = read(tmp_path, gold, inputs=inputs)
    assert [sentence.input_ids for sentence in found] == [window.input_ids for window in WINDOWS]
    assert [sentence.tags for sentence in found] == [
        tuple(LABELS[number] for number in window.tags or ()) for window in WINDOWS
    ]
    assert [sentence.id for sentence in found][:3] == ["test_0", "test_1", "test_2"]
    with np.load(tmp_path / "test_3.npz") as arrays:
        assert [(arrays[name].dtype, arrays[name].shape) for name in arrays.files] == [
            (np.int32, (1, 8))
        ] * inputs
    assert len(gold[0]) == 8
    assert (tmp_path / LIST_FILE).read_text().split()[10] == "test_10.npz"


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(([5, 6, 7, 0], [1, 1, 1, 0], [0, 0, 0, 0]), id="ids, mask, types"),
        pytest.param(([5, 6, 7, 0], [0, 0, 0, 0], [1, 1, 1, 0]), id="ids, types, mask, as the raw bins are"),
        pytest.param(([[5, 6, 7, 0]], [[1, 1, 1, 0]], [[0, 0, 0, 0]]), id="a batch axis"),
        pytest.param(
            ([5, 6, 7, 0], [1, 1, 1, 0], [0, 0, 0, 0], *[[1, 1, 1, 0]] * 3), id="copies of the mask"
        ),
    ],
)
def test_arrays_go_by_order_and_real_sub_tokens_by_the_mask(tmp_path: Path, rows: tuple[Any, ...]) -> None:
    write(tmp_path / "test_0.npz", *rows)
    (found,) = read(tmp_path, [(9, 2, 9)])
    assert (found.input_ids, found.tags, found.tokens) == ((5, 6, 7), ("I-LOC",), ())


def test_whole_floats_are_numbers(tmp_path: Path) -> None:
    write(tmp_path / "test_0.npz", [5, 6], [1, 1], [0, 0], dtype=np.float32)
    assert read(tmp_path)[0].input_ids == (5, 6)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param(([5], [1]), "has 2 arrays, 3 or 6", id="two arrays"),
        pytest.param(([5, 6], [1, 1], [0]), r"lengths \[2, 2, 1\]", id="lengths"),
        pytest.param(([5], [0], [0]), "neither its second nor its third array is a mask", id="no mask"),
        pytest.param(
            ([5], [1], [0], [5], [1], [1]), r"array 3 \(from 0\) is not a copy of the mask", id="ids as copy"
        ),
        pytest.param(([5.5], [1], [0]), "not whole numbers", id="fractions"),
        pytest.param(([[5], [5]], [1], [0]), r"shape \(2, 1\)", id="two samples in a file"),
    ],
)
def test_what_is_no_sample_is_refused_by_its_file(
    tmp_path: Path, rows: tuple[Any, ...], message: str
) -> None:
    write(tmp_path / "test_0.npz", *rows, dtype=np.float64)
    with pytest.raises(PermanentError, match=r"test_0\.npz.*" + message):
        read(tmp_path)


def test_a_file_that_is_no_npz_is_named(tmp_path: Path) -> None:
    (tmp_path / "test_0.npz").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(PermanentError, match=r"test_0\.npz cannot be read as npz"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        pytest.param([(0, 0)], "has 2 samples, its label file 1 lines", id="a line is missing"),
        pytest.param([(0, 1, 0), (0,)], "label line 2 has 1 numbers", id="a short line"),
        pytest.param(
            [(0, 5, 0), (0, 0, 0)], "tag number 5 at position 1 has no name among the 3", id="no name"
        ),
        pytest.param([(0, -100, 0), (0, 0, 0)], "tag number -100", id="an ignored position"),
    ],
)
def test_gold_that_does_not_fit_is_refused_with_figures(
    tmp_path: Path, gold: list[tuple[int, ...]], message: str
) -> None:
    write_npz_set(tmp_path, [NpzWindow((1, 2, 3), None)] * 2, 3, length=4)
    with pytest.raises(PermanentError, match=message):
        read(tmp_path, gold)


def test_a_number_beyond_the_label_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "test_0.npz", [5], [1], [0])
    write(tmp_path / "test_2.npz", [5], [1], [0])
    with pytest.raises(PermanentError, match=r"test_2\.npz has the number 2.*number the files from 0"):
        read(tmp_path, [(0,), (0,)])


def test_a_data_list_keeps_its_order_and_pairs_by_number(tmp_path: Path) -> None:
    write_npz_set(tmp_path, WINDOWS, 3, length=8)
    lines = ["data/npz/test_11.npz", "", *(f"test_{number}.npz" for number in range(11))]
    samples = samples_of_list(lines, tmp_path, "list")
    found = list(read_npz_set(samples, "list", gold=[(0, *(w.tags or ())) for w in WINDOWS], labels=LABELS))
    assert found[0].input_ids == WINDOWS[11].input_ids
    assert found[0].tags == ("B-LOC", "I-LOC")


def test_a_missing_file_of_a_list_is_named_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"list:1: there is no file .*x/test_0\.npz"):
        samples_of_list(["x/test_0.npz"], tmp_path, "list")


def test_a_label_file_with_something_else_is_refused_by_line(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("[0, 1]\n0 1\n")
    with pytest.raises(PermanentError, match=r"labels\.txt:2 is not a list of tag numbers"):
        read_label_file(tmp_path / "labels.txt", "labels.txt")


def test_numbers_without_names_are_refused(tmp_path: Path) -> None:
    write_npz_set(tmp_path, WINDOWS[:1], 3, length=8)
    with pytest.raises(PermanentError, match=r"write spec\.data\.npzLabels"):
        list(read_npz_set(samples_of_folder(tmp_path, "set"), "set", gold=[(0, 0, 0)]))
