"""The first reading: what it counts, and what it refuses."""

import pytest

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
