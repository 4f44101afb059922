"""Decoding: the best valid sequence, found by Viterbi, is the one found by trying them all."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ner_jobs.scoring.decoding import Decoder

LABELS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG")

logits_of_sentences = st.lists(
    st.integers(0, 4).flatmap(
        lambda length: arrays(np.float32, (length, len(LABELS)), elements=st.integers(-8, 8).map(np.float32))
    ),
    max_size=4,
)


def is_valid(tags: tuple[str, ...]) -> bool:
    return all(
        not tag.startswith("I-") or (before in (tag, "B-" + tag[2:]))
        for before, tag in zip(("O", *tags), tags, strict=False)
    )


@given(logits_of_sentences)
def test_constrained_is_the_best_of_all_valid_sequences(sentences: list[np.ndarray]) -> None:
    decoded = Decoder(LABELS, "constrained").decode_many(sentences)
    for logits, numbers in zip(sentences, decoded, strict=True):
        assert len(numbers) == len(logits)
        assert is_valid(tuple(LABELS[number] for number in numbers))
        best = max(
            (
                sum(logits[at, number] for at, number in enumerate(path))
                for path in product(range(len(LABELS)), repeat=len(logits))
                if is_valid(tuple(LABELS[number] for number in path))
            ),
            default=0,
        )
        assert sum(logits[at, number] for at, number in enumerate(numbers)) == pytest.approx(best)


@given(logits_of_sentences)
def test_argmax_takes_each_token_alone(sentences: list[np.ndarray]) -> None:
    decoded = Decoder(LABELS, "argmax").decode_many(sentences)
    assert [numbers.tolist() for numbers in decoded] == [logits.argmax(-1).tolist() for logits in sentences]
