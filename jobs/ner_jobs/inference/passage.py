"""What is inferred: a sentence, and the text that it was cut from where there is one.

Predictions speak of tokens; people and other programs speak of text. A
passage keeps the way back: code-point offsets of each token in the text.
"""

from dataclasses import dataclass

from ner_jobs.corpus.encoding import Encoder, join_tokens
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.inference.decisions import ScoredEntity


@dataclass(frozen=True, slots=True)
class Passage:
    """One input.

    Attributes:
        sentence: what the model sees.
        text: raw text, where the input was text; None where it was tokens.
        offsets: (start, end) of each token in `text`, code points, end exclusive; empty without text.
    """

    sentence: Sentence
    text: str | None = None
    offsets: tuple[tuple[int, int], ...] = ()


def passage_of_text(name: str, text: str, encoder: Encoder, source: str = "") -> Passage:
    """Cut raw text into tokens as the model's training did.

    Args:
        name: the id.
        text: any text.
        encoder: of the model.
        source: `FILE:LINE`, for messages.
    """
    tokens = encoder.tokens_of(text)
    return Passage(
        Sentence(name, tuple(token for token, _, _ in tokens), source=source),
        text,
        tuple((start, end) for _, start, end in tokens),
    )


def entity_records(passage: Passage, entities: tuple[ScoredEntity, ...]) -> list[dict[str, object]]:
    """Entities as a predictions file has them.

    For raw text, `start` and `end` are code points of the text. For tokens they
    are token positions, and `charStart` and `charEnd` code points of the joined
    text. An npz set has neither tokens nor text.
    """
    if not entities:
        return []
    if passage.text is not None:
        return [_in_text(entity, passage.text, passage.offsets) for entity in entities]
    if passage.sentence.input_ids is not None:
        return [_bare(entity) for entity in entities]
    tokens = passage.sentence.tokens
    text, starts = join_tokens(tokens)
    return [_in_tokens(entity, tokens, text, starts) for entity in entities]


def _bare(entity: ScoredEntity) -> dict[str, object]:
    return {"start": entity.start, "end": entity.end, "type": entity.type, "score": entity.score}


def _in_text(entity: ScoredEntity, text: str, offsets: tuple[tuple[int, int], ...]) -> dict[str, object]:
    start, end = offsets[entity.start][0], offsets[entity.end - 1][1]
    return {
        "start": start,
        "end": end,
        "type": entity.type,
        "score": entity.score,
        "text": text[start:end],
    }


def _in_tokens(
    entity: ScoredEntity, tokens: tuple[str, ...], text: str, starts: tuple[int, ...]
) -> dict[str, object]:
    start = starts[entity.start]
    end = starts[entity.end - 1] + len(tokens[entity.end - 1])
    return {**_bare(entity), "text": text[start:end], "charStart": start, "charEnd": end}
