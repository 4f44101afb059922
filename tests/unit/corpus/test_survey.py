"""The first reading: what it counts, and what it refuses."""

from pathlib import Path

import pytest

from ner_jobs.corpus.conll import read_conll
from ner_jobs.corpus.sentence import RawSentence
from ner_jobs.corpus.survey import survey
from ner_jobs.corpus.tags import find_scheme
from ner_jobs.task import PermanentError


def raw(tags: str, line: int, name: str | None = None) -> RawSentence:
    return RawSentence(("a",) * len(tags.split()), tuple(tags.split()), "f", line, id=name)


def test_it_counts_sentences_and_tags() -> None:
    found = survey([raw("B-X E-X", 1), raw("S-X", 2, "own")], "spec.data.test: f")
    assert found.sentences == 2
    assert find_scheme([found]) == "BIOES"


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        pytest.param([], r"spec\.data\.test: f holds no sentence", id="nothing"),
        pytest.param([raw("O", 1, "x"), raw("O", 2, "x")], "f:2: the id 'x' is there twice", id="an id"),
        pytest.param([raw("O", 1), raw("B_X", 2)], "f:2.*write B-X", id="no tag of any scheme"),
    ],
)
def test_what_it_refuses(sentences: list[RawSentence], message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        survey(sentences, "spec.data.test: f")


def test_a_first_column_that_counts_tokens_is_refused() -> None:
    case = Path(__file__).parent / "cases/germeval-columns.txt"
    with pytest.raises(PermanentError, match=r"^some: the tokens of every sentence are 1, 2, 3, …"):
        survey(read_conll(case, "germeval-columns.txt"), "some")


@pytest.mark.parametrize(
    "sentences",
    [
        pytest.param([("1",), ("1",)], id="single tokens"),
        pytest.param([("1", "2"), ("3", "4")], id="one sentence does not begin at 1"),
        pytest.param([("1", "2"), ("a",)], id="one sentence has a word"),
    ],
)
def test_numbers_can_be_tokens(sentences: list[tuple[str, ...]]) -> None:
    raw = [RawSentence(tokens, ("O",) * len(tokens), "some", 1) for tokens in sentences]
    assert survey(raw, "some").sentences == 2
