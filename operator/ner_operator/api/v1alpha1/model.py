"""`spec.model`: the base model, its labels, and how text is split into tokens and windows."""

from typing import ClassVar

from pydantic import Field

from ner_jobs.task.parameters import Segmentation
from ner_operator.api.base import SET, ApiModel, Items
from ner_operator.api.field_types import Label, Uri
from ner_operator.api.v1alpha1 import rules


class ModelConfig(ApiModel):
    """A new small BERT model; fields are named as in Hugging Face's BertConfig."""

    hidden_size: int = Field(default=128, ge=8, le=4096)
    """Width of the hidden states; a multiple of numAttentionHeads."""
    num_hidden_layers: int = Field(default=2, ge=1, le=96)
    """Number of transformer layers."""
    num_attention_heads: int = Field(default=2, ge=1, le=128)
    """Attention heads in each layer."""
    intermediate_size: int = Field(default=512, ge=8, le=16384)
    """Width of the feed-forward network in each layer."""
    max_position_embeddings: int = Field(default=512, ge=8, le=8192)
    """Number of position embeddings; at least model.maxLength."""
    hidden_dropout_prob: float = Field(default=0.1, ge=0, lt=1)
    """Dropout of the hidden states during training."""
    attention_probs_dropout_prob: float = Field(default=0.1, ge=0, lt=1)
    """Dropout of the attention weights during training."""

    rules: ClassVar = rules.MODEL_CONFIG


class Model(ApiModel):
    """The model that is trained or served, and how it reads text."""

    base: Uri | None = None
    """The model to start from: a folder (s3://bucket/prefix, file:///folder, or a path relative to the
    spec's file) with config.json, tokenizer and weights, or a model id of the Hugging Face hub."""
    revision: str | None = Field(default=None, min_length=1, max_length=128)
    """Branch, tag or commit of a hub model; a branch is resolved to its commit. A commit pins the model."""
    config: ModelConfig | None = None
    """Instead of base: a new small model, with a tokenizer made of the characters in the training data."""
    labels: Items[Label] | None = Field(default=None, min_length=1, max_length=512, json_schema_extra=SET)
    """The labels in order, such as [O, B-PER, I-PER]. Absent: the labels of the base if it is a token
    classifier with named labels, otherwise the labels in the training data. Quote a label that YAML
    reads as something else ("NO")."""
    max_length: int = Field(default=256, ge=8, le=8192)
    """Sub-tokens in a window, special tokens included. A longer sentence is split into several windows."""
    segmentation: Segmentation = "characters"
    """How raw text is split into tokens, as the training data is: characters (Chinese) or whitespace."""

    rules: ClassVar = rules.MODEL
