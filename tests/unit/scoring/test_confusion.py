"""Each way of being wrong, and a slow reading that must agree on wild input."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ner_jobs.scoring.blocks import Pair, TagTable, blocks_of
from ner_jobs.scoring.confusion import Confusion, ConfusionCounter
from ner_jobs.scoring.spans import spans_of

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def confusion_of(pairs: list[Pair], size: int = 2048) -> Confusion:
    table = TagTable(("PER", "LOC"))
    counter = ConfusionCounter(table)
    for block in blocks_of(pairs, table, size):
        counter.add(block)
    return counter.confusion()


@pytest.mark.parametrize(
    ("gold", "predicted", "fates", "cell"),
    [
        ("B-PER I-PER O", "B-PER I-PER O", {"correct": 1}, (0, 0)),
        ("B-PER I-PER O", "B-LOC I-LOC O", {"wrongType": 1}, (0, 1)),
        ("B-PER I-PER O", "B-PER O O", {"wrongBorder": 1}, (0, 0)),
        ("B-PER I-PER O", "O B-LOC I-LOC", {"wrongTypeAndBorder": 1}, (0, 1)),
        ("B-PER I-PER O", "O O O", {"missed": 1}, (0, 2)),
        ("O O O", "O B-LOC O", {"spurious": 1}, (2, 1)),
    ],
)
def test_each_fate(gold: str, predicted: str, fates: dict[str, int], cell: tuple[int, int]) -> None:
    confusion = confusion_of([Pair("s:1", gold.split(), predicted.split())])
    assert {str(fate): number for fate, number in confusion.fates.items() if number} == fates
    assert confusion.matrix[cell] == 1
    assert confusion.matrix.sum() == 1


def test_the_entity_that_shares_most_is_the_partner() -> None:
    pair = Pair("s:1", ["B-PER", "I-PER", "I-PER"], ["B-LOC", "B-PER", "I-PER"])
    confusion = confusion_of([pair])
    assert confusion.matrix[0, 0] == 1
    assert confusion.matrix.sum() == 1  # the other one touches gold: neither partner nor spurious


def test_nothing() -> None:
    assert confusion_of([]).matrix.sum() == 0
    assert confusion_of([Pair("s:1", ("O",), ("O",))]).matrix.sum() == 0


TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


@UNHURRIED
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), max_size=8), min_size=1, max_size=5
    )
)
def test_equal_to_a_slow_reading(sentences: list[list[tuple[str, str]]]) -> None:
    pairs = [
        Pair(f"s:{at}", [gold for gold, _ in tags], [predicted for _, predicted in tags])
        for at, tags in enumerate(sentences)
    ]
    expected: Counter[tuple[int, int]] = Counter()
    number = {"PER": 0, "LOC": 1}
    for pair in pairs:
        gold, predicted = spans_of(pair.gold), spans_of(pair.predicted)
        for entity in gold:
            shares = [
                (min(entity.end, other.end) - max(entity.start, other.start), -at)
                for at, other in enumerate(predicted)
            ]
            best = max(shares, default=(0, 0))
            expected[number[entity.type], number[predicted[-best[1]].type] if best[0] > 0 else 2] += 1
        for entity in predicted:
            if not any(other.start < entity.end and entity.start < other.end for other in gold):
                expected[2, number[entity.type]] += 1
    matrix = np.zeros((3, 3), int)
    for cell, count in expected.items():
        matrix[cell] = count
    assert np.array_equal(confusion_of(pairs).matrix, matrix)
    assert np.array_equal(confusion_of(pairs, size=1).matrix, matrix)
