"""Passages through a pool and out again in order, in memory that the input's size does not change.

A thread reads, tokenises and sorts the next block while the workers compute
this one. At most a few blocks exist at once: one being read, one ready, and
those whose results are not all handed out yet.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ner_jobs.corpus.encoding import Encoded, Encoder
from ner_jobs.inference.batching import (
    SENTENCES_IN_BLOCK,
    BatchLimits,
    blocks_of,
    groups_of,
)
from ner_jobs.inference.decisions import Decision
from ner_jobs.inference.engine import tokens_in
from ner_jobs.inference.ordered import Ordered
from ner_jobs.inference.passage import Passage
from ner_jobs.inference.pool import Pool
from ner_jobs.task import ExitCode, StageError

BLOCKS_OPEN = 2
"""Blocks that have been handed to the pool and not wholly handed out."""

TICK = 0.2
"""Seconds after which a wait looks whether it should go on."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A passage and what the model says of it."""

    passage: Passage
    encoded: Encoded
    decision: Decision


@dataclass(frozen=True, slots=True)
class _Block:
    passages: list[Passage]
    encoded: list[Encoded]
    groups: list[list[int]]


class _Reader:
    """Reads, tokenises and groups ahead of the workers, on a thread."""

    def __init__(self, passages: Iterable[Passage], encoder: Encoder, limits: BatchLimits) -> None:
        self._passages = passages
        self._encoder = encoder
        self._limits = limits
        self._ready: queue.Queue[_Block | BaseException | None] = queue.Queue(maxsize=1)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._read, name="reader", daemon=True)
        self.exhausted = False

    def __enter__(self) -> "_Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()

    def next(self, timeout: float) -> _Block | None:
        """The next block, or None where it is not ready in time or there is no more (`exhausted`).

        Raises:
            BaseException: whatever the reading raised.
        """
        try:
            found = self._ready.get(timeout=timeout) if timeout else self._ready.get_nowait()
        except queue.Empty:
            return None
        if isinstance(found, BaseException):
            raise found
        self.exhausted = found is None
        return found

    def _read(self) -> None:
        try:
            for passages in blocks_of(self._passages, lambda passage: tokens_in(passage.sentence)):
                encoded = self._encoder.encode_batch(passage.sentence for passage in passages)
                self._put(_Block(passages, encoded, groups_of(encoded, self._limits)))
                if self._closed.is_set():
                    return
            self._put(None)
        except BaseException as error:
            self._put(error)

    def _put(self, found: _Block | BaseException | None) -> None:
        while not self._closed.is_set():
            try:
                self._ready.put(found, timeout=TICK)
                return
            except queue.Full:
                continue


def decide_in_order(
    pool: Pool,
    passages: Iterable[Passage],
    encoder: Encoder,
    outside: str,
    limits: BatchLimits,
    stopping: Callable[[], bool] = lambda: False,
    progressed: Callable[[int], None] = lambda count: None,
) -> Iterator[Decided]:
    """Infer a stream.

    Args:
        pool: that runs.
        passages: read on a thread of its own.
        encoder: of the model.
        outside: the tag of a token without sub-tokens.
        limits: of a batch.
        stopping: asked several times a second.
        progressed: told how many are decided so far; they come in any order, so that is more than are
            handed out.

    Yields:
        Each passage with its decision, in the order of the input.

    Raises:
        StageError: `stopping` said so, a passage cannot be encoded, or a worker failed for a known reason.
        WorkerError: a worker died.
        OrderError: a result came twice or never.
    """
    order: Ordered[Decided] = Ordered(BLOCKS_OPEN * SENTENCES_IN_BLOCK)
    decided = 0
    members: dict[int, list[tuple[int, Passage, Encoded]]] = {}
    with _Reader(passages, encoder, limits) as reader:
        while not reader.exhausted or pool.busy:
            if stopping():
                raise StageError("stopped before all sentences were inferred", ExitCode.TERMINATED)
            if not reader.exhausted and order.open <= order.capacity - SENTENCES_IN_BLOCK:
                block = reader.next(0 if pool.busy else TICK)
                if block is not None:
                    _submit(pool, block, order, members, outside)
            if pool.busy:
                for done in pool.results(TICK):
                    for (number, passage, encoded), decision in zip(
                        members.pop(done.number), done.decisions, strict=True
                    ):
                        order.add(number, Decided(passage, encoded, decision))
                    decided += len(done.decisions)
                    progressed(decided)
            yield from order.ready()
    order.end()


def _submit(
    pool: Pool,
    block: _Block,
    order: Ordered[Decided],
    members: dict[int, list[tuple[int, Passage, Encoded]]],
    outside: str,
) -> None:
    numbers = order.expect(len(block.passages))
    for group in block.groups:
        job = pool.submit([block.encoded[at] for at in group])
        members[job] = [(numbers[at], block.passages[at], block.encoded[at]) for at in group]
    for at, encoded in enumerate(block.encoded):
        if not encoded.windows:
            nothing = Decision((outside,) * encoded.token_count, ())
            order.add(numbers[at], Decided(block.passages[at], encoded, nothing))
