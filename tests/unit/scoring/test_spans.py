"""Entities of tags, held equal to seqeval on whatever tags there may be."""

from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities

from ner_jobs.scoring.spans import spans_of, strict_spans_of

any_tags = st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-ORG", "I-ORG"]), max_size=12)


@given(any_tags)
def test_the_default_mode_is_seqevals(tags: list[str]) -> None:
    ours = [(entity.type, entity.start, entity.end - 1) for entity in spans_of(tags)]
    assert ours == get_entities(tags)


@given(any_tags)
def test_the_strict_mode_is_seqevals(tags: list[str]) -> None:
    ours = [(entity.start, entity.end, entity.type) for entity in strict_spans_of(tags)]
    (theirs,) = Entities([tags], IOB2).entities if tags else ([],)
    assert ours == [(entity.start, entity.end, entity.tag) for entity in theirs]
