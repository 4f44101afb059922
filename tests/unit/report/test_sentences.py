"""Marked sentences: nothing of the text is lost, and what is wrong is named."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ner_jobs.report.sentences import AROUND, LONGEST, language_of, show
from ner_jobs.scoring.spans import spans_of
from ner_jobs.scoring.worst_sentences import ErrorExample, SpanTuple

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def an_exhibit(
    tokens: Sequence[str],
    gold: Sequence[SpanTuple],
    predicted: Sequence[SpanTuple],
    reference: Sequence[SpanTuple] | None = None,
) -> ErrorExample:
    return ErrorExample(
        "test:1",
        tuple(tokens),
        tuple(gold),
        tuple(predicted),
        None if reference is None else tuple(reference),
        1,
        None,
    )


def test_gold_and_prediction_stand_one_above_the_other() -> None:
    shown = show(
        an_exhibit("王芳在西宁", [(0, 2, "PER"), (3, 5, "LOC")], [(0, 2, "PER")]),
        "int8",
        None,
        ["PER", "LOC"],
    )
    gold, predicted = shown.rows
    assert [(piece.text, piece.kind, piece.wrong) for piece in gold.pieces] == [
        ("王芳", "PER", False),
        ("在", "", False),
        ("西宁", "LOC", True),
    ]
    assert [(piece.text, piece.kind) for piece in predicted.pieces] == [("王芳", "PER"), ("在西宁", "")]
    assert (gold.who, predicted.who, shown.language) == ("gold", "int8", "zh")


def test_words_keep_their_spaces() -> None:
    tokens = ["Ann", "lives", "in", "New", "York", "now"]
    shown = show(an_exhibit(tokens, [(0, 1, "PER"), (3, 5, "LOC")], []), "int8", None, ["PER", "LOC"])
    assert "".join(piece.text for piece in shown.rows[0].pieces) == "Ann lives in New York now"


def test_the_reference_has_a_row_only_where_it_says_something_else() -> None:
    tokens, gold = "王芳在", [(0, 2, "PER")]
    assert len(show(an_exhibit(tokens, gold, [], []), "int8", "fp32", ["PER"]).rows) == 2
    assert [row.who for row in show(an_exhibit(tokens, gold, [], gold), "int8", "fp32", ["PER"]).rows] == [
        "gold",
        "int8",
        "fp32",
    ]


def test_a_long_sentence_is_cut_to_what_is_wrong() -> None:
    tokens = ["字"] * 5000
    shown = show(an_exhibit(tokens, [(3000, 3002, "PER")], []), "int8", None, ["PER"])
    words = "".join(piece.text for piece in shown.rows[0].pieces)
    assert words.startswith("…")
    assert words.endswith("…")
    assert len(words) == 2 * AROUND + 2 + 2
    spread = show(an_exhibit(tokens, [(0, 1, "PER"), (4999, 5000, "PER")], []), "int8", None, ["PER"])
    assert len("".join(piece.text for piece in spread.rows[0].pieces)) == LONGEST + 1


@UNHURRIED
@given(
    st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]), min_size=1, max_size=40),
    st.booleans(),
)
def test_nothing_of_the_text_is_lost(tags: list[str], words: bool) -> None:
    tokens = [f"w{at}" if words else "字" for at in range(len(tags))]
    spans = [(entity.start, entity.end, entity.type) for entity in spans_of(tags)]
    shown = show(an_exhibit(tokens, spans, []), "int8", None, ["PER", "LOC"])
    text = "".join(piece.text for piece in shown.rows[0].pieces)
    whole = (" " if words else "").join(tokens)
    assert text.strip("… ") in whole
    if len(tags) <= AROUND:
        assert text == whole


@pytest.mark.parametrize(
    ("text", "language"), [("王芳", "zh"), ("東京タワー", "ja"), ("서울", "ko"), ("Ann", "und"), ("", "und")]
)
def test_the_language_that_the_script_shows(text: str, language: str) -> None:
    assert language_of(text) == language
