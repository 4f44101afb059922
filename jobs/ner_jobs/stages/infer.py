"""infer: run a compiled variant over a data set and write one line of predictions a sentence.

N single-threaded processes compute. This one reads and tokenises ahead, and
writes in the order of the input. The bytes of the result depend on the model,
the data and the batch size, and not on the number of processes, which is in
no key.
"""

import time
from collections.abc import Iterable, Iterator

from ner_jobs.corpus.encoding import Encoded, Encoder
from ner_jobs.corpus.snapshot import count_sentences, read_sentences
from ner_jobs.host import processors
from ner_jobs.inference.batching import BatchLimits
from ner_jobs.inference.compiled_model import CompiledModel
from ner_jobs.inference.passages import Passage, passages_of_dataset
from ner_jobs.inference.pool import Pool
from ner_jobs.inference.predictor import Prediction
from ner_jobs.inference.streaming import predict_in_order
from ner_jobs.inference.writing import NpzWriter, Written, write_predictions
from ner_jobs.models.folder import ModelFolder
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.task.parameters import InferParameters


def run(context: StageContext) -> StageResult:
    """Infer the whole input.

    Inputs: `compiled` of compile, and `data` of prepare unless the parameters name a data set.

    Raises:
        PermanentError: the compiled folder or the data is malformed.
        StageError: SIGTERM came.
        WorkerError: a worker died.
    """
    began = time.perf_counter()
    parameters = InferParameters.model_validate(context.task.parameters)
    model = CompiledModel.read(context.inputs["compiled"])
    encoder = ModelFolder(model.folder).encoder(parameters.max_length, parameters.segmentation)
    total = None if parameters.dataset else count_sentences(context.inputs["data"])
    instances = _instances(parameters, context.task.threads, total)
    context.log(
        f"{model.backend} {model.precision}, {instances} single-threaded "
        f"{'process' if instances == 1 else 'processes'}, "
        f"{'a stream of' if total is None else total} sentences, {parameters.decoding} decoding"
    )
    folder = context.output / "predictions"
    with Pool(
        context.inputs["compiled"], instances, parameters.batch_size, parameters.decoding, parameters.npz
    ) as pool:
        stream = predict_in_order(
            pool,
            _passages(context, parameters, encoder),
            encoder,
            BatchLimits(parameters.batch_size),
            context.stopping.is_set,
            lambda count: context.progress(count, total or 0, "sentences"),
        )
        if parameters.npz:
            outside = model.labels.index("O")
            with NpzWriter(
                context.output / "npz", parameters.max_length, len(model.labels), outside
            ) as arrays:
                written = write_predictions(folder, _with_arrays(stream, arrays))
        else:
            written = write_predictions(folder, stream)
    if written.first_too_long is not None:
        context.log(
            f"warning: tokens too long for the model, which are O: {written.too_long}; the first: "
            f"{encoder.about_too_long(*written.first_too_long)}"
        )
    return _result(written, time.perf_counter() - began, instances, model)


def _instances(parameters: InferParameters, threads: int, total: int | None) -> int:
    """As many as the parameters say; by default one a processor, but not more than there are batches."""
    if parameters.instances:
        return parameters.instances
    available = threads or processors()
    if total is None:
        return available
    return max(1, min(available, -(-total // parameters.batch_size)))


def _passages(context: StageContext, parameters: InferParameters, encoder: Encoder) -> Iterator[Passage]:
    if parameters.dataset is None:
        return (Passage(sentence) for sentence in read_sentences(context.inputs["data"]))
    # Imported here: the readers of data sets are slow to import, and a snapshot needs none.
    from ner_jobs.corpus.reading import Access

    access = Access(context.task.storage, context.scratch, parameters.segmentation)
    return passages_of_dataset(parameters.dataset, access, encoder)


def _with_arrays(
    stream: Iterable[tuple[Passage, Encoded, Prediction]], arrays: NpzWriter
) -> Iterator[tuple[Passage, Encoded, Prediction]]:
    """Write the logits of each sentence as it passes."""
    for passage, encoded, prediction in stream:
        arrays.write(passage, encoded, prediction)
        yield passage, encoded, prediction


def _result(written: Written, seconds: float, instances: int, model: CompiledModel) -> StageResult:
    speed = written.sentences / seconds if seconds else 0.0
    entities = sum(written.entities.values())
    return StageResult(
        metrics={
            "sentences": written.sentences,
            "tokens": written.tokens,
            "windows": written.windows,
            "tooLongTokens": written.too_long,
            "entities": dict(sorted(written.entities.items())),
            "instances": instances,
            "seconds": round(seconds, 3),
            "sentencesPerSecond": round(speed, 2),
        },
        headline={
            "sentences": written.sentences,
            "entities": entities,
            "sentencesPerSecond": round(speed, 1),
        },
        provenance={"backend": model.backend, "precision": model.precision},
    )
