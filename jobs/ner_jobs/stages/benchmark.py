"""benchmark: how fast a compiled variant is on this host, in a closed loop.

Single-threaded instances run at the same time, spread over processes, as the
reference workflow's tool does it. Every instance takes one sentence after the
other. Latency is measured from text to entities, and for the model alone.
"""

import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ner_jobs.corpus.sentence import Sentence
from ner_jobs.corpus.snapshot import read_sentences
from ner_jobs.host import processors
from ner_jobs.inference.benchmark import Figures, measure, spread
from ner_jobs.inference.benchmark_worker import BenchmarkSettings
from ner_jobs.inference.compiled_model import CompiledModel
from ner_jobs.inference.passages import passages_of_dataset
from ner_jobs.models.folder import ModelFolder
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.task import ExitCode, PermanentError, StageError
from ner_jobs.task.parameters import BenchmarkParameters

SENTENCES = 8192
"""Sentences that the instances take in turn, at most; every process holds them in memory."""

SYNTHETIC_SENTENCES = 64
SYNTHETIC_SEED = 42
FIRST_IDEOGRAPH, LAST_IDEOGRAPH = 0x4E00, 0x9FA5


def run(context: StageContext) -> StageResult:
    """Measure.

    Inputs: `compiled` of compile; `data` of prepare unless the parameters name other input.

    Raises:
        PermanentError: the input is empty, or the compiled folder is malformed.
        StageError: SIGTERM came.
        WorkerError: a process died.
    """
    parameters = BenchmarkParameters.model_validate(context.task.parameters)
    compiled = context.inputs["compiled"]
    model = CompiledModel.read(compiled)
    what, sentences = _input(context, parameters, compiled)
    shares = spread(parameters.instances, parameters.processes)
    context.log(
        f"{model.backend} {model.precision}: {parameters.instances} instances in {len(shares)} processes, "
        f"batch {parameters.batch_size}, {len(sentences)} sentences of {what}, {parameters.seconds:g} s "
        f"after {parameters.warmup_seconds:g} s of warm-up"
    )
    if parameters.instances > (available := context.task.threads or processors()):
        context.log(
            f"{parameters.instances} instances share {available} processors: expect higher latencies, "
            "not more sentences a second"
        )
    settings = [
        BenchmarkSettings(
            compiled=compiled,
            instances=share,
            first=sum(shares[:at]),
            batch_size=parameters.batch_size,
            segmentation=parameters.segmentation,
            decoding=parameters.decoding,
            max_length=parameters.max_length,
            warmup_seconds=parameters.warmup_seconds,
            seconds=parameters.seconds,
            sentences=sentences,
        )
        for at, share in enumerate(shares)
    ]
    figures = measure(settings, _Waiting(context, parameters))
    report = report_of(figures, parameters, len(shares), what, len(sentences))
    folder = context.output / "benchmark"
    folder.mkdir()
    (folder / "benchmark.json").write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    return StageResult(
        metrics=report,
        headline={
            "sentencesPerSecond": report["sentencesPerSecond"],
            "p50Ms": report["latencyMs"]["p50"],
            "p99Ms": report["latencyMs"]["p99"],
            "peakPssMiB": report["peakPssMiB"],
        },
        provenance={"backend": model.backend, "precision": model.precision},
    )


class _Waiting:
    """Shows progress, and ends the benchmark when the stage is to stop."""

    def __init__(self, context: StageContext, parameters: BenchmarkParameters) -> None:
        self._context = context
        self._total = parameters.warmup_seconds + parameters.seconds

    def __call__(self, seconds: float) -> None:
        if self._context.stopping.is_set():
            raise StageError("stopped before the benchmark was over", ExitCode.TERMINATED)
        self._context.progress(min(seconds, self._total), self._total, "seconds")


def _input(
    context: StageContext, parameters: BenchmarkParameters, compiled: Path
) -> tuple[str, tuple[Sentence, ...]]:
    """The sentences that it is measured on, and their name."""
    if parameters.synthetic_length:
        return f"{parameters.synthetic_length} made-up tokens", synthetic(parameters.synthetic_length)
    if parameters.dataset is not None:
        # Imported here: the readers of data sets are slow to import, and a snapshot needs none.
        from ner_jobs.corpus.reading import Access

        encoder = ModelFolder(compiled).encoder(parameters.max_length, parameters.segmentation)
        access = Access(context.task.storage, context.scratch, parameters.segmentation)
        passages = passages_of_dataset(parameters.dataset, access, encoder)
        found: Iterator[Sentence] = (passage.sentence for passage in passages)
        what = parameters.dataset.uri
    else:
        found, what = read_sentences(context.inputs["data"]), "the test set"
    sentences = tuple(itertools.islice(found, SENTENCES))
    if not sentences:
        raise PermanentError(f"there is nothing to measure on: {what} is empty")
    return what, sentences


def synthetic(length: int) -> tuple[Sentence, ...]:
    """Sentences of this many random Chinese characters, the same ones each time."""
    source = random.Random(SYNTHETIC_SEED)
    return tuple(
        Sentence(
            f"synthetic:{number}",
            tuple(chr(source.randint(FIRST_IDEOGRAPH, LAST_IDEOGRAPH)) for _ in range(length)),
        )
        for number in range(1, SYNTHETIC_SENTENCES + 1)
    )


def report_of(
    figures: Figures, parameters: BenchmarkParameters, processes: int, what: str, sentences: int
) -> dict[str, Any]:
    """The figures as `benchmark.json` has them. Latencies are of a request, which is a batch."""
    return {
        "instances": parameters.instances,
        "processes": processes,
        "batchSize": parameters.batch_size,
        "input": {"name": what, "sentences": sentences},
        "seconds": round(figures.seconds, 3),
        "warmupSeconds": parameters.warmup_seconds,
        "requests": figures.requests,
        "sentences": figures.sentences,
        "tokens": figures.tokens,
        "sentencesPerSecond": round(figures.sentences_per_second, 2),
        "tokensPerSecond": round(figures.tokens_per_second, 1),
        "latencyMs": _rounded(figures.end_to_end_ms),
        "modelLatencyMs": _rounded(figures.model_ms),
        "cpuSecondsPerSentence": round(figures.cpu_seconds_per_sentence, 6),
        "peakPssMiB": None if figures.peak_pss_mib is None else round(figures.peak_pss_mib, 1),
        "loadSeconds": round(figures.load_seconds, 3),
    }


def _rounded(milliseconds: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in milliseconds.items()}
