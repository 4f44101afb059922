"""Our counts against seqeval's, on tag sequences that no annotator would write."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score
from seqeval.scheme import IOB2

from ner_jobs.scoring.blocks import Pair, TagTable, blocks_of
from ner_jobs.scoring.counts import Counter, Counts, count
from ner_jobs.task import PermanentError

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-a-b", "I-a-b"]


@st.composite
def wild_sets(draw: st.DrawFn) -> list[Pair]:
    """Sentences of any tags in any order: gold is never repaired, so neither may the counter stumble."""
    pairs = []
    for number in range(draw(st.integers(1, 6))):
        length = draw(st.integers(1, 9))
        tags = st.lists(st.sampled_from(TAGS), min_size=length, max_size=length)
        pairs.append(Pair(f"s:{number}", draw(tags), draw(tags)))
    return pairs


@UNHURRIED
@given(wild_sets())
def test_equal_to_seqeval(pairs: list[Pair]) -> None:
    gold = [list(pair.gold) for pair in pairs]
    predicted = [list(pair.predicted) for pair in pairs]
    counts = count(pairs)
    micro, strict = counts.default.micro(), counts.strict.micro()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert micro.precision == precision_score(gold, predicted)
        assert micro.recall == recall_score(gold, predicted)
        assert micro.f1 == pytest.approx(f1_score(gold, predicted), abs=1e-12)
        if any(tag != "O" for tags in gold for tag in tags):
            in_strict_mode = {"mode": "strict", "scheme": IOB2, "average": "micro"}
            try:
                expected = f1_score(gold, predicted, **in_strict_mode)
            except ValueError:  # seqeval cannot reduce an empty list: no strict entity on either side
                expected = 0.0
            assert strict.f1 == pytest.approx(expected, abs=1e-12)
    assert counts.accuracy == accuracy_score(gold, predicted)


@UNHURRIED
@given(wild_sets(), st.integers(1, 4))
def test_the_size_of_a_block_changes_nothing(pairs: list[Pair], size: int) -> None:
    table = TagTable()
    counter = Counter(table)
    for block in blocks_of(pairs, table, size=size):
        counter.add(block)
    cut, whole = counter.counts(), count(pairs)
    assert cut.ids == whole.ids
    assert cut.types == whole.types or set(cut.types) == set(whole.types)
    cut = cut.aligned_to(whole.types)
    assert np.array_equal(cut.default.true_positive, whole.default.true_positive)
    assert np.array_equal(cut.strict.gold, whole.strict.gold)
    assert np.array_equal(cut.correct, whole.correct)


def test_a_sentence_and_type_each() -> None:
    counts = count(
        [
            Pair("s:1", ("B-PER", "I-PER", "O", "B-LOC"), ("B-PER", "I-PER", "O", "O")),
            Pair("s:2", (), ()),
            Pair("s:3", ("O", "B-LOC"), ("B-ORG", "B-LOC")),
        ],
        types=("LOC", "PER"),
    )
    assert counts.types == ("LOC", "PER", "ORG")
    assert counts.default.gold.tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 0]]
    assert counts.default.predicted.tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 1]]
    assert counts.default.true_positive.tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 0]]
    assert counts.default.errors().tolist() == [1, 0, 1]
    assert counts.correct.tolist() == [3, 0, 1]
    assert counts.tokens.tolist() == [4, 0, 2]


def test_an_inside_tag_alone_is_an_entity_by_default_and_none_in_strict_mode() -> None:
    counts = count([Pair("s:1", ("I-PER", "I-PER"), ("B-PER", "I-PER"))])
    assert counts.default.micro().f1 == 1.0
    assert (counts.strict.micro().gold, counts.strict.micro().predicted) == (0, 1)


def test_nothing_at_all_scores_zero() -> None:
    counts = count([])
    assert (len(counts), counts.accuracy, counts.default.micro().f1) == (0, 0.0, 0.0)


def test_saved_and_loaded(tmp_path: Path) -> None:
    counts = count([Pair("s:1", ("B-人", "O"), ("B-人", "I-人"))])
    counts.save(tmp_path / "a")
    counts.save(tmp_path / "b")
    assert (tmp_path / "a/counts.npz").read_bytes() == (tmp_path / "b/counts.npz").read_bytes()
    loaded = Counts.load(tmp_path / "a")
    assert (loaded.types, loaded.ids) == (("人",), counts.ids)
    assert loaded.default.gold.dtype == np.int32
    assert np.array_equal(loaded.default.predicted, counts.default.predicted)


def test_a_set_without_types_is_saved_too(tmp_path: Path) -> None:
    count([Pair("s:1", ("O",), ("O",))]).save(tmp_path)
    assert Counts.load(tmp_path).types == ()


def test_what_is_no_counts_is_named(tmp_path: Path) -> None:
    (tmp_path / "counts.npz").write_bytes(b"PK nothing")
    with pytest.raises(PermanentError, match=r"counts\.npz holds no counts"):
        Counts.load(tmp_path)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        pytest.param(Pair("test:7", ("O", "O"), ("O",)), "1 predicted tags for 2 tokens", id="length"),
        pytest.param(Pair("test:7", ("O",), ("X-PER",)), "'X-PER' is no IOB2 tag", id="prefix"),
        pytest.param(Pair("test:7", ("B",), ("O",)), "'B' is no IOB2 tag", id="no type"),
    ],
)
def test_bad_input_is_named(pair: Pair, message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        count([pair])


def test_columns_follow_another_order() -> None:
    counts = count([Pair("s:1", ("B-PER",), ("B-PER",))])
    wide = counts.aligned_to(("LOC", "PER"))
    assert wide.default.gold.tolist() == [[0, 1]]
    with pytest.raises(PermanentError, match="PER"):
        counts.aligned_to(("LOC",))
