"""One process of a benchmark: instances on threads, each in a closed loop.

An instance has a session of its own on one thread; it takes a batch, goes from
text to entities, notes how long that took and how long the model alone took,
and takes the next one. Nothing waits between two requests, so what is
measured is what the host can do, not what somebody sent.
"""

import itertools
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from ner_jobs.inference.messages import Failed, Loaded, LoopSettings, Measured
from ner_jobs.inference.processes import pin

if TYPE_CHECKING:
    from ner_jobs.corpus.encoding import Encoder
    from ner_jobs.corpus.sentence import Sentence
    from ner_jobs.engines.base import FloatArray, IntArray, Session
    from ner_jobs.inference.decisions import Decider


class TimedSession:
    """A session that adds up how long the model ran."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self.effective_precision = session.effective_precision
        self.fixed_length = session.fixed_length
        self.length_step = session.length_step
        self.products = session.products
        self.seconds = 0.0

    def run(self, input_ids: "IntArray", attention_mask: "IntArray") -> "FloatArray":
        """As the session does."""
        began = time.perf_counter()
        logits = self._session.run(input_ids, attention_mask)
        self.seconds += time.perf_counter() - began
        return logits


@dataclass(slots=True)
class Instance:
    """One loop."""

    decider: "Decider"
    session: TimedSession
    encoder: "Encoder"
    sentences: int = 0
    tokens: int = 0
    end_to_end: list[float] = field(default_factory=list)
    model: list[float] = field(default_factory=list)

    def request(self, batch: Sequence["Sentence"], measured: bool) -> None:
        """Serve one batch, from text to entities."""
        before = self.session.seconds
        began = time.perf_counter()
        encoded = self.encoder.encode_batch(batch)
        self.decider.decide(encoded)
        if measured:
            self.end_to_end.append(time.perf_counter() - began)
            self.model.append(self.session.seconds - before)
            self.sentences += len(batch)
            self.tokens += sum(item.token_count for item in encoded)


def run_loop(instances: Sequence[Instance], settings: LoopSettings) -> Measured:
    """Warm every instance up, then measure all of them together."""
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
    settings: LoopSettings,
    number: int,
    warm: threading.Barrier,
    done: threading.Barrier,
    faults: list[BaseException],
) -> None:
    # A prime stride: instances that begin apart stay apart.
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


def _batches(sentences: Sequence["Sentence"], size: int, first: int) -> Iterator[list["Sentence"]]:
    """Batches of the sentences in turn, for ever."""
    for at in itertools.count(first, size):
        yield [sentences[(at + offset) % len(sentences)] for offset in range(size)]


def open_instances(settings: LoopSettings) -> list[Instance]:
    """Open a session for each instance of this process."""
    from ner_jobs.inference.batching import BatchLimits
    from ner_jobs.inference.decisions import Decider
    from ner_jobs.inference.engine import CompiledModel
    from ner_jobs.models.folder import ModelFolder
    from ner_jobs.scoring.decoding import Decoder

    model = CompiledModel.read(settings.compiled)
    encoder = ModelFolder(settings.compiled).encoder(settings.max_length, settings.segmentation)
    limits = BatchLimits(windows=settings.batch_size)
    instances = []
    for _ in range(settings.instances):
        session = TimedSession(model.load())
        decider = Decider(session, Decoder(model.labels, settings.decoding), limits, model.padding)
        instances.append(Instance(decider, session, encoder))
    return instances


def main() -> None:
    """Serve on the file descriptor that the command line names."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection: Connection[Any, Any] = Connection(int(sys.argv[1]))
    settings: LoopSettings = connection.recv()
    pin(settings.processors)
    try:
        began = time.perf_counter()
        instances = open_instances(settings)
        connection.send(Loaded(time.perf_counter() - began))
        connection.recv()
        connection.send(run_loop(instances, settings))
    except Exception as error:
        code = getattr(error, "code", None)
        connection.send(Failed(str(error) or repr(error), code))
        if code is None:
            raise


if __name__ == "__main__":
    main()
