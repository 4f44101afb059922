"""A model folder is read and written in one place, and a fault names the file and what to do."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.models.folder import TOKENIZER_FILES, ModelFacts, ModelFolder, Variant
from ner_jobs.models.vocabulary import SPECIALS, write_tokenizer
from ner_jobs.task import ExitCode, PermanentError

FACTS = ModelFacts(
    labels=("O", "B-人", "I-人"), segmentation="characters", decoding="constrained", max_length=64
)
VARIANT = Variant(
    backend="openvino",
    precision="bf16",
    requested="int8",
    recipe="bf16",
    effective_precision="bf16",
    isa="amx",
    required_features=("bf16",),
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    ModelFolder(tmp_path).write(FACTS, VARIANT)
    (tmp_path / "config.json").write_text('{"pad_token_id": 3}')
    found = ModelFolder(tmp_path)
    assert (found.facts, found.variant, found.labels, found.padding) == (FACTS, VARIANT, FACTS.labels, 3)


def test_the_files_bytes(tmp_path: Path) -> None:
    ModelFolder(tmp_path).write(FACTS, VARIANT)
    assert (tmp_path / "nerd.json").read_text(encoding="utf-8") == (
        '{\n "labels": [\n  "O",\n  "B-人",\n  "I-人"\n ],\n "segmentation": "characters",\n'
        ' "decoding": "constrained",\n "maxLength": 64\n}\n'
    )
    assert list(json.loads((tmp_path / "variant.json").read_text())) == [
        "backend",
        "precision",
        "requested",
        "recipe",
        "effectivePrecision",
        "int8Share",
        "isa",
        "requiredFeatures",
    ]


def test_a_field_of_a_later_release_is_passed_over(tmp_path: Path) -> None:
    content = {**FACTS.model_dump(mode="json", by_alias=True), "later": 1}
    (tmp_path / "nerd.json").write_text(json.dumps(content))
    assert ModelFolder(tmp_path).facts == FACTS


def test_a_base_model_has_no_facts_and_no_padding(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert not ModelFolder(tmp_path).has_facts
    assert ModelFolder(tmp_path).padding == 0


def test_copies_come_from_one_list(tmp_path: Path) -> None:
    source, all_small, tokenizer = (tmp_path / name for name in ("source", "all", "tokenizer"))
    for folder in (source, all_small, tokenizer):
        folder.mkdir()
    small = {"tokenizer.json", "vocab.json", "merges.txt", "vocab.txt", "spiece.model"}
    for name in (*small, "config.json", "model.safetensors", "dynamic.onnx", "nerd.json"):
        (source / name).write_text(name)
    ModelFolder(source).copy_to(all_small)
    ModelFolder(source).copy_to(tokenizer, TOKENIZER_FILES)
    assert {path.name for path in all_small.iterdir()} == {*small, "config.json"}
    assert {path.name for path in tokenizer.iterdir()} == small


def test_the_tokenizer_neither_pads_nor_truncates(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, (*SPECIALS, "北", "京"), {})
    opened = ModelFolder(tmp_path).tokenizer()
    opened.enable_padding(length=9)
    opened.enable_truncation(1)
    opened.save(str(tmp_path / "tokenizer.json"))
    encoding = ModelFolder(tmp_path).tokenizer().encode("北京", add_special_tokens=False)
    assert encoding.ids == [5, 6]
    assert len(ModelFolder(tmp_path).encoder(8, "characters").tokens_of("北 京")) == 2


@pytest.mark.parametrize(
    ("name", "read"),
    [
        pytest.param("nerd.json", lambda folder: folder.facts, id="facts"),
        pytest.param("variant.json", lambda folder: folder.variant, id="variant"),
        pytest.param("config.json", lambda folder: folder.config, id="config"),
        pytest.param("tokenizer.json", lambda folder: folder.tokenizer(), id="tokenizer"),
    ],
)
@pytest.mark.parametrize(
    ("content", "message", "code"),
    [
        pytest.param(None, r"has no FILE; (name|save) ", ExitCode.NO_INPUT, id="missing"),
        pytest.param("{", r"FILE (is not JSON|cannot be read): .*; (name|save) ", ExitCode.DATA, id="cut"),
        pytest.param("[]", r"FILE (is not a JSON object|cannot be read)", ExitCode.DATA, id="a list"),
    ],
)
def test_a_fault_names_the_file_and_the_remedy(
    tmp_path: Path,
    name: str,
    read: Callable[[ModelFolder], Any],
    content: str | None,
    message: str,
    code: ExitCode,
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(PermanentError, match=message.replace("FILE", name)) as caught:
        read(ModelFolder(tmp_path))
    assert caught.value.code is code


def test_facts_of_another_shape_are_refused(tmp_path: Path) -> None:
    (tmp_path / "nerd.json").write_text('{"labels": ["O"]}')
    with pytest.raises(PermanentError, match=r"(?s)nerd\.json is invalid.*segmentation.*name a folder"):
        _ = ModelFolder(tmp_path).facts


def test_it_opens_without_torch_and_transformers() -> None:
    heavy = "{'torch', 'transformers'} & set(sys.modules)"
    script = f"import sys, ner_jobs.models.folder; sys.exit(bool({heavy}))"
    subprocess.run([sys.executable, "-c", script], check=True)
