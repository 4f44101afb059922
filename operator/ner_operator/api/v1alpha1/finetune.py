"""`spec.finetune`: how the model is trained."""

from typing import Literal

from pydantic import Field

from ner_operator.api.base import ApiModel


class Finetune(ApiModel):
    """Training of a token classifier; fields are named as in Hugging Face's Trainer where they match."""

    epochs: int = Field(default=3, ge=1, le=1000)
    """Passes over the training data; the epoch with the best validation F1 is kept."""
    batch_size: int = Field(default=16, ge=1, le=4096)
    """Windows in one optimizer step."""
    learning_rate: float = Field(default=2e-4, gt=0, le=1)
    """Peak learning rate of the encoder, reached after warm-up; then it falls linearly to zero."""
    head_learning_rate: float = Field(default=1e-3, gt=0, le=1)
    """Peak learning rate of the classification head, which is newly initialized."""
    weight_decay: float = Field(default=0.01, ge=0, le=1)
    """Weight decay of AdamW; not applied to biases and norms."""
    warmup_ratio: float = Field(default=0.1, ge=0, le=1)
    """Share of all steps during which the learning rate rises."""
    max_gradient_norm: float = Field(default=1.0, gt=0, le=1000)
    """Gradients with a larger norm are scaled down to it."""
    loss: Literal["sequence", "token"] = "sequence"
    """sequence: likelihood of the gold tags among all sequences that the scheme allows, as constrained
    decoding needs it. token: cross-entropy of each token."""
    weight_averaging: float = Field(default=0.0, ge=0, lt=1)
    """Decay per step of a moving average of the weights, such as 0.999; 0 turns it off."""
    early_stopping_patience: int = Field(default=0, ge=0, le=1000)
    """Epochs without a better validation F1 after which training stops; 0 turns it off."""
    max_steps: int = Field(default=0, ge=0, le=100_000_000)
    """Number of optimizer steps after which training ends; 0 means no limit."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of training. auto: bf16 if the hardware has it and it is faster."""
    length_grouping: bool = True
    """Batches sentences of similar length: an epoch is several times faster, with the same F1."""
    seed: int = Field(default=42, ge=0, le=2147483647)
    """Random seed of new weights, dropout and the order of batches."""
