"""Sentences through a model whose answer is known: order, windows, scores, and text that is odd."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner_jobs.corpus.encoding import Encoder
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.inference.batching import BatchLimits
from ner_jobs.inference.predictor import Prediction, Predictor
from ner_jobs.scoring.decoding import Decoder
from ner_jobs.scoring.spans import spans_of
from ner_jobs.task.parameters import Decoding

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
TAG_OF = dict(zip("abcde", LABELS, strict=True))
MakeEncoder = Callable[[int], Encoder]


def predict(session: Any, encoder: Encoder, texts: list[str], batch_size: int = 4) -> list[Prediction]:
    sentences = [Sentence(f"s:{at}", tuple(text)) for at, text in enumerate(texts, 1)]
    predictor = Predictor(session, Decoder(LABELS, "argmax"), BatchLimits(batch_size))
    return predictor.predict(encoder.encode_batch(sentences))


@settings(deadline=None)
@given(
    texts=st.lists(st.text("abcde\u200b", max_size=40), max_size=20),
    max_length=st.integers(8, 24),
    batch_size=st.integers(1, 5),
    fixed=st.booleans(),
)
def test_each_token_gets_its_own_tag_in_order(
    letter_session: Callable[..., Any],
    encoder: MakeEncoder,
    texts: list[str],
    max_length: int,
    batch_size: int,
    fixed: bool,
) -> None:
    session = letter_session(max_length if fixed else None)
    predictions = predict(session, encoder(max_length), texts, batch_size)
    for text, prediction in zip(texts, predictions, strict=True):
        seen = [tag for letter, tag in zip(text, prediction.tags, strict=True) if letter in TAG_OF]
        assert seen == [TAG_OF[letter] for letter in text if letter in TAG_OF]
        spans = [(entity.start, entity.end, entity.type) for entity in prediction.entities]
        assert spans == [(span.start, span.end, span.type) for span in spans_of(prediction.tags)]
    assert all(windows <= (1 if fixed else batch_size) for windows, _ in session.shapes)
    assert all(length == max_length if fixed else length % 8 == 0 for _, length in session.shapes)


@pytest.mark.parametrize("mode", ["argmax", "constrained"])
def test_an_invisible_character_does_not_cut_a_name_in_two(
    letter_session: Callable[..., Any], encoder: MakeEncoder, mode: Decoding
) -> None:
    predictor = Predictor(letter_session(), Decoder(LABELS, mode))
    text = "\ufeffab\u200bc\u00ad\u200ec\u200ba"
    (prediction,) = predictor.predict([encoder(16).encode(Sentence("s", tuple(text)))])
    assert [(entity.start, entity.end, entity.type) for entity in prediction.entities] == [(2, 8, "PER")]
    assert spans_of(prediction.tags)[0].end == 8


def test_a_score_is_the_mean_probability_of_the_tags(
    letter_session: Callable[..., Any], encoder: MakeEncoder
) -> None:
    (prediction,) = predict(letter_session(), encoder(16), ["abca"])
    certain = math.exp(4.0) / (math.exp(4.0) + len(LABELS) - 1)
    (entity,) = prediction.entities
    assert (entity.start, entity.end, entity.type) == (1, 3, "PER")
    assert entity.score == pytest.approx(certain, abs=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("\u200b", id="only a token without sub-tokens"),
        pytest.param("😀b", id="an emoji"),
        pytest.param("a\x00\x07\x1bb", id="control characters"),
        pytest.param("ab\u200bd\u200b", id="zero width spaces between"),
        pytest.param("abcde" * 1000, id="5,000 characters"),
    ],
)
def test_odd_text_has_a_tag_for_every_token(
    letter_session: Callable[..., Any], encoder: MakeEncoder, text: str
) -> None:
    (prediction,) = predict(letter_session(), encoder(32), [text])
    assert prediction.tags == tuple(TAG_OF.get(letter, "O") for letter in text)


def test_an_npz_sentence_goes_in_as_it_stands(
    letter_session: Callable[..., Any], encoder: MakeEncoder
) -> None:
    sentence = Sentence("n:1", (), None, (2, 4, 5, 6, 3))
    predictor = Predictor(letter_session(), Decoder(LABELS, "constrained"))
    (prediction,) = predictor.predict([encoder(16).encode(sentence)])
    assert prediction.tags == ("O", "B-PER", "I-PER")
