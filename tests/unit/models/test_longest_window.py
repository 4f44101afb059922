"""A model's longest window is what it reads, whatever its config calls its positions."""

from typing import Any

import pytest

from ner_jobs.models.longest_window import longest_window

SIZES: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 64,
}


@pytest.mark.parametrize(
    ("config", "longest"),
    [
        pytest.param({"model_type": "bert", "pad_token_id": 0}, 64, id="BERT: all positions"),
        pytest.param({"model_type": "roberta", "pad_token_id": 1}, 62, id="RoBERTa: two are not for text"),
        pytest.param({"model_type": "camembert", "pad_token_id": 1}, 62, id="CamemBERT is one too"),
        pytest.param({"model_type": "xlm-roberta", "pad_token_id": 1}, 62, id="and XLM-R"),
        pytest.param({"model_type": "mpnet", "pad_token_id": 1}, 62, id="and MPNet"),
        pytest.param({"model_type": "albert", "embedding_size": 8}, 64, id="ALBERT: all positions"),
        pytest.param(
            {"model_type": "distilbert", "dim": 16, "n_heads": 2, "hidden_dim": 16}, 64, id="DistilBERT too"
        ),
        pytest.param(
            {"model_type": "deberta-v2", "relative_attention": True, "position_biased_input": False},
            100,
            id="DeBERTa with relative positions alone has no bound",
        ),
        pytest.param({"model_type": "unheard-of"}, None, id="a type that transformers does not know"),
        pytest.param({"model_type": "vit"}, None, id="a type without a token classifier"),
    ],
)
def test_longest_window(config: dict[str, Any], longest: int | None) -> None:
    assert longest_window({**SIZES, **config}, 100) == longest
    if longest is not None:
        assert longest_window({**SIZES, **config}, longest) == longest
        assert longest_window({**SIZES, **config}, 20) == 20
