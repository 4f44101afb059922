"""Entities as a predictions file has them: code points, joined tokens, npz sets, and odd characters."""

import json
from pathlib import Path

import pytest

from ner_jobs.corpus.sentence import Sentence
from ner_jobs.inference.passages import Passage, passage_of_text
from ner_jobs.inference.predictor import ScoredEntity
from ner_jobs.inference.writing import entity_records
from ner_jobs.models.folder import ModelFolder


@pytest.mark.parametrize(
    ("text", "entity", "start", "found"),
    [
        pytest.param("ab cd", ScoredEntity(1, 3, "PER", 0.5), 1, "b c", id="a space inside"),
        pytest.param("😀ab", ScoredEntity(1, 2, "PER", 0.5), 1, "a", id="an emoji is one code point"),
        pytest.param(
            "a\x00\u200bb", ScoredEntity(3, 4, "PER", 0.5), 3, "b", id="control and zero width count"
        ),
        pytest.param(
            "\u3000ab", ScoredEntity(0, 2, "PER", 0.5), 1, "ab", id="an ideographic space is no token"
        ),
    ],
)
def test_entities_of_raw_text_are_code_points_of_it(
    tokenizer_folder: Path, text: str, entity: ScoredEntity, start: int, found: str
) -> None:
    encoder = ModelFolder(tokenizer_folder).encoder(32, "characters")
    (record,) = entity_records(passage_of_text("t", text, encoder), (entity,))
    assert record == {"start": start, "end": start + len(found), "type": "PER", "score": 0.5, "text": found}
    assert json.dumps(record, ensure_ascii=False).encode()


def test_entities_of_tokens_are_positions_and_characters_of_the_joined_text() -> None:
    passage = Passage(Sentence("t", ("In", "New", "York", "!")))
    (record,) = entity_records(passage, (ScoredEntity(1, 3, "LOC", 0.25),))
    assert record == {
        "start": 1,
        "end": 3,
        "type": "LOC",
        "score": 0.25,
        "text": "New York",
        "charStart": 3,
        "charEnd": 11,
    }


def test_entities_of_an_npz_set_have_no_text() -> None:
    passage = Passage(Sentence("t", (), None, (2, 4, 5, 3)))
    (record,) = entity_records(passage, (ScoredEntity(0, 2, "LOC", 0.25),))
    assert record == {"start": 0, "end": 2, "type": "LOC", "score": 0.25}
