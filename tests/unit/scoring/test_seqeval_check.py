"""The check finds what it is there for: a counter that says anything else than seqeval."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ner_jobs.scoring.blocks import Pair
from ner_jobs.scoring.counts import count
from ner_jobs.scoring.seqeval_check import SeqevalCheck
from ner_jobs.task import ExitCode, PermanentError

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

PAIRS = [
    Pair("t:1", ("B-PER", "I-PER", "O"), ("I-PER", "I-PER", "O")),
    Pair("t:2", ("O", "O"), ("O", "B-LOC")),
    Pair("t:3", (), ()),
]


def test_equal_counts_pass() -> None:
    check = SeqevalCheck()
    check.add(PAIRS[:1])
    check.add(PAIRS[1:])
    assert check.compare(count(PAIRS)) == 3


def test_a_difference_is_named_by_its_sentence() -> None:
    check = SeqevalCheck()
    check.add(PAIRS)
    counts = count(PAIRS)
    wrong = counts.default.gold.copy()
    wrong[1, 0] += 1
    damaged = dataclasses.replace(counts, default=dataclasses.replace(counts.default, gold=wrong))
    with pytest.raises(PermanentError, match=r"t:2: our count of gold in default mode") as caught:
        check.compare(damaged)
    assert caught.value.code is ExitCode.SOFTWARE


def test_a_large_set_is_checked_at_its_beginning() -> None:
    check = SeqevalCheck(sentences=1)
    check.add(PAIRS)
    assert check.compare(count(PAIRS)) == 1


TAGS = st.sampled_from(["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC"])


@UNHURRIED
@given(st.lists(st.lists(st.tuples(TAGS, TAGS), max_size=9), min_size=1, max_size=6))
def test_it_agrees_on_wild_sets(sentences: list[list[tuple[str, str]]]) -> None:
    """Cutting off the O around the entities, and reading each sequence once, changes nothing."""
    pairs = [
        Pair(f"t:{at}", [gold for gold, _ in tags], [predicted for _, predicted in tags])
        for at, tags in enumerate(sentences)
    ]
    check = SeqevalCheck()
    check.add(pairs)
    assert check.compare(count(pairs)) == len(pairs)
