"""Tokenizers made here: deterministic, and BERT's own."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from ner_jobs.models.vocabulary import SPECIALS, read_vocabulary, vocabulary_of, write_tokenizer
from ner_jobs.task import PermanentError

COUNTS = {"北": 3, "京": 3, "a": 1, "🙂": 1, "\u3000": 4}


def test_the_vocabulary_does_not_depend_on_the_order() -> None:
    expected = (*SPECIALS, "京", "北", "a", "🙂")
    assert vocabulary_of(COUNTS, "characters") == expected
    assert vocabulary_of(dict(reversed(COUNTS.items())), "characters") == expected


def test_words_have_continuations(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, vocabulary_of({"York": 2, "New": 1}, "whitespace"), {})
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert tokenizer.encode("New York").tokens == ["[CLS]", "N", "##e", "##w", "York", "[SEP]"]


def test_a_tokenizer_knows_its_characters(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, vocabulary_of(COUNTS, "characters"), {})
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert tokenizer.encode(["北", "京", "🙂", "城"], is_pretokenized=True).tokens == [
        "[CLS]",
        "北",
        "京",
        "🙂",
        "[UNK]",
        "[SEP]",
    ]


@pytest.mark.shared
def test_a_vocab_txt_gives_the_tokenizer_that_transformers_saved(shared: Path, tmp_path: Path) -> None:
    folder = shared / "models/e5-small-zh"
    write_tokenizer(tmp_path, read_vocabulary(folder / "vocab.txt"), {"do_lower_case": True})
    ours, theirs = (Tokenizer.from_file(str(place / "tokenizer.json")) for place in (tmp_path, folder))
    for text in ("1998年WTO在北京“开会”", "é\u200b🙂　Ｗｏｒｄ", "", "unaffable 繁體"):
        assert ours.encode(text).ids == theirs.encode(text).ids


def test_what_is_no_bert_vocabulary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"vocab\.txt lacks \[PAD\]"):
        write_tokenizer(tmp_path, ("a", "b"), {})


def test_transformers_reads_what_is_written(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    write_tokenizer(tmp_path, vocabulary_of(COUNTS, "characters"), {"model_max_length": 512})
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert len(tokenizer) == 9
    assert tokenizer(["北", "京"], is_split_into_words=True)["input_ids"] == [2, 6, 5, 3]
    assert tokenizer.pad_token_id == 0
