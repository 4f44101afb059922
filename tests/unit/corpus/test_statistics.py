"""What a corpus is like: figures, and sentences that a person should read."""

from pathlib import Path

import pytest

from ner_jobs.corpus.sentence import RawSentence, Sentence
from ner_jobs.corpus.statistics import (
    SplitStatistics,
    SubTokenCounter,
    lengths,
    shared_sentences,
    types_not_everywhere,
)
from ner_jobs.corpus.tags import InvalidTags
from ner_jobs.models.folder import ModelFolder
from ner_jobs.models.vocabulary import vocabulary_of, write_tokenizer
from ner_jobs.task import PermanentError


@pytest.fixture
def counter(tmp_path: Path) -> SubTokenCounter:
    write_tokenizer(tmp_path, vocabulary_of({"北": 1, "京": 1, "a": 1}, "whitespace"), {})
    return SubTokenCounter(ModelFolder(tmp_path).tokenizer())


def sentence(text: str, tags: str = "", name: str = "test:1") -> Sentence:
    tokens = tuple(text.split(" "))
    return Sentence(name, tokens, tuple(tags.split()) or ("O",) * len(tokens), None, "f.conll:3")


def test_figures(counter: SubTokenCounter) -> None:
    split = SplitStatistics(8, counter, InvalidTags("IOB2"))
    split.add(sentence("北 京 \u200b ?", "B-LOC I-LOC O I-PER"))
    split.add(sentence("北 京 \u200b ?", "O O O B-PER"))
    split.add(sentence("aaa aaa aaa"))
    split.skip(RawSentence((), (), "f.jsonl", 9))
    figures = split.figures()
    assert figures["sentences"] == 3
    assert figures["tokens"] == 11
    assert figures["entities"] == {"LOC": 1, "PER": 2}
    assert figures["lengths"]["subTokens"] == {"p50": 5, "p95": 11, "max": 11}
    assert figures["longerThanWindow"] == 1
    assert figures["tokensWithoutSubTokens"] == 2
    assert figures["unknownTokens"] == 2
    assert (figures["duplicates"], figures["emptySentences"]) == (1, 1)
    warnings = " ".join(split.warnings("test"))
    for words in (
        "repeated sentences: 1",
        "without a token, left out: 1, the first at f.jsonl:9",
        "2 of 11 tokens are unknown",
    ):
        assert words in warnings


def test_a_token_longer_than_a_window_is_named(counter: SubTokenCounter) -> None:
    with pytest.raises(
        PermanentError, match=r"f\.conll:3: token 2 .* alone has 7 sub-tokens, a window holds 6"
    ):
        SplitStatistics(8, counter).add(sentence("a aaaaaaa"))


def test_what_splits_share_and_lack(counter: SubTokenCounter) -> None:
    splits = {name: SplitStatistics(8, counter) for name in ("train", "validation", "test")}
    splits["train"].add(sentence("北 京", "B-LOC I-LOC"))
    splits["test"].add(sentence("北 京", "B-LOC I-LOC"))
    splits["test"].add(sentence("京", "B-PER"))
    assert shared_sentences(splits) == {"train/validation": 0, "train/test": 1, "validation/test": 0}
    assert types_not_everywhere(splits) == {"LOC": ["train", "test"], "PER": ["test"]}


def test_sets_without_text_have_lengths_too() -> None:
    split = SplitStatistics(8, None)
    split.add(Sentence("a", (), ("O", "B-X"), (1, 2, 3, 4)))
    assert split.figures()["lengths"] == {
        "tokens": {"p50": 2, "p95": 2, "max": 2},
        "subTokens": {"p50": 4, "p95": 4, "max": 4},
    }


def test_an_npz_window_longer_than_the_models_is_named() -> None:
    with pytest.raises(PermanentError, match="9 sub-tokens, the model's window holds 8"):
        SplitStatistics(8, None).add(Sentence("a", (), None, tuple(range(9))))


def test_lengths_are_values_that_occur() -> None:
    assert lengths([1, 2, 3, 100]) == {"p50": 2, "p95": 100, "max": 100}
    assert lengths([]) == {"p50": 0, "p95": 0, "max": 0}
