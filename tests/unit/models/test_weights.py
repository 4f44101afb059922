"""No weight of a base is made up or dropped in silence: only the head of a model to train may be new."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForTokenClassification

from ner_jobs.models.checkpoint import open_checkpoint
from ner_jobs.models.weights import common_prefix
from ner_jobs.task import ExitCode, PermanentError
from ner_jobs.training.model import open_base

LABELS = ("O", "B-LOC", "I-LOC")
Tensors = dict[str, torch.Tensor]
Change = Callable[[Tensors], Tensors]
EMBEDDING = "bert.embeddings.word_embeddings.weight"
KEY = "bert.encoder.layer.0.attention.self.key.weight"


def config(**more: int) -> BertConfig:
    return BertConfig(
        vocab_size=30,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
        id2label=dict(enumerate(LABELS)),
        label2id={label: number for number, label in enumerate(LABELS)},
        architectures=["BertForTokenClassification"],
        **more,
    )


def write(folder: Path, change: Change) -> Tensors:
    """A classifier with changed tensors; returns the tensors that it had."""
    torch.manual_seed(1)
    BertForTokenClassification(config()).save_pretrained(folder)
    path = folder / "model.safetensors"
    tensors = load_file(path)
    save_file({name: value.contiguous() for name, value in change(tensors).items()}, path)
    return tensors


def encoder(tensors: Tensors) -> Tensors:
    return {name: value for name, value in tensors.items() if name.startswith("bert.")}


def under(prefix: str) -> Change:
    return lambda tensors: {prefix + name: value for name, value in encoder(tensors).items()}


def without(name: str) -> Change:
    return lambda tensors: {other: value for other, value in tensors.items() if other != name}


def smaller(name: str) -> Change:
    return lambda tensors: {**tensors, name: tensors[name][:-2]}


def with_crf(tensors: Tensors) -> Tensors:
    return {**tensors, "crf.transitions": torch.zeros(3, 3), "crf.start": torch.zeros(3)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            dict, "rows of O, B-LOC, I-LOC are those of the base", id="a classifier as it was saved"
        ),
        pytest.param(encoder, "^the head is new$", id="an encoder"),
        pytest.param(
            lambda tensors: {name.removeprefix("bert."): value for name, value in encoder(tensors).items()},
            "the head is new",
            id="an encoder without the prefix of its type",
        ),
        pytest.param(under("module."), "the prefix module. is taken off", id="a wrapped model"),
        pytest.param(under("module.model."), "the prefix module.model. is taken off", id="wrapped twice"),
        pytest.param(
            lambda tensors: {f"encoder.{name[5:]}": value for name, value in encoder(tensors).items()},
            "the prefix encoder. is taken off",
            id="an encoder as the attribute of another class",
        ),
        pytest.param(with_crf, r"warning: .*does not use: crf.\* \(2\)", id="a classifier with a CRF"),
        pytest.param(
            lambda tensors: {**encoder(tensors), "cls.bias": torch.zeros(3)},
            r"^the base has weights that .* does not use: cls.\* \(1\)",
            id="the head of a pretraining is no warning",
        ),
    ],
)
def test_the_encoder_is_loaded_and_the_rest_is_said(tmp_path: Path, change: Change, said: str) -> None:
    tensors = write(tmp_path, change)
    lines: list[str] = []
    loaded = open_base(tmp_path, LABELS, lines.append).state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in encoder(tensors).items())
    assert any(re.search(said, line) for line in lines)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(without(KEY), f"it lacks {KEY}", id="a weight is missing"),
        pytest.param(
            smaller(EMBEDDING),
            f"{EMBEDDING} is 28x16 in the checkpoint and 30x16 by config.json",
            id="the vocabulary grew in config.json alone",
        ),
        pytest.param(
            lambda tensors: {f"foreign.{number}": value for number, value in enumerate(tensors.values())},
            r"it lacks .*; it has foreign.0, .*, which the model does not have",
            id="names of another model",
        ),
        pytest.param(
            lambda tensors: {
                name: value.clone()
                for which in ("teacher.", "student.")
                for name, value in under(which)(tensors).items()
            },
            "more than one model",
            id="two models in a file",
        ),
    ],
)
def test_an_encoder_that_would_be_random_is_refused(tmp_path: Path, change: Change, words: str) -> None:
    write(tmp_path, change)
    for open_model in (
        lambda: open_base(tmp_path, LABELS, print),
        lambda: open_checkpoint(tmp_path, LABELS, 16, print),
    ):
        with pytest.raises(PermanentError, match=words) as refusal:
            open_model()
        assert refusal.value.code is ExitCode.DATA


def narrower_head(tensors: Tensors) -> Tensors:
    return {**tensors, "classifier.weight": tensors["classifier.weight"][:, :-2]}


@pytest.mark.parametrize("change", [encoder, narrower_head])
def test_a_classifier_as_it_is_may_not_have_a_new_head(tmp_path: Path, change: Change) -> None:
    write(tmp_path, change)
    with pytest.raises(PermanentError, match="classifier"):
        open_checkpoint(tmp_path, LABELS, 16, print)


def test_a_classifier_as_it_is_names_its_crf(tmp_path: Path) -> None:
    write(tmp_path, with_crf)
    lines: list[str] = []
    open_checkpoint(tmp_path, LABELS, 16, lines.append)
    assert any("crf.* (2)" in line and line.startswith("warning:") for line in lines)


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        pytest.param(["a.x", "b.y"], "", id="the names as they are"),
        pytest.param(["m.a.x", "m.b.y", "extra"], "m.", id="one prefix"),
        pytest.param(["m.LayerNorm.gamma", "m.LayerNorm.beta"], "m.", id="norms of old checkpoints"),
        pytest.param(["q", "r"], "", id="nothing fits"),
    ],
)
def test_common_prefix(names: list[str], prefix: str) -> None:
    assert common_prefix(names, {"a.x", "b.y", "LayerNorm.weight", "LayerNorm.bias"}) == prefix
