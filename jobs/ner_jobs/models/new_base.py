"""Makes a small base model from a config and the characters of train, without weights."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ner_jobs.models.base_model import BaseModel, describe_base
from ner_jobs.models.checkpoint_config import load_checkpoint
from ner_jobs.models.folder import ModelFolder
from ner_jobs.models.vocabulary import vocabulary_of, write_tokenizer
from ner_jobs.task import ExitCode, PermanentError
from ner_jobs.task.parameters import PrepareParameters

DEFAULT_CONFIG: dict[str, float | int | str | bool] = {
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 512,
    "max_position_embeddings": 512,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "type_vocab_size": 2,
    "pad_token_id": 0,
}
"""What `spec.model.config` does not set. Such a model trains in a minute on a laptop."""


def make_base(parameters: PrepareParameters, tokens: Mapping[str, int], target: Path) -> BaseModel:
    """Write config and tokenizer of a small BERT model; finetune makes its weights.

    Args:
        parameters: `config` holds the fields of a BERT-type config, in Hugging Face's names or in camelCase.
        tokens: of train, counted.
        target: a folder that does not exist yet.

    Raises:
        PermanentError: the config is too short for `max_length`, or its heads do not divide its width.
    """
    asked = {_snake(name): value for name, value in (parameters.config or {}).items()}
    vocabulary = vocabulary_of(tokens, parameters.segmentation)
    config: dict[str, Any] = {
        "architectures": ["BertForTokenClassification"],
        "model_type": "bert",
        **DEFAULT_CONFIG,
        **asked,
        "vocab_size": len(vocabulary),
    }
    if config["hidden_size"] % config["num_attention_heads"]:
        raise PermanentError(
            f"spec.model.config: hiddenSize {config['hidden_size']} is not a multiple of numAttentionHeads "
            f"{config['num_attention_heads']}",
            ExitCode.USAGE,
        )
    target.mkdir(parents=True)
    ModelFolder(target).write_config(config)
    write_tokenizer(target, vocabulary, {"model_max_length": config["max_position_embeddings"]})
    return describe_base(target, load_checkpoint(target), parameters.max_length)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: "_" + found[1].lower(), name)
