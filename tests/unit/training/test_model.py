"""A head's rows belong to labels by name: in any order of the list, a label keeps what it learned."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertConfig, BertForTokenClassification

from ner_jobs.training.model import open_base

OWN = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    save(folder, OWN)
    return folder


def save(folder: Path, labels: Sequence[str]) -> BertForTokenClassification:
    torch.manual_seed(2)
    config = BertConfig(
        vocab_size=9,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    model = BertForTokenClassification(config)
    with torch.no_grad():
        model.classifier.bias.normal_()
    model.save_pretrained(folder)
    return model


@settings(max_examples=25)
@given(labels=st.lists(st.sampled_from([*OWN, "B-ORG", "I-ORG"]), min_size=1, unique=True))
def test_a_label_keeps_its_row(classifier: Path, labels: list[str]) -> None:
    base = BertForTokenClassification.from_pretrained(classifier)
    model = open_base(classifier, labels, lambda line: None)
    for row, label in enumerate(labels):
        if label in OWN:
            own = OWN.index(label)
            assert torch.equal(model.classifier.weight[row], base.classifier.weight[own])
            assert model.classifier.bias[row] == base.classifier.bias[own]
        else:
            assert not any(
                torch.equal(model.classifier.weight[row], value) for value in base.classifier.weight
            )
    assert model.config.id2label == dict(enumerate(labels))


def test_the_log_says_which_rows_are_new_and_which_are_dropped(classifier: Path) -> None:
    lines: list[str] = []
    open_base(classifier, ["B-LOC", "O", "B-ORG"], lines.append)
    assert lines == [
        "the head's rows of B-LOC, O are those of the base, by name; new: B-ORG; dropped: I-LOC, B-PER, I-PER"
    ]


def test_rows_without_names_are_not_reused(tmp_path: Path) -> None:
    base = save(tmp_path, [f"LABEL_{number}" for number in range(3)])
    lines: list[str] = []
    model = open_base(tmp_path, ["O", "B-LOC", "I-LOC"], lines.append)
    assert not torch.equal(model.classifier.weight, base.classifier.weight)
    assert lines == ["the head is new"]
