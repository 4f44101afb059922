"""tokenizer.json says, after prepare, what transformers makes of it together with tokenizer_config.json."""

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer

from ner_jobs.models.folder import ModelFolder
from ner_jobs.models.tokenizer_config import apply_tokenizer_config, configure

TEXTS = ["Anna", "élan", "北京x", "KÖLN", " ab"]
ENTRIES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"abeklnoéöxAKNLÖ北京",
    *(f"##{x}" for x in "abeklnoéöxKNLÖ京"),
]


def bert(folder: Path) -> None:
    tokenizer = Tokenizer(models.WordPiece({x: at for at, x in enumerate(ENTRIES)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))


def roberta(folder: Path) -> None:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    entries = {x: at for at, x in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(entries, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.mark.parametrize("prefix", [True, False])
def test_byte_level_is_as_transformers_loads_it(tmp_path: Path, prefix: bool) -> None:
    roberta(tmp_path)
    check(tmp_path, {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": prefix}, changed=prefix)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("accents", [True, False, None])
@pytest.mark.parametrize("chinese", [True, False])
def test_word_pieces_are_as_transformers_loads_them(
    tmp_path: Path, lower: bool, accents: bool | None, chinese: bool
) -> None:
    bert(tmp_path)
    fields = {"do_lower_case": lower, "strip_accents": accents, "tokenize_chinese_chars": chinese}
    check(
        tmp_path,
        {"tokenizer_class": "BertTokenizer", **fields},
        changed=lower or accents is not None or not chinese,
    )


def check(folder: Path, config: dict[str, Any], changed: bool) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    reference = AutoTokenizer.from_pretrained(folder)
    assert bool(apply_tokenizer_config(folder)) == changed
    ours = ModelFolder(folder).tokenizer()
    for text in TEXTS:
        assert ours.encode(text, add_special_tokens=False).ids == reference.encode(
            text, add_special_tokens=False
        )
    assert apply_tokenizer_config(folder) == []


def test_a_field_that_is_not_written_and_a_generic_class_change_nothing() -> None:
    tokenizer = {"normalizer": {"type": "BertNormalizer", "lowercase": False}}
    assert configure(tokenizer, {"tokenizer_class": "BertTokenizer"}) == (tokenizer, [])
    generic = {"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": True}
    assert configure(tokenizer, generic) == (tokenizer, [])


def test_parts_of_a_sequence_are_found_and_the_change_is_said() -> None:
    part = {"type": "BertNormalizer", "lowercase": False}
    tokenizer = {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, part]}}
    configured, changes = configure(tokenizer, {"do_lower_case": True})
    assert configured["normalizer"]["normalizers"][1]["lowercase"] is True
    assert part["lowercase"] is False
    assert changes == [
        "tokenizer.json: BertNormalizer.lowercase was false, it is true as do_lower_case in "
        "tokenizer_config.json says"
    ]
