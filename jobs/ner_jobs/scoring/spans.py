"""Entities of a tag sequence, as seqeval reads them.

`default` is seqeval's default mode, which conlleval uses too: an I- that does
not continue the entity before it begins one. `strict` is seqeval's
`mode="strict", scheme=IOB2`: an entity begins with B- alone, and an I- that
continues nothing belongs to none. Spans in predictions are exactly those that
are scored, so there is one reader for both.
"""

from collections.abc import Sequence

from ner_jobs.corpus.sentence import Entity


def spans_of(tags: Sequence[str]) -> tuple[Entity, ...]:
    """Entities of IOB2 tags in seqeval's default mode, by position.

    Args:
        tags: `O`, `B-TYPE` or `I-TYPE`, one a token.
    """
    return _read(tags, begins_with_inside=True)


def strict_spans_of(tags: Sequence[str]) -> tuple[Entity, ...]:
    """Entities of IOB2 tags in seqeval's strict mode: B- begins, I- of the same type continues."""
    return _read(tags, begins_with_inside=False)


def _read(tags: Sequence[str], begins_with_inside: bool) -> tuple[Entity, ...]:
    entities: list[Entity] = []
    start, kind = 0, ""
    for at, tag in enumerate(tags):
        prefix, _, name = tag.partition("-")
        if kind and prefix == "I" and name == kind:
            continue
        if kind:
            entities.append(Entity(start, at, kind))
            kind = ""
        if prefix == "B" or (prefix == "I" and begins_with_inside):
            start, kind = at, name
    if kind:
        entities.append(Entity(start, len(tags), kind))
    return tuple(entities)
