"""The order of training: a permutation, by seed and epoch alone, with little padding."""

from hypothesis import given
from hypothesis import strategies as st

from ner_jobs.corpus.batches import shuffled_order, training_order


@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=300),
    batch_size=st.integers(1, 9),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 5),
)
def test_an_epoch_is_a_permutation_that_seed_and_epoch_alone_decide(
    lengths: list[int], batch_size: int, seed: int, epoch: int
) -> None:
    order = training_order(lengths, batch_size, seed, epoch)
    assert sorted(order) == list(range(len(lengths)))
    assert order == training_order(lengths, batch_size, seed, epoch)


def test_epochs_and_seeds_differ() -> None:
    lengths = list(range(1, 200))
    orders = {tuple(training_order(lengths, 8, seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9
    assert shuffled_order(99, 1, 0) != shuffled_order(99, 1, 1)


def test_batches_hold_windows_of_nearly_one_length() -> None:
    lengths = [(at * 37) % 200 + 1 for at in range(1600)]
    order = training_order(lengths, 16, 42, 0)
    padded = sum(16 * max(lengths[at] for at in order[begin : begin + 16]) for begin in range(0, 1600, 16))
    assert padded < 1.05 * sum(lengths)
