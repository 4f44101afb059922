"""Counts of the model in service, on the test set of the candidates.

Most often they are in the store: the evaluation that promoted the model, or
that of an equal candidate. Two models are only compared on the same sentences,
so if the test set has changed since, the model has to be inferred on the new one.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from ner_jobs.corpus.snapshot import read_sentences
from ner_jobs.promotion.pointer import Promotion
from ner_jobs.scoring.blocks import Pair
from ner_jobs.scoring.counts import Counts, count
from ner_jobs.scoring.predictions import AlignedPredictions, read_predictions
from ner_jobs.task import InputReference, RetryableError, Stage


def find_counts(
    current: Promotion,
    test: str,
    candidates: Mapping[str, Counts],
    fetch: Callable[[InputReference], Path],
    log: Callable[[str], None],
) -> Counts | None:
    """Counts that exist already.

    Args:
        current: the position of the pointer that candidates are compared with.
        test: digest of the test snapshot.
        candidates: counts of the candidates, by key of their compiled model.
        fetch: brings an artifact's output.
        log: of the stage.

    Returns:
        None if there are none of these sentences.
    """
    if (equal := candidates.get(current.compile_key)) is not None:
        return equal
    if not current.evaluation_key or current.test_digest != test:
        return None
    evaluation = InputReference(stage=Stage.EVALUATE, key=current.evaluation_key, output="counts")
    try:
        stored = Counts.load(fetch(evaluation))
    except RetryableError as error:
        log(f"{error}; the current model is inferred again instead")
        return None
    return stored if stored.ids == next(iter(candidates.values())).ids else None


def count_predictions(data: Path, predictions: Path) -> Counts:
    """Counts of a predictions output.

    Raises:
        PermanentError: the predictions were made from other data.
    """
    aligned = AlignedPredictions(read_predictions(predictions), "predictions of the current model")
    counts = count(
        Pair(sentence.id, sentence.tags or (), aligned.of(sentence).tags) for sentence in read_sentences(data)
    )
    aligned.end()
    return counts
