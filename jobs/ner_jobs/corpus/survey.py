"""The first reading of a data set: its tags, and faults that are not one line's."""

from collections.abc import Iterable

from ner_jobs.corpus.sentence import RawSentence
from ner_jobs.corpus.tags import TagCensus
from ner_jobs.task import PermanentError


def survey(sentences: Iterable[RawSentence], name: str) -> TagCensus:
    """Read a data set once, one sentence in memory.

    Args:
        sentences: all of the data set.
        name: of the data set in messages.

    Raises:
        PermanentError: there is no sentence, an id is there twice, or no scheme has such a tag.
    """
    census = TagCensus()
    ids: set[str] = set()
    for sentence in sentences:
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
    return census
