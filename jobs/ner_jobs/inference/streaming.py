"""Passages through a pool and out again in order, in memory that does not depend on the input's size.

A thread reads, tokenises and groups the next block while the workers compute
this one. At most a few blocks exist at once: one that is being read, one that
is ready, and those whose results are not all handed out.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ner_jobs.corpus.encoding import Encoded, Encoder
from ner_jobs.inference.batching import SENTENCES_IN_BLOCK, BatchLimits, blocks_of, groups_of, tokens_in
from ner_jobs.inference.ordered import Ordered
from ner_jobs.inference.passages import Passage
from ner_jobs.inference.pool import Pool
from ner_jobs.inference.predictor import Prediction, prediction_without_windows
from ner_jobs.task import ExitCode, StageError

BLOCKS_OPEN = 2
"""Blocks that the pool has and whose results are not all handed out."""

TICK = 0.2
"""Seconds after which a wait checks whether it should go on."""


_Member = tuple[int, Passage, Encoded]
"""A sentence of a submitted group, with its number in the input."""

_Answer = tuple[Passage, Encoded, Prediction]


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
        """The next block; None if it is not ready in time, or if there is no more (`exhausted`).

        Raises:
            BaseException: any error of the reading.
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


def predict_in_order(
    pool: Pool,
    passages: Iterable[Passage],
    encoder: Encoder,
    limits: BatchLimits,
    stopping: Callable[[], bool] = lambda: False,
    progressed: Callable[[int], None] = lambda count: None,
) -> Iterator[tuple[Passage, Encoded, Prediction]]:
    """Predict a stream.

    Args:
        pool: that runs.
        passages: read on a thread of its own.
        encoder: of the model.
        limits: of a batch.
        stopping: called several times a second; True ends the stream.
        progressed: called with how many sentences are predicted so far. They come in any order, so this is
            more than have been yielded.

    Yields:
        Each passage with its windows and its prediction, in the order of the input.

    Raises:
        StageError: `stopping` returned True, a passage cannot be encoded, or a worker failed for a known
            reason.
        WorkerError: a worker died.
        OrderError: a result came twice or never.
    """
    order: Ordered[_Answer] = Ordered(BLOCKS_OPEN * SENTENCES_IN_BLOCK)
    groups: dict[int, list[_Member]] = {}
    predicted = 0
    with _Reader(passages, encoder, limits) as reader:
        while not reader.exhausted or pool.busy:
            if stopping():
                raise StageError("stopped before all sentences were inferred", ExitCode.TERMINATED)
            if not reader.exhausted and order.open <= order.capacity - SENTENCES_IN_BLOCK:
                block = reader.next(0 if pool.busy else TICK)
                if block is not None:
                    groups |= _submit(pool, block, order)
            if pool.busy:
                for submitted, predictions in pool.results(TICK):
                    members = groups.pop(submitted)
                    for (number, passage, encoded), prediction in zip(members, predictions, strict=True):
                        order.add(number, (passage, encoded, prediction))
                    predicted += len(members)
                    progressed(predicted)
            yield from order.ready()
    order.end()


def _submit(pool: Pool, block: _Block, order: Ordered[_Answer]) -> dict[int, list[_Member]]:
    """Queue the groups of a block, and answer for the sentences that have no windows.

    Returns:
        The members of each group, by the number under which its result will come.
    """
    numbers = order.expect(len(block.passages))
    members = list(zip(numbers, block.passages, block.encoded, strict=True))
    for number, passage, encoded in members:
        if not encoded.windows:
            order.add(number, (passage, encoded, prediction_without_windows(encoded)))
    return {
        pool.submit([block.encoded[at] for at in group]): [members[at] for at in group]
        for group in block.groups
    }
