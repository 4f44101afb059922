"""Entities of passages, at once: what `nerd predict` runs.

A person waits for it, so it needs the model's own engine and nothing else: no
torch, no transformers, no reader of data sets.
"""

from collections.abc import Iterable, Iterator

from ner_jobs.inference.engine import Engine
from ner_jobs.inference.passage import Passage, entity_records


def found_in(
    engine: Engine, passages: Iterable[Passage]
) -> Iterator[tuple[Passage, list[dict[str, object]]]]:
    """Each passage with the records of its entities (`passage.entity_records`), in order.

    All of them are read before the first is answered: hand over as many as are wanted at once.
    """
    block = list(passages)
    predictions = engine.predict(passage.sentence for passage in block)
    for passage, prediction in zip(block, predictions, strict=True):
        yield passage, entity_records(passage, prediction.entities)
