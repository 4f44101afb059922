"""A base model from nothing: a config, and a tokenizer of train's characters."""

import json
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.models.base_model import BaseModel
from ner_jobs.models.new_base import make_base
from ner_jobs.task import PermanentError
from ner_jobs.task.parameters import Dataset, PrepareParameters


def made(folder: Path, tokens: dict[str, int], config: dict[str, Any]) -> BaseModel:
    parameters = PrepareParameters(
        config=config, test=Dataset(uri="file:///t", format="conll"), max_length=32, seed=1
    )
    return make_base(parameters, tokens, folder)


def test_a_model_from_nothing(tmp_path: Path) -> None:
    found = made(tmp_path / "one", {"北": 2, "京": 1}, {"hiddenSize": 32, "num_hidden_layers": 1})
    config = json.loads((tmp_path / "one/config.json").read_text())
    assert (config["hidden_size"], config["num_hidden_layers"], config["vocab_size"]) == (32, 1, 7)
    assert found.checkpoint.is_token_classifier
    again = made(tmp_path / "two", {"京": 1, "北": 2}, {"num_hidden_layers": 1, "hiddenSize": 32})
    assert again.identity == found.identity


def test_a_model_from_nothing_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="hiddenSize 32 is not a multiple of numAttentionHeads 3"):
        made(tmp_path / "one", {"a": 1}, {"hidden_size": 32, "num_attention_heads": 3})
    with pytest.raises(PermanentError, match="maxLength is 32, the base has positions for 16"):
        made(tmp_path / "two", {"a": 1}, {"max_position_embeddings": 16})
