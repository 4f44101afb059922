"""`spec.finetune`: how the model is trained; absent, it is served as it is."""

from typing import Literal

from pydantic import Field

from ner_operator.api.base import ApiModel


class Finetune(ApiModel):
    """Training of a token classifier, by the names of Hugging Face's Trainer."""

    epochs: int = Field(default=3, ge=1, le=1000)
    """Passes over the training data; the best one by validation F1 is kept."""
    batch_size: int = Field(default=16, ge=1, le=4096)
    """Windows a step of the optimizer."""
    learning_rate: float = Field(default=2e-4, gt=0, le=1)
    """Peak learning rate of the encoder; it is reached after warm-up and falls to zero linearly."""
    head_learning_rate: float = Field(default=1e-3, gt=0, le=1)
    """Peak learning rate of the classifier on top, which starts from nothing."""
    weight_decay: float = Field(default=0.01, ge=0, le=1)
    """Weight decay of AdamW; biases and norms have none."""
    warmup_ratio: float = Field(default=0.1, ge=0, le=1)
    """Share of all steps in which the learning rate rises."""
    max_gradient_norm: float = Field(default=1.0, gt=0, le=1000)
    """Gradients with a larger norm are scaled down to it."""
    loss: Literal["sequence", "token"] = "sequence"
    """sequence: likelihood of the gold tags among all sequences that the scheme allows, which is what
    constrained decoding maximises. token: cross-entropy of each token by itself."""
    weight_averaging: float = Field(default=0.0, ge=0, lt=1)
    """Decay a step of a moving average of the weights, such as 0.999; 0 is off."""
    early_stopping_patience: int = Field(default=0, ge=0, le=1000)
    """Epochs without a better validation F1 before training stops; 0 never stops early."""
    max_steps: int = Field(default=0, ge=0, le=100_000_000)
    """Ends training after this many steps of the optimizer; 0 is no bound."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of training. auto: bf16 where the hardware has it and it pays."""
    length_grouping: bool = True
    """Batches of sentences of like length: an epoch is several times faster, and F1 stays."""
    seed: int = Field(default=42, ge=0, le=2147483647)
    """Of the new weights, dropout and the order of batches."""
