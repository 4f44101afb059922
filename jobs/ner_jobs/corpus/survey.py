"""The first reading of a data set: its tags, and faults that are not one line's."""

from collections.abc import Iterable

from ner_jobs.corpus.sentence import RawSentence
from ner_jobs.corpus.tags import TagCensus
from ner_jobs.task import PermanentError


def _counts_its_tokens(sentence: RawSentence) -> bool:
    """Whether the tokens are their own numbers, from 0 or 1: a column of CoNLL-U or GermEval."""
    return bool(sentence.tokens) and any(
        sentence.tokens == tuple(map(str, range(first, first + len(sentence.tokens)))) for first in (0, 1)
    )


def survey(sentences: Iterable[RawSentence], name: str) -> TagCensus:
    """Read a data set once, one sentence in memory.

    Args:
        sentences: all of the data set.
        name: of the data set in messages.

    Raises:
        PermanentError: there is no sentence, an id is there twice, no scheme has such a tag, or the
            tokens of all sentences are 1, 2, 3, …
    """
    census = TagCensus()
    ids: set[str] = set()
    numbered, longer = True, 0
    for sentence in sentences:
        numbered = numbered and _counts_its_tokens(sentence)
        longer += len(sentence.tokens) > 1
        if sentence.id is not None:
            # Outputs name their sentences by id.
            if sentence.id in ids:
                raise PermanentError(
                    f"{sentence.where()}: the id {sentence.id!r} is there twice; make it unique"
                )
            ids.add(sentence.id)
        census.add(sentence)
    if not census.sentences:
        raise PermanentError(f"{name} holds no sentence")
    if numbered and longer > 1:
        raise PermanentError(
            f"{name}: the tokens of every sentence are 1, 2, 3, …: the first column counts them. "
            "Write the file without it: the token first, its tag last"
        )
    return census
