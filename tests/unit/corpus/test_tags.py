"""Tag schemes: found by one rule, normalised with the same spans, never repaired in silence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_jobs.corpus.sentence import Entity, RawSentence
from ner_jobs.corpus.tags import (
    SCHEMES,
    InvalidTags,
    Scheme,
    TagCensus,
    find_scheme,
    is_valid,
    normalise,
    split_tag,
    tags_of,
    to_iob2,
)
from ner_jobs.scoring.spans import spans_of, strict_spans_of
from ner_jobs.task import PermanentError


def raw(tags: str) -> RawSentence:
    names = tuple(tags.split())
    return RawSentence(("字",) * len(names), names, "f.conll", 11, tokens_have_lines=True)


def census_of(*sentences: str) -> TagCensus:
    census = TagCensus()
    for sentence in sentences:
        census.add(raw(sentence))
    return census


@st.composite
def sentences_with_spans(draw: st.DrawFn) -> tuple[list[Entity], int]:
    """Spans that may touch, of types with hyphens in them."""
    entities: list[Entity] = []
    at = 0
    for gap, length, name in draw(
        st.lists(
            st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(["PER", "per-son", "B-"])),
            max_size=6,
        )
    ):
        entities.append(Entity(at + gap, at + gap + length, name))
        at += gap + length
    return entities, at + draw(st.integers(0, 2))


@given(sentences_with_spans(), st.sampled_from(SCHEMES))
def test_spans_survive_every_scheme(spans: tuple[list[Entity], int], scheme: Scheme) -> None:
    entities, length = spans
    tags = tags_of(entities, length, scheme)
    kept = to_iob2(tags, scheme)
    assert list(spans_of(kept)) == list(strict_spans_of(kept)) == entities
    pairs = zip(("O", *tags), (*tags, "O"), strict=True)
    assert all(is_valid(scheme, *pair) for pair in pairs)


@given(st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y"]), max_size=8))
def test_iob2_gold_is_kept_tag_by_tag(tags: list[str]) -> None:
    assert to_iob2(tags, "IOB2") == tuple(tags)


@given(st.lists(st.sampled_from(["O", *(f"{p}-{t}" for p in "BIES" for t in "XY")]), max_size=8))
def test_wrong_bioes_reads_as_seqeval_reads_it(tags: list[str]) -> None:
    """S and E end an entity, whatever follows; an I or E that continues nothing begins one."""
    expected: list[Entity] = []
    open_from: int | None = None
    for at, (before, tag) in enumerate(zip(("O", *tags), tags, strict=False)):
        goes_on = tag[0] in "IE" and before[0] in "BI" and before[2:] == tag[2:]
        if open_from is not None and not goes_on:
            expected.append(Entity(open_from, at, tags[open_from][2:]))
            open_from = None
        if tag != "O" and open_from is None:
            open_from = at
    if open_from is not None:
        expected.append(Entity(open_from, len(tags), tags[open_from][2:]))
    assert list(spans_of(to_iob2(tags, "BIOES"))) == expected


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        pytest.param(["O B-PER I-PER O"], "IOB2", id="B- opens each entity"),
        pytest.param(["O I-PER I-PER O I-LOC"], "IOB1", id="I- opens entities, there is no B-"),
        pytest.param(["I-PER B-PER I-PER O", "I-LOC"], "IOB1", id="B- only between entities of one type"),
        pytest.param(["B-PER I-PER O B-LOC O", "O I-PER"], "IOB2", id="one wrong I- among right B-"),
        pytest.param(["I-PER I-PER", "I-LOC O I-PER", "O B-PER"], "IOB1", id="one wrong B- among right I-"),
        pytest.param(["B-PER I-PER E-PER O S-LOC"], "BIOES", id="E- and S-"),
        pytest.param(["B-PER M-PER E-PER O S-LOC"], "BMES", id="M-"),
        pytest.param(["B-PER I-PER L-PER O U-LOC"], "BILOU", id="L- and U-"),
        pytest.param(["B-PER E-PER O"], "BIOES", id="BIOES and BMES alike: the first of them"),
        pytest.param(["O O"], "IOB2", id="no entity: the first of all"),
        pytest.param(["O B-PER O B-LOC"], "IOB2", id="single tokens in B-: valid in IOB2 alone"),
        pytest.param(["B-per-son I-per-son"], "IOB2", id="a type with a hyphen"),
    ],
)
def test_find_scheme(sentences: list[str], expected: str) -> None:
    assert find_scheme([census_of(*sentences)]) == expected


def test_the_scheme_is_one_for_all_splits() -> None:
    assert find_scheme([census_of("B-PER O"), census_of("B-PER E-PER S-LOC")]) == "BIOES"


def test_mixed_schemes_are_refused_with_their_places() -> None:
    with pytest.raises(
        PermanentError, match=r"no tag scheme.*M-: M-PER at f\.conll:12.*U-: U-LOC at f\.conll:11"
    ):
        find_scheme([census_of("B-PER M-PER"), census_of("U-LOC")])


def test_a_scheme_that_was_asked_for_must_fit() -> None:
    assert find_scheme([census_of("I-PER I-PER")], "IOB2") == "IOB2"
    with pytest.raises(PermanentError, match=r"S-LOC at f\.conll:12 is not a tag of IOB2"):
        find_scheme([census_of("O S-LOC")], "IOB2")


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("B_PER", "write B-PER"),
        ("B", "has no entity type; write B-TYPE"),
        ("I-", "has no entity type"),
        ("b-PER", "small prefix; write B-PER"),
        ("o", "small prefix; write O"),
        ("PER-B", "write B-PER"),
        ("PER", "is not a tag; write O, or"),
        ("", "is not a tag"),
        ("Q-PER", "is not a tag"),
    ],
)
def test_what_is_no_tag_is_refused_with_what_to_write(tag: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        split_tag(tag)
    sentence = RawSentence(("字", "字"), ("O", tag), "f.conll", 11, tokens_have_lines=True)
    with pytest.raises(PermanentError, match=r"f\.conll:12: .*" + message):
        TagCensus().add(sentence)


def test_a_type_may_hold_hyphens() -> None:
    assert split_tag("B-per-son") == ("B", "per-son")


def test_invalid_tags_are_counted_and_shown_and_kept() -> None:
    invalid = InvalidTags("IOB2")
    for sentence in ("I-PER I-PER O I-LOC", "B-PER I-LOC", "B-PER I-PER"):
        invalid.add(raw(sentence))
    assert (invalid.count, invalid.sentences) == (3, 2)
    assert invalid.examples == [
        "f.conll:11: I-PER at the start of a sentence",
        "f.conll:14: I-LOC after O",
        "f.conll:12: I-LOC after B-PER",
    ]
    assert normalise(raw("O I-PER"), "IOB2", "test", 7).tags == ("O", "I-PER")


def test_an_unfinished_entity_is_invalid_where_ends_are_written() -> None:
    invalid = InvalidTags("BIOES")
    invalid.add(raw("B-PER I-PER"))
    assert invalid.examples == ["f.conll:12: I-PER at the end of a sentence"]


def test_ids_name_split_and_ordinal_unless_the_user_gave_one() -> None:
    assert normalise(raw("O"), "IOB2", "test", 7).id == "test:7"
    own = RawSentence(("字",), ("O",), "f", 1, id="mine")
    assert normalise(own, "IOB2", "test", 7).id == "mine"
