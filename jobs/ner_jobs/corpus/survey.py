"""The first reading of a data set: its tags, and faults that are not one line's."""

from collections.abc import Iterable
from dataclasses import dataclass

from ner_jobs.corpus.sentence import RawSentence
from ner_jobs.corpus.tags import TagCensus
from ner_jobs.task import PermanentError


@dataclass(frozen=True, slots=True)
class Survey:
    """What the first reading found.

    Attributes:
        sentences: how many there are.
        tags: what `find_scheme` needs.
    """

    sentences: int
    tags: TagCensus


def survey(sentences: Iterable[RawSentence], name: str) -> Survey:
    """Read a data set once, one sentence in memory.

    Args:
        sentences: all of the data set.
        name: how messages call it.

    Raises:
        PermanentError: there is no sentence, an id is there twice, or a tag is of no scheme.
    """
    tags = TagCensus()
    ids: set[str] = set()
    count = 0
    for count, sentence in enumerate(sentences, 1):  # noqa: B007
        if sentence.id is not None:
            # Outputs name their sentences by id.
            if sentence.id in ids:
                raise PermanentError(
                    f"{sentence.where()}: the id {sentence.id!r} is there twice; make it unique"
                )
            ids.add(sentence.id)
        tags.add(sentence)
    if not count:
        raise PermanentError(f"{name} holds no sentence")
    return Survey(count, tags)
