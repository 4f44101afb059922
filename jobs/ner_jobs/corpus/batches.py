"""Which windows are in a batch together.

Batches hold windows of nearly one length, because padding is wasted work. The
order depends only on (seed, epoch), so a run that is resumed in any epoch, on
any host, has the batches that it would have had.
"""

from collections.abc import Sequence

import numpy as np

BATCHES_IN_POOL = 50
"""Windows are sorted by length inside pools of so many batches, as Hugging Face's sampler does."""


def training_order(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[int]:
    """Indices in the order of an epoch: each run of `batch_size` of them is a batch.

    Args:
        lengths: sub-tokens of each window.
        batch_size: windows in a batch; the last batch of the epoch may be smaller.
        seed: of the run.
        epoch: from 0.

    Returns:
        A permutation of `range(len(lengths))`.
    """
    random = np.random.default_rng((seed, epoch))
    shuffled = random.permutation(len(lengths))
    pool = batch_size * BATCHES_IN_POOL
    batches: list[list[int]] = []
    for begin in range(0, len(shuffled), pool):
        members = sorted(shuffled[begin : begin + pool].tolist(), key=lambda index: -lengths[index])
        batches += [members[at : at + batch_size] for at in range(0, len(members), batch_size)]
    # Only the epoch's last batch may be short: training cuts the flat order by count.
    short = batches.pop() if batches and len(batches[-1]) < batch_size else []
    ordered = [batches[at] for at in random.permutation(len(batches))]
    return [index for batch in [*ordered, short] for index in batch]


def shuffled_order(count: int, seed: int, epoch: int) -> list[int]:
    """A plain permutation of `range(count)`, for batches that are not grouped by length."""
    return [int(index) for index in np.random.default_rng((seed, epoch)).permutation(count)]
