"""The second reading: normalised, counted, written."""

from pathlib import Path

import pytest

from ner_jobs.corpus.sentence import RawSentence
from ner_jobs.corpus.snapshot import read_sentences
from ner_jobs.corpus.splits import SplitWriter
from ner_jobs.corpus.statistics import SubTokenCounter
from ner_jobs.models.folder import ModelFolder
from ner_jobs.models.vocabulary import vocabulary_of, write_tokenizer

TEST = [
    RawSentence(("a", "b"), ("B-X", "E-X"), "f", 1),
    RawSentence((), (), "f", 3),
    RawSentence(("a",), ("E-X",), "f", 4),
]


@pytest.fixture
def writer(tmp_path: Path) -> SplitWriter:
    write_tokenizer(tmp_path, vocabulary_of({"a": 1, "b": 1}, "characters"), {})
    counter = SubTokenCounter(ModelFolder(tmp_path).tokenizer())
    return SplitWriter(tmp_path, lambda split: iter(TEST if split == "test" else []), "BIOES", 8, counter)


def test_what_is_written_is_normalised_and_counted(tmp_path: Path, writer: SplitWriter) -> None:
    writer.write("test", writer.normalised("test"))
    written = list(read_sentences(tmp_path / "test"))
    assert [(sentence.id, sentence.tags) for sentence in written] == [
        ("test:1", ("B-X", "I-X")),
        ("test:3", ("I-X",)),
    ]
    figures = writer.statistics["test"].figures()
    assert (figures["sentences"], figures["emptySentences"]) == (2, 1)
    assert figures["invalidTags"]["examples"] == ["f:4, token 1: E-X at the start of a sentence"]


def test_only_splits_with_sentences_are_present(writer: SplitWriter) -> None:
    for split in ("train", "test", "calibration"):
        writer.write(split, writer.normalised(split))
    assert list(writer.present) == ["test"]
