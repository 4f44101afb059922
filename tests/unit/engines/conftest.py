"""An exported graph that the tests of the engines share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def albert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the exported graph of a tiny ALBERT."""
    import torch
    from transformers import AlbertConfig, AlbertForTokenClassification

    from ner_jobs.models.graphs import Graph, export_onnx

    torch.manual_seed(0)
    config = AlbertConfig(
        vocab_size=64,
        embedding_size=16,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=128,
        initializer_range=0.2,
        num_labels=7,
        attn_implementation="eager",
    )
    folder = tmp_path_factory.mktemp("albert")
    export_onnx(Graph(AlbertForTokenClassification(config).eval(), types=True), folder / "dynamic.onnx")
    return folder
