"""The base model's snapshot: only what a model needs, safe, and what it really is."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from ner_jobs.corpus.fetching import Fetcher
from ner_jobs.models.base_model import BaseModel, snapshot_base
from ner_jobs.models.vocabulary import SPECIALS, write_tokenizer
from ner_jobs.store.open import open_store
from ner_jobs.task import ExitCode, PermanentError, StorageSettings
from ner_jobs.task.parameters import Dataset, PrepareParameters

CONFIG = {
    "model_type": "bert",
    "architectures": ["BertModel"],
    "vocab_size": 7,
    "max_position_embeddings": 64,
}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "some-model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "README.md").write_text("not needed")
    (folder / "modeling_custom.py").write_text("raise SystemExit")
    write_tokenizer(folder, (*SPECIALS, "北", "京"), {})
    save_file({"bert.embeddings.weight": np.ones((7, 4), np.float32)}, folder / "model.safetensors")
    return folder


def snapshot(base: Path | str, **more: Any) -> tuple[BaseModel, Path, list[str]]:
    scratch = Path(base).parent if isinstance(base, Path) else Path(more.pop("scratch"))
    target = scratch / "target"
    shutil.rmtree(target, ignore_errors=True)
    parameters = PrepareParameters(
        **{"base": str(base), "test": Dataset(uri="file:///t", format="conll"), "max_length": 32, **more}
    )
    log: list[str] = []
    fetcher = Fetcher(StorageSettings(uri="file:///s"), scratch / "scratch", open_store)
    return snapshot_base(parameters, target, fetcher, log.append), target, log


def test_only_what_a_model_needs_comes_along(base: Path) -> None:
    found, target, _ = snapshot(base)
    assert sorted(path.name for path in target.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert (target / "model.safetensors").read_bytes() == (base / "model.safetensors").read_bytes()
    assert found.checkpoint.shapes == {"bert.embeddings.weight": (7, 4)}


def test_the_identity_is_that_of_the_files(base: Path) -> None:
    first, again = snapshot(base)[0], snapshot(base.as_uri().removesuffix("/"), scratch=base.parent)[0]
    assert first.identity == again.identity
    save_file({"bert.embeddings.weight": np.zeros((7, 4), np.float32)}, base / "model.safetensors")
    assert snapshot(base)[0].identity != first.identity


def test_pickled_weights_become_safetensors(base: Path) -> None:
    import torch

    (base / "model.safetensors").unlink()
    torch.save({"bert.a": torch.ones(7, 4)}, base / "pytorch_model.bin")
    found, target, log = snapshot(base)
    assert found.checkpoint.shapes == {"bert.a": (7, 4)}
    assert "weights_only" in log[0]
    assert not (target / "pytorch_model.bin").exists()


def test_a_vocab_txt_gets_its_fast_tokenizer(base: Path) -> None:
    (base / "tokenizer.json").unlink()
    (base / "vocab.txt").write_text(
        "".join(f"{entry}\n" for entry in (*SPECIALS, "北", "京")), encoding="utf-8"
    )
    _, target, log = snapshot(base)
    assert json.loads((target / "tokenizer.json").read_text())["model"]["vocab"]["京"] == 6
    assert "made from vocab.txt (7 entries)" in log[0]


def test_a_bert_under_robertas_name_is_written_as_bert(base: Path) -> None:
    (base / "config.json").write_text(json.dumps({**CONFIG, "model_type": "roberta"}))
    _, target, log = snapshot(base)
    assert json.loads((target / "config.json").read_text())["model_type"] == "bert"
    assert "it is read as bert" in log[0]


@pytest.mark.parametrize(
    ("break_it", "message", "code"),
    [
        pytest.param("config.json", "has no config.json", ExitCode.NO_INPUT, id="no config"),
        pytest.param("model.safetensors", "has no weights", ExitCode.NO_INPUT, id="no weights"),
        pytest.param(
            "tokenizer.json", "neither tokenizer.json nor vocab.txt", ExitCode.NO_INPUT, id="no tokenizer"
        ),
    ],
)
def test_what_is_missing_is_named(base: Path, break_it: str, message: str, code: ExitCode) -> None:
    (base / break_it).unlink()
    with pytest.raises(PermanentError, match=message) as raised:
        snapshot(base)
    assert raised.value.code == code


def test_a_config_that_is_no_json_is_named_with_its_field(base: Path) -> None:
    (base / "config.json").write_text("{")
    with pytest.raises(PermanentError, match=r"spec\.model\.base: .*config\.json is not JSON"):
        snapshot(base)


def test_a_window_longer_than_the_positions_is_refused(base: Path) -> None:
    with pytest.raises(PermanentError, match=r"maxLength is 65, the base has positions for 64"):
        snapshot(base, max_length=65)


def test_a_tokenizer_of_another_model_is_refused(base: Path) -> None:
    (base / "config.json").write_text(json.dumps({**CONFIG, "vocab_size": 6}))
    with pytest.raises(PermanentError, match="ids up to 6, its config a vocabulary of 6"):
        snapshot(base)


@pytest.mark.parametrize("uri", ["file:///no/such/model", "/no/such/model", "not a name"])
def test_a_base_that_is_not_there_is_named(tmp_path: Path, uri: str) -> None:
    with pytest.raises(PermanentError, match=r"spec\.model\.base"):
        snapshot(uri, scratch=tmp_path)
