"""Splits validation from train by the hash of each sentence, if the user gave none.

A sentence's side depends only on its tokens and the seed. So identical
sentences are on the same side (none is both trained on and measured), and a
corpus that grows moves no earlier sentence. If the documents are known, the
side depends on the document: names recur in a document, so a document on both
sides would be partly learned by heart.
"""

import hashlib
from collections.abc import Sequence

from ner_jobs.corpus.sentence import Sentence
from ner_jobs.task import PermanentError

TOKEN_SEPARATOR = "\x1f"


def place_of(sentence: Sentence, seed: int, purpose: str) -> float:
    """A number in [0, 1): uniform over sentences, and the same for the same tokens.

    Args:
        sentence: its tokens are hashed, or its sub-token ids if it has no text.
        seed: of the spec.
        purpose: draws for different purposes are independent.
    """
    content = map(str, sentence.input_ids) if sentence.input_ids is not None else sentence.tokens
    text = TOKEN_SEPARATOR.join((purpose, str(seed), *content))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / 2**56


def documents_of(sentences: Sequence[Sentence]) -> int:
    """How many documents are known."""
    return len({sentence.document for sentence in sentences} - {None})


def _place_of_document(document: str, seed: int) -> float:
    text = TOKEN_SEPARATOR.join(("validation by document", str(seed), document))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / 2**56


def split_by_hash(
    sentences: Sequence[Sentence], fraction: float, seed: int
) -> tuple[list[Sentence], list[Sentence]]:
    """(train, validation), each in the order of the file; by document if there are two or more.

    If the hash leaves a side empty (a handful of sentences), the sentence
    or document nearest to the border changes sides, with all that are identical to it.

    Args:
        sentences: of train.
        fraction: of them that should become validation.
        seed: of the spec.

    Raises:
        PermanentError: all sentences are identical, so there is nothing to split.
    """
    by_document = documents_of(sentences) > 1
    places = [
        _place_of_document(sentence.document, seed)
        if by_document and sentence.document is not None
        else place_of(sentence, seed, "validation")
        for sentence in sentences
    ]
    distinct = sorted(set(places))
    if len(distinct) < 2:
        raise PermanentError(
            f"spec.data.train has {len(distinct)} distinct sentence{'s' * (len(distinct) != 1)}, "
            "and one more is needed to validate on; add sentences, or give spec.data.validation"
        )
    border = min(max(fraction, distinct[1]), distinct[-1])
    train = [sentence for sentence, place in zip(sentences, places, strict=True) if place >= border]
    validation = [sentence for sentence, place in zip(sentences, places, strict=True) if place < border]
    return train, validation
