"""Validation out of train: by the sentence, not by its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_jobs.corpus.sentence import Sentence
from ner_jobs.corpus.splitting import split_by_hash
from ner_jobs.task import PermanentError


def sentences(texts: list[str]) -> list[Sentence]:
    return [Sentence(str(at), tuple(text)) for at, text in enumerate(texts)]


TEXTS = st.lists(st.text("abc", min_size=1, max_size=3), min_size=2, max_size=30)


@given(TEXTS.filter(lambda texts: len(set(texts)) > 1), st.floats(0.01, 0.99), st.integers(0, 9))
def test_nothing_is_lost_and_identical_sentences_stay_together(
    texts: list[str], fraction: float, seed: int
) -> None:
    train, validation = split_by_hash(sentences(texts), fraction, seed)
    assert train
    assert validation
    assert sorted(int(sentence.id) for sentence in train + validation) == list(range(len(texts)))
    assert not {sentence.tokens for sentence in train} & {sentence.tokens for sentence in validation}


def test_a_tenth_is_about_a_tenth_and_a_longer_corpus_moves_nothing() -> None:
    texts = [f"sentence {number}" for number in range(2000)]
    train, validation = split_by_hash(sentences(texts[:1000]), 0.1, 42)
    assert 70 < len(validation) < 130
    longer_train, longer_validation = split_by_hash(sentences(texts), 0.1, 42)
    assert {s.tokens for s in validation} <= {s.tokens for s in longer_validation}
    assert {s.tokens for s in train} <= {s.tokens for s in longer_train}


def test_the_seed_decides() -> None:
    texts = [f"sentence {number}" for number in range(200)]
    one, other = (split_by_hash(sentences(texts), 0.1, seed)[1] for seed in (1, 2))
    assert one != other
    assert split_by_hash(sentences(texts), 0.1, 1)[1] == one


@pytest.mark.parametrize("texts", [["a"], ["a", "a"], []])
def test_one_sentence_cannot_be_split(texts: list[str]) -> None:
    with pytest.raises(PermanentError, match=r"distinct sentence.*give spec\.data\.validation"):
        split_by_hash(sentences(texts), 0.1, 42)


@given(st.integers(2, 20), st.floats(0.01, 0.99), st.integers(0, 9))
def test_a_document_is_never_on_both_sides(count: int, fraction: float, seed: int) -> None:
    known = [
        Sentence(f"{document}:{at}", (str(document), str(at)), document=str(document))
        for document in range(count)
        for at in range(3)
    ]
    train, validation = split_by_hash(known, fraction, seed)
    assert train
    assert validation
    assert not {sentence.document for sentence in train} & {sentence.document for sentence in validation}


def test_a_single_document_is_split_by_its_sentences() -> None:
    known = [Sentence(str(at), (str(at),), document="1") for at in range(50)]
    train, validation = split_by_hash(known, 0.5, 42)
    assert train
    assert validation
