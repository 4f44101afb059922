"""Windows: each token is decided once, nothing is cut inside a token, nothing is lost."""

import dataclasses
import random
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from ner_jobs.corpus.encoding import OUTSIDE_LOGIT, join_tokens, segment
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.models.folder import ModelFolder
from ner_jobs.scoring.spans import spans_of
from ner_jobs.task import PermanentError
from ner_jobs.training.examples import examples_of

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefgh", *(f"##{letter}" for letter in "abcdefgh")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WordPiece tokenizer whose words have as many sub-tokens as letters."""
    tokenizer = Tokenizer(
        models.WordPiece({token: number for number, token in enumerate(VOCABULARY)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    path = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save(str(path / "tokenizer.json"))
    return path


def sentence(*tokens: str) -> Sentence:
    return Sentence("s", tokens, source="corpus.txt:1")


@settings(deadline=None)
@given(
    tokens=st.lists(st.sampled_from(["a", "bc", "def", "\u200b", "h" * 5, "龘"]), max_size=60),
    max_length=st.integers(8, 20),
)
def test_every_token_with_a_sub_token_is_decided_once(
    folder: Path, tokens: list[str], max_length: int
) -> None:
    encoded = ModelFolder(folder).encoder(max_length, "whitespace").encode(sentence(*tokens))
    decided = [int(token) for window in encoded.windows for token in window.tokens]
    assert decided == [at for at, token in enumerate(tokens) if token != "\u200b"]
    for window in encoded.windows:
        assert len(window.input_ids) <= max_length
        assert window.input_ids[0] == 2
        assert window.input_ids[-1] == 3


def test_a_sentence_that_fits_is_one_window_with_its_specials(folder: Path) -> None:
    (window,) = ModelFolder(folder).encoder(16, "whitespace").encode(sentence("ab", "c")).windows
    assert window.input_ids.tolist() == [2, 4, 13, 6, 3]
    assert window.positions.tolist() == [1, 3]


def test_neighbouring_windows_meet_in_the_middle_of_their_overlap(folder: Path) -> None:
    encoded = ModelFolder(folder).encoder(12, "whitespace").encode(sentence(*"abcdefgh" * 2))
    first, second = encoded.windows[:2]
    context_left = len(first.input_ids) - 2 - len(first.tokens)
    context_right = int(second.positions[0]) - 1
    assert context_left >= 2
    assert context_right >= 2


def test_rows_joins_windows_and_leaves_out_tokens_without_sub_tokens(folder: Path) -> None:
    encoded = ModelFolder(folder).encoder(10, "whitespace").encode(sentence(*("a",) * 12, "\u200b"))
    logits = [
        np.repeat(np.arange(len(window.input_ids), dtype=np.float32)[:, None], 3, 1)
        for window in encoded.windows
    ]
    assert encoded.decided.tolist() == list(range(12))
    assert encoded.rows(logits, 1).shape == (12, 3)
    assert encoded.rows(logits, 1)[0].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("tags", "filled"),
    [
        pytest.param("B-P I-P O", "B-P I-P I-P I-P O O", id="inside an entity they belong to it"),
        pytest.param("O B-P I-P", "O O O B-P I-P I-P", id="before an entity they are outside"),
        pytest.param("B-P B-P O", "B-P O O B-P O O", id="between two entities too"),
        pytest.param("B-P I-L O", "B-P O O I-L O O", id="and between two types"),
        pytest.param("O I-P O", "O O O I-P O O", id="and before an I- that continues nothing"),
    ],
)
def test_tokens_without_sub_tokens_are_filled_in(folder: Path, tags: str, filled: str) -> None:
    tokens = ["a", "\u200b", "\u00ad", "b", "\ufeff", "c"]
    encoded = ModelFolder(folder).encoder(10, "whitespace").encode(sentence(*tokens))
    assert encoded.fill_in(tags.split()) == tuple(filled.split())


@given(
    tokens=st.lists(st.sampled_from(["a", "b", "\u200b", "\u200e"]), min_size=1, max_size=30),
    chance=st.randoms(use_true_random=False),
)
def test_filling_in_adds_and_cuts_no_entity(folder: Path, tokens: list[str], chance: random.Random) -> None:
    encoded = ModelFolder(folder).encoder(10, "whitespace").encode(sentence(*tokens))
    decided = encoded.decided.tolist()
    tags = [chance.choice(["O", "B-P", "I-P", "B-L", "I-L"]) for _ in decided]
    filled = encoded.fill_in(tags)
    assert [filled[at] for at in decided] == tags
    assert [(span.start, span.end, span.type) for span in spans_of(filled)] == [
        (decided[span.start], decided[span.end - 1] + 1, span.type) for span in spans_of(tags)
    ]


def test_a_token_longer_than_a_window_names_the_line_and_the_way_out(folder: Path) -> None:
    encoder = ModelFolder(folder).encoder(10, "whitespace")
    long = sentence("a", "b" * 9)
    words = r"corpus\.txt:1: token 2 .* 9 sub-tokens.*maxLength"
    assert re.search(words, encoder.about_too_long(long, encoder.encode(long)))
    with pytest.raises(PermanentError, match=words):
        list(examples_of([dataclasses.replace(long, tags=("O", "O"))], encoder, ["O"]))


@given(tokens=st.lists(st.sampled_from(["a", "b" * 8, "b" * 9, "\u200b", "c" * 30]), max_size=20))
def test_a_token_longer_than_a_window_is_certainly_outside(folder: Path, tokens: list[str]) -> None:
    encoded = ModelFolder(folder).encoder(10, "whitespace").encode(sentence(*tokens))
    assert encoded.too_long == tuple(at for at, token in enumerate(tokens) if len(token) > 8)
    assert encoded.decided.tolist() == [at for at, token in enumerate(tokens) if token != "\u200b"]
    if encoded.windows:
        logits = [np.ones((len(window.input_ids), 3), np.float32) for window in encoded.windows]
        rows = dict(zip(encoded.decided.tolist(), encoded.rows(logits, outside=1).tolist(), strict=True))
        assert all(
            row == ([0, OUTSIDE_LOGIT, 0] if at in encoded.too_long else [1, 1, 1])
            for at, row in rows.items()
        )


SPECIALS = ["<s>", "<pad>", "</s>", "<unk>"]


def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(["a b <s> </s>"], trainer)
    return tokenizer


def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram([(entry, -1.0) for entry in (*SPECIALS, "▁", *"asbp</>")], 3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(SPECIALS)
    return tokenizer


def characters() -> Tokenizer:
    entries = {entry: number for number, entry in enumerate((*SPECIALS, *"ab"))}
    tokenizer = Tokenizer(models.WordLevel(entries, unk_token="<unk>"))
    tokenizer.add_special_tokens(SPECIALS)
    return tokenizer


@pytest.mark.parametrize("make", [byte_level, unigram, characters])
@pytest.mark.parametrize("token", ["</s>", "<s>", "<pad>", "a</s>b"])
def test_a_special_token_in_a_text_is_text(tmp_path: Path, make: Callable[[], Tokenizer], token: str) -> None:
    tokenizer = make()
    tokenizer.post_processor = processors.BertProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (window,) = ModelFolder(tmp_path).encoder(16, "whitespace").encode(sentence("a", token, "b")).windows
    first, *text, last = window.input_ids.tolist()
    assert (first, last) == (0, 2)
    assert not {0, 1, 2} & set(text)
    assert len(window.tokens) == 3


def test_a_special_token_in_a_text_is_text_for_word_pieces(folder: Path) -> None:
    (window,) = ModelFolder(folder).encoder(16, "whitespace").encode(sentence("a", "[SEP]", "b")).windows
    assert window.input_ids.tolist().count(3) == 1


def test_an_npz_window_is_taken_as_it_stands(folder: Path) -> None:
    encoded = ModelFolder(folder).encoder(10, "characters").encode(Sentence("n", (), None, (2, 4, 5, 6, 3)))
    assert encoded.token_count == 3
    assert encoded.windows[0].positions.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "segmentation", "tokens"),
    [
        pytest.param(
            "1998年 WTO",
            "characters",
            ["1", "9", "9", "8", "年", "W", "T", "O"],
            id="characters as the corpus has",
        ),
        pytest.param("  Anna  lebt\tin Köln ", "whitespace", ["Anna", "lebt", "in", "Köln"], id="words"),
        pytest.param("a😀b", "characters", ["a", "😀", "b"], id="an emoji is one code point"),
        pytest.param("\u3000\u00a0 ", "characters", [], id="white space alone is nothing"),
    ],
)
def test_segment(text: str, segmentation: str, tokens: list[str]) -> None:
    found = segment(text, segmentation)  # type: ignore[arg-type]
    assert [token for token, _, _ in found] == tokens
    assert all(text[start:end] == token for token, start, end in found)


@pytest.mark.parametrize(
    ("tokens", "text", "starts"),
    [
        pytest.param(["海", "钓"], "海钓", (0, 1), id="characters"),
        pytest.param(["New", "York"], "New York", (0, 4), id="words"),
    ],
)
def test_join_tokens(tokens: list[str], text: str, starts: tuple[int, ...]) -> None:
    assert join_tokens(tokens) == (text, starts)
