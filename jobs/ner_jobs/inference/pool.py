"""N processes of one thread each, fed with groups of sentences.

N single-threaded processes are faster than one process with N threads: a
short sentence has too little work to share. If a worker dies, an error with
its name and the end of its standard error is raised at once.

The pool only decides which worker gets which group. `batching` makes the
groups from the input alone, and `streaming` puts the results into order.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path

from ner_jobs.corpus.encoding import Encoded
from ner_jobs.inference.batching import longest_window
from ner_jobs.inference.predictor import Prediction
from ner_jobs.inference.processes import (
    Child,
    WorkerError,
    available_processors,
    placements,
    start_child,
)
from ner_jobs.inference.worker import WorkerSettings
from ner_jobs.task.parameters import Decoding

GROUPS_AHEAD = 2
"""Groups that a worker has: the current one and the next, so that it never waits for its parent."""

WORKER = "ner_jobs.inference.worker"


@dataclass(slots=True, eq=False)
class _Worker:
    """A child, the groups that it has, and the lengths that it has seen."""

    child: Child
    groups: set[int] = field(default_factory=set)
    lengths: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """A group that waits for a worker; `length` is that of its longest window."""

    number: int
    encoded: Sequence[Encoded]
    length: int


class Pool:
    """Workers that run from `__enter__` to `__exit__`.

    Args:
        compiled: the compiled folder that every worker opens.
        instances: how many workers.
        batch_size: windows in a batch, at most.
        decoding: how logits become tags.
        keep_logits: whether predictions carry logits.
        module: whose `serve` a worker runs; tests pass their own.
    """

    def __init__(
        self,
        compiled: Path,
        instances: int,
        batch_size: int,
        decoding: Decoding,
        keep_logits: bool = False,
        module: str = WORKER,
    ) -> None:
        self._settings = WorkerSettings(compiled, batch_size, decoding, keep_logits)
        self._instances = instances
        self._module = module
        self._waiting: deque[_Group] = deque()
        self._numbered = 0
        self._workers: list[_Worker] = []

    def __enter__(self) -> "Pool":
        try:
            for at, processors in enumerate(placements(self._instances, 1, available_processors()), 1):
                child = start_child(f"worker {at}", self._module, self._settings, processors)
                self._workers.append(_Worker(child))
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    @property
    def busy(self) -> bool:
        """Whether results are still to come."""
        return bool(self._waiting) or any(worker.groups for worker in self._workers)

    def submit(self, encoded: Sequence[Encoded]) -> int:
        """Queue a group of sentences.

        Returns:
            The number under which its result will come.
        """
        number = self._numbered
        self._numbered += 1
        self._waiting.append(_Group(number, encoded, max(map(longest_window, encoded), default=0)))
        return number

    def results(self, timeout: float) -> Iterator[tuple[int, Sequence[Prediction]]]:
        """Hand out groups, then yield the results that come within `timeout` seconds, if any.

        Yields:
            The number of a group, and a prediction for each of its sentences.

        Raises:
            StageError: a worker failed for a reason that a user can fix, such as a broken model.
            WorkerError: a worker died, failed for another reason, or sent a result of a group that it does
                not have.
        """
        self._hand_out()
        by_connection = {id(worker.child.connection): worker for worker in self._workers}
        for ready in wait([worker.child.connection for worker in self._workers], timeout):
            worker = by_connection[id(ready)]
            number, predictions = worker.child.receive()
            if number not in worker.groups:
                raise WorkerError(f"{worker.child.name} sent result {number}, which it was not asked for")
            worker.groups.remove(number)
            self._hand_out()
            yield number, predictions

    def _hand_out(self) -> None:
        for depth in range(GROUPS_AHEAD):
            for worker in self._workers:
                if self._waiting and len(worker.groups) <= depth:
                    chosen = self._choose(worker)
                    self._waiting.remove(chosen)
                    worker.groups.add(chosen.number)
                    worker.lengths.add(chosen.length)
                    worker.child.send((chosen.number, chosen.encoded))

    def _choose(self, worker: _Worker) -> _Group:
        """Prefer a length that this worker has seen, then one that no worker has: each new shape costs."""
        known = next((group for group in self._waiting if group.length in worker.lengths), None)
        if known is not None:
            return known
        seen = set[int]().union(*(other.lengths for other in self._workers))
        return next((group for group in self._waiting if group.length not in seen), self._waiting[0])

    def _stop(self) -> None:
        for worker in self._workers:
            worker.child.stop()
        self._workers = []
