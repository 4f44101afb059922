"""A snapshot holds content alone, and gives it back as it was."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_jobs.corpus.sentence import Sentence
from ner_jobs.corpus.snapshot import FILE_NAME, count_sentences, read_sentences, write_sentences
from ner_jobs.task import PermanentError

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=3)


@given(st.lists(st.tuples(TEXT, st.lists(st.tuples(TEXT, TEXT), max_size=4)), max_size=4))
def test_any_tokens_come_back(
    tmp_path_factory: pytest.TempPathFactory, content: list[tuple[str, list[tuple[str, str]]]]
) -> None:
    folder = tmp_path_factory.mktemp("snapshot")
    sentences = [
        Sentence(name, tuple(token for token, _ in pairs), tuple(tag for _, tag in pairs))
        for name, pairs in content
    ]
    assert write_sentences(folder, sentences) == len(sentences) == count_sentences(folder)
    assert list(read_sentences(folder)) == sentences


def test_sets_without_text_or_gold_come_back(tmp_path: Path) -> None:
    sentences = [
        Sentence("a", (), ("O",), (1, 2, 3)),
        Sentence("b", (), None, (1, 3)),
        Sentence("c", ("字",)),
        Sentence("d", ("字",), document="7"),
    ]
    write_sentences(tmp_path, sentences)
    assert list(read_sentences(tmp_path)) == sentences


def test_paths_are_no_part_of_it(tmp_path: Path) -> None:
    write_sentences(tmp_path / "one", [Sentence("a", ("字",), ("O",), None, "/here/file:1")])
    write_sentences(tmp_path / "two", [Sentence("a", ("字",), ("O",), None, "/there/file:9")])
    assert (tmp_path / "one" / FILE_NAME).read_bytes() == (tmp_path / "two" / FILE_NAME).read_bytes()


def test_damage_is_named_by_line(tmp_path: Path) -> None:
    write_sentences(tmp_path, [Sentence("a", ("字",))])
    with (tmp_path / FILE_NAME).open("a") as file:
        file.write('{"tokens": ["a"]}\n')
    with pytest.raises(PermanentError, match=r"sentences\.jsonl:2 is not a sentence of a snapshot"):
        list(read_sentences(tmp_path))


def test_a_folder_without_sentences_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"sentences\.jsonl is missing"):
        list(read_sentences(tmp_path))
