"""`spec.model`: the base model, its labels, and how text is cut for it."""

from typing import ClassVar

from pydantic import Field

from ner_jobs.task.parameters import Segmentation
from ner_operator.api.base import SET, ApiModel, Items
from ner_operator.api.strings import Label, Uri
from ner_operator.api.v1alpha1 import rules


class ModelConfig(ApiModel):
    """A small BERT-type model from nothing, by the names of Hugging Face's configuration."""

    hidden_size: int = Field(default=128, ge=8, le=4096)
    """Width of the encoder; a multiple of numAttentionHeads."""
    num_hidden_layers: int = Field(default=2, ge=1, le=96)
    """Number of transformer layers."""
    num_attention_heads: int = Field(default=2, ge=1, le=128)
    """Attention heads a layer."""
    intermediate_size: int = Field(default=512, ge=8, le=16384)
    """Width of the feed-forward part of a layer."""
    max_position_embeddings: int = Field(default=512, ge=8, le=8192)
    """Longest window that the model has positions for; at least model.maxLength."""
    hidden_dropout_prob: float = Field(default=0.1, ge=0, lt=1)
    """Dropout of the hidden states while training."""
    attention_probs_dropout_prob: float = Field(default=0.1, ge=0, lt=1)
    """Dropout of the attention weights while training."""

    rules: ClassVar = rules.MODEL_CONFIG


class Model(ApiModel):
    """Which model is trained or served, and how text reaches it."""

    base: Uri | None = None
    """The model to start from: a folder (s3://bucket/prefix, file:///folder, or a path relative to the
    spec's file) with config.json, tokenizer and weights, or a model id of the Hugging Face hub."""
    revision: str | None = Field(default=None, min_length=1, max_length=128)
    """Of a hub id: a branch, tag or commit; a branch is resolved to its commit. A commit pins it."""
    config: ModelConfig | None = None
    """Instead of base: a small model from nothing, with a tokenizer of the training data's characters."""
    labels: Items[Label] | None = Field(default=None, min_length=1, max_length=512, json_schema_extra=SET)
    """The label list in its order, such as [O, B-PER, I-PER]. Absent: that of the base where it is a token
    classifier with real names, else read from the training data. Quote a label that YAML reads as
    something else ("NO")."""
    max_length: int = Field(default=256, ge=8, le=8192)
    """Sub-tokens in a window, special tokens included. A longer sentence is read in several windows."""
    segmentation: Segmentation = "characters"
    """How raw text becomes tokens, as in the training data: characters (Chinese corpora) or whitespace."""

    rules: ClassVar = rules.MODEL
