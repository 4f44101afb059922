"""A model folder is what its tensors are, not what its config says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from ner_jobs.models.checkpoint_config import load_checkpoint, tensor_shapes
from ner_jobs.task import PermanentError


def folder_of(folder: Path, config: dict[str, Any], *tensors: str) -> Path:
    (folder / "config.json").write_text(json.dumps(config))
    save_file({name: np.zeros((7, 4), np.float32) for name in tensors}, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize(
    ("said", "tensor", "expected"),
    [
        pytest.param("roberta", "bert.embeddings.weight", "bert", id="BERT under RoBERTa's name"),
        pytest.param("xlm-roberta", "bert.embeddings.weight", "bert", id="BERT under XLM-R's name"),
        pytest.param("bert", "roberta.embeddings.weight", "roberta", id="the other way round"),
        pytest.param("bert", "bert.embeddings.weight", "bert", id="BERT"),
        pytest.param(
            "xlm-roberta", "roberta.embeddings.weight", "xlm-roberta", id="XLM-R's tensors are RoBERTa's"
        ),
        pytest.param("roberta", "embeddings.weight", "roberta", id="names that tell nothing"),
        pytest.param(
            "electra", "bert.embeddings.weight", "electra", id="a family that is not taken for another"
        ),
    ],
)
def test_the_type_is_that_of_the_tensors(tmp_path: Path, said: str, tensor: str, expected: str) -> None:
    found = load_checkpoint(folder_of(tmp_path, {"model_type": said}, tensor))
    assert found.config["model_type"] == expected


def test_a_correction_renames_the_class_and_is_told(tmp_path: Path) -> None:
    config = {
        "model_type": "roberta",
        "architectures": ["RobertaForTokenClassification"],
        "max_position_embeddings": 9,
    }
    found = load_checkpoint(folder_of(tmp_path, config, "bert.embeddings.weight", "classifier.weight"))
    assert found.config["architectures"] == ["BertForTokenClassification"]
    assert "says model_type roberta, its tensors are named bert.*: it is read as bert" in found.corrections[0]
    assert (found.is_token_classifier, found.label_count, found.longest_window) == (True, 7, 9)


def test_roberta_has_fewer_positions_than_it_says(tmp_path: Path) -> None:
    config = {"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}
    assert load_checkpoint(folder_of(tmp_path, config, "roberta.x")).longest_window == 512


@pytest.mark.parametrize("cut", [4, 20, -1])
def test_weights_that_are_cut_short_are_named(tmp_path: Path, cut: int) -> None:
    path = folder_of(tmp_path, {}, "bert.x") / "model.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(PermanentError, match=r"model\.safetensors is not a complete safetensors file"):
        tensor_shapes(path)


def test_without_a_config_it_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"has no config\.json"):
        load_checkpoint(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(PermanentError, match="not a JSON object"):
        load_checkpoint(tmp_path)
