"""A model of a few thousand weights that trains in a second."""

import random
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForTokenClassification

from ner_jobs.task.parameters import FinetuneParameters
from ner_jobs.training.dropout import draw_dropout_by_bytes
from ner_jobs.training.run import Run, start_run


class StartRun(Protocol):
    """Starts a run whose weights and random states are the same each time."""

    def __call__(self, parameters: FinetuneParameters, steps: int) -> Run: ...


@pytest.fixture(scope="session")
def start_tiny_run() -> Iterator[StartRun]:
    """Three labels, ids below 30, windows of up to 16 sub-tokens; on one thread, for equal bytes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def start(parameters: FinetuneParameters, steps: int) -> Run:
        torch.manual_seed(5)
        random.seed(5)
        np.random.seed(5)
        model = BertForTokenClassification(
            BertConfig(
                vocab_size=30,
                hidden_size=16,
                num_hidden_layers=1,
                num_attention_heads=2,
                intermediate_size=16,
                max_position_embeddings=16,
                num_labels=3,
            )
        )
        draw_dropout_by_bytes(model)
        return start_run(model, parameters, steps)

    yield start
    torch.set_num_threads(threads)
