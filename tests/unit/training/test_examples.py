"""The order of an epoch, and batches."""

import random

import numpy as np
import pytest
import torch

from ner_jobs.training.examples import Example, batches_of_epoch, collate
from ner_jobs.training.loss import IGNORED


def example(length: int, first: bool = True) -> Example:
    return Example(np.arange(1, length + 1), np.zeros(length, np.int64), first)


@pytest.fixture
def examples() -> list[Example]:
    return [example(length) for length in range(3, 40)]


@pytest.mark.parametrize("grouped", [True, False])
def test_an_epoch_has_each_example_once_in_its_own_order(examples: list[Example], grouped: bool) -> None:
    def lengths(epoch: int, seed: int = 1) -> list[list[int]]:
        batches = batches_of_epoch(examples, 8, seed, epoch, grouped=grouped)
        return [[len(each.input_ids) for each in batch] for batch in batches]

    assert [len(batch) for batch in lengths(0)] == [8, 8, 8, 8, 5]
    assert sorted(length for batch in lengths(0) for length in batch) == list(range(3, 40))
    assert lengths(0) == lengths(0)
    assert lengths(0) != lengths(1)
    assert lengths(0) != lengths(0, seed=2)


def test_no_global_random_state_is_used(examples: list[Example]) -> None:
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    batches_of_epoch(examples, 8, 1, 0, grouped=True)
    collate(examples, padding=0)
    assert states == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


def test_a_batch_is_padded_to_a_multiple_of_eight() -> None:
    batch = collate([example(2), example(9, first=False)], padding=7)
    assert batch.input_ids.shape == batch.attention_mask.shape == batch.labels.shape == (2, 16)
    assert batch.input_ids[0].tolist() == [1, 2] + [7] * 14
    assert batch.attention_mask.sum(1).tolist() == [2, 9]
    assert batch.labels[0].tolist() == [0, 0] + [IGNORED] * 14
    assert batch.first.tolist() == [True, False]


def test_or_to_a_fixed_length() -> None:
    assert collate([example(2)], padding=7, length=20).input_ids.shape == (1, 20)
