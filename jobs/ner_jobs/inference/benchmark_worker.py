"""A process of a benchmark: instances on threads, each in a closed loop.

An instance has a session of its own on one thread. It takes a batch, goes from
text to entities, notes how long that took and how long the model alone took,
and takes the next batch at once. So the benchmark measures what the host can
do, not how many requests were sent.
"""

import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ner_jobs.corpus.encoding import Encoder
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.engines.base import FloatArray, IntArray, Session
from ner_jobs.inference.batching import BatchLimits
from ner_jobs.inference.compiled_model import CompiledModel
from ner_jobs.inference.predictor import Predictor
from ner_jobs.task.parameters import Decoding, Segmentation


@dataclass(frozen=True, slots=True)
class BenchmarkSettings:
    """The first message to a process.

    Attributes:
        instances: threads, each with a session.
        first: number of its first instance among all, so that no two begin with the same sentence.
        sentences: taken in turn, over and over.
    """

    compiled: Path
    instances: int
    first: int
    batch_size: int
    segmentation: Segmentation
    decoding: Decoding
    max_length: int
    warmup_seconds: float
    seconds: float
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of one process after its warm-up.

    Attributes:
        sentences, tokens: finished.
        seconds: of the wall clock, from the end of the warm-up to the end of the last request.
        cpu_seconds: of the process in that time.
        end_to_end, model: seconds of each request, from text to entities and of the model alone.
    """

    sentences: int
    tokens: int
    seconds: float
    cpu_seconds: float
    end_to_end: tuple[float, ...]
    model: tuple[float, ...]


def serve(connection: "Connection[Any, Any]") -> None:
    """Open the models, send how many seconds that took, wait for the start, and send the figures."""
    settings: BenchmarkSettings = connection.recv()
    began = time.perf_counter()
    instances = open_instances(settings)
    connection.send(time.perf_counter() - began)
    connection.recv()
    connection.send(run_loop(instances, settings))


def open_instances(settings: BenchmarkSettings) -> list["Instance"]:
    """Open a session for each instance of this process."""
    model = replace(
        CompiledModel.read(settings.compiled),
        segmentation=settings.segmentation,
        decoding=settings.decoding,
        max_length=settings.max_length,
    )
    encoder, limits = model.encoder(), BatchLimits(settings.batch_size)
    sessions = [TimedSession(model.load()) for _ in range(settings.instances)]
    return [Instance(model.predictor(session, limits), session, encoder) for session in sessions]


class TimedSession:
    """A session that adds up the seconds that the model ran."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.effective_precision = session.effective_precision
        self.fixed_length = session.fixed_length
        self.length_step = session.length_step
        self.products = session.products
        self.weights = session.weights
        self.seconds = 0.0

    def run(self, input_ids: IntArray, attention_mask: IntArray) -> FloatArray:
        """Run the session, and take its time."""
        began = time.perf_counter()
        logits = self._session.run(input_ids, attention_mask)
        self.seconds += time.perf_counter() - began
        return logits


@dataclass(slots=True)
class Instance:
    """One closed loop, and what it measured."""

    predictor: Predictor
    session: TimedSession
    encoder: Encoder
    sentences: int = 0
    tokens: int = 0
    end_to_end: list[float] = field(default_factory=list)
    model: list[float] = field(default_factory=list)

    def request(self, batch: Sequence[Sentence], measured: bool) -> None:
        """Serve one batch, from text to entities."""
        before = self.session.seconds
        began = time.perf_counter()
        encoded = self.encoder.encode_batch(batch)
        self.predictor.predict_group(encoded)
        if measured:
            self.end_to_end.append(time.perf_counter() - began)
            self.model.append(self.session.seconds - before)
            self.sentences += len(batch)
            self.tokens += sum(item.token_count for item in encoded)


def run_loop(instances: Sequence[Instance], settings: BenchmarkSettings) -> Measured:
    """Warm up every instance, then measure all of them together."""
    warm = threading.Barrier(len(instances) + 1)
    done = threading.Barrier(len(instances) + 1)
    faults: list[BaseException] = []
    threads = [
        threading.Thread(
            target=_loop,
            args=(instance, settings, settings.first + at, warm, done, faults),
            name=f"instance {settings.first + at}",
            daemon=True,
        )
        for at, instance in enumerate(instances)
    ]
    for thread in threads:
        thread.start()
    try:
        warm.wait()
        began, cpu = time.perf_counter(), time.process_time()
        done.wait()
    except threading.BrokenBarrierError:
        raise faults[0] from None
    return Measured(
        sentences=sum(instance.sentences for instance in instances),
        tokens=sum(instance.tokens for instance in instances),
        seconds=time.perf_counter() - began,
        cpu_seconds=time.process_time() - cpu,
        end_to_end=tuple(itertools.chain.from_iterable(instance.end_to_end for instance in instances)),
        model=tuple(itertools.chain.from_iterable(instance.model for instance in instances)),
    )


def _loop(
    instance: Instance,
    settings: BenchmarkSettings,
    number: int,
    warm: threading.Barrier,
    done: threading.Barrier,
    faults: list[BaseException],
) -> None:
    # A prime stride, so that no two instances take the same sentences at the same time.
    batches = _batches(settings.sentences, settings.batch_size, number * 7919)
    try:
        until = time.perf_counter() + settings.warmup_seconds
        instance.request(next(batches), measured=False)
        while time.perf_counter() < until:
            instance.request(next(batches), measured=False)
        warm.wait()
        until = time.perf_counter() + settings.seconds
        instance.request(next(batches), measured=True)
        while time.perf_counter() < until:
            instance.request(next(batches), measured=True)
        done.wait()
    except threading.BrokenBarrierError:
        return
    except BaseException as error:
        faults.append(error)
        warm.abort()
        done.abort()


def _batches(sentences: Sequence[Sentence], size: int, first: int) -> Iterator[list[Sentence]]:
    """Batches of the sentences in turn, without end."""
    for at in itertools.count(first, size):
        yield [sentences[(at + offset) % len(sentences)] for offset in range(size)]
