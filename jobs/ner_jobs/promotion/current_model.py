"""Counts of the model in service, on the test set of the candidates.

Most often they are in the store: the evaluation that promoted it, or that of
an equal candidate. Where the test set has changed since, the model is inferred
on the new one first, with the same engine as any other: two models are only
ever compared on the same sentences.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ner_jobs.corpus.snapshot import read_sentences
from ner_jobs.promotion.pointer import Promotion
from ner_jobs.scoring.blocks import Pair
from ner_jobs.scoring.counts import Counts, count
from ner_jobs.scoring.predictions import AlignedPredictions, read_predictions
from ner_jobs.stages.base import StageContext
from ner_jobs.task import InputReference, RetryableError, Stage
from ner_jobs.task.parameters import InferParameters, PromoteParameters

COMPILED = "compiled."


def counts_of(
    context: StageContext,
    current: Promotion | None,
    candidates: Mapping[str, Counts],
    parameters: PromoteParameters,
) -> Counts | None:
    """Counts of what is in service.

    Args:
        context: of the promote stage.
        current: the position that candidates are held against, or None.
        candidates: counts of the candidates by variant.
        parameters: of the promote stage.

    Returns:
        None where nothing is in service, or no gate asks for it.

    Raises:
        RetryableError: its compiled model has vanished from the store.
    """
    if current is None or not any(gate.against == "current" for gate in parameters.gates):
        return None
    for variant, counts in candidates.items():
        reference = context.task.inputs.get(COMPILED + variant)
        if reference is not None and reference.key == current.compile_key:
            return counts
    any_candidate = next(iter(candidates.values()))
    stored = _stored(context, current)
    if stored is not None and stored.ids == any_candidate.ids:
        return stored
    return _inferred(context, current)


def _stored(context: StageContext, current: Promotion) -> Counts | None:
    data = context.task.inputs["data"]
    test = data.digest or context.manifests["data"].outputs[data.output]
    if not current.evaluation_key or current.test_digest != test:
        return None
    evaluation = InputReference(stage=Stage.EVALUATE, key=current.evaluation_key, output="counts")
    try:
        return Counts.load(context.fetch(evaluation))
    except RetryableError as error:
        context.log(f"{error}; the current model is inferred again instead")
        return None


def _inferred(context: StageContext, current: Promotion) -> Counts:
    # Imported here: most promotions compare stored counts, and start without an engine.
    from ner_jobs.inference.engine import CompiledModel
    from ner_jobs.stages import infer

    context.log(
        f"the current model ({current.variant}, revision {current.revision[:12]}) was measured on other "
        "data: it is inferred on this test set first"
    )
    compiled = context.fetch(InputReference(stage=Stage.COMPILE, key=current.compile_key, output="compiled"))
    model = CompiledModel.read(compiled)
    output = context.scratch / "current"
    output.mkdir(parents=True)
    parameters = InferParameters(
        segmentation=model.segmentation, decoding=model.decoding, max_length=model.max_length
    )
    task = context.task.model_copy(
        update={"stage": Stage.INFER, "parameters": parameters.model_dump(mode="json", by_alias=True)}
    )
    inputs = {"compiled": compiled, "data": context.inputs["data"]}
    infer.run(replace(context, task=task, inputs=inputs, output=output))
    return count_predictions(context.inputs["data"], output / "predictions")


def count_predictions(data: Path, predictions: Path) -> Counts:
    """Counts of a predictions output, in step with its data."""
    beside = AlignedPredictions(read_predictions(predictions), "predictions of the current model")
    counts = count(
        Pair(sentence.id, sentence.tags or (), beside.of(sentence).tags) for sentence in read_sentences(data)
    )
    beside.end()
    return counts
