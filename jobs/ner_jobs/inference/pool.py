"""N processes of one thread each, fed with groups of sentences.

N single-threaded processes beat one process with N threads: a short sentence
has too little work to share. A worker that dies is an error with its name and
its last words, at once; nothing here waits for a process that is gone.

The pool decides which worker takes which group, and nothing else: what a
group is, is a function of the input (`batching`), and what comes out of it
is put into order by `streaming`.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from pathlib import Path

from ner_jobs.corpus.encoding import Encoded
from ner_jobs.inference.batching import longest_window
from ner_jobs.inference.messages import Done, Job, WorkerSettings
from ner_jobs.inference.processes import (
    Child,
    WorkerError,
    available_processors,
    placements,
    start_child,
)
from ner_jobs.task.parameters import Decoding

JOBS_AHEAD = 2
"""Jobs that a worker has: the one at hand and the next, so that it never waits for its parent."""

WORKER = "ner_jobs.inference.worker"


@dataclass(slots=True, eq=False)
class _Worker:
    """A child, what it is working on, and which lengths it has seen."""

    child: Child
    jobs: set[int] = field(default_factory=set)
    lengths: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    job: Job
    length: int


class Pool:
    """Workers that run, from `__enter__` to `__exit__`.

    Args:
        compiled: the compiled folder that every worker opens.
        instances: how many workers.
        batch_size: windows in a batch, at most.
        decoding: of logits to tags.
        keep_logits: results carry logits.
        module: what a worker runs; a test names its own.
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
        self._settings = WorkerSettings(compiled, (), batch_size, decoding, keep_logits)
        self._instances = instances
        self._module = module
        self._waiting: deque[_Waiting] = deque()
        self._numbered = 0
        self._workers: list[_Worker] = []

    def __enter__(self) -> "Pool":
        try:
            for at, processors in enumerate(placements(self._instances, 1, available_processors()), 1):
                settings = replace(self._settings, processors=processors)
                self._workers.append(_Worker(start_child(f"worker {at}", self._module, settings)))
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    @property
    def busy(self) -> bool:
        """Whether any result is still to come."""
        return bool(self._waiting) or any(worker.jobs for worker in self._workers)

    def submit(self, encoded: Sequence[Encoded]) -> int:
        """Queue a group of sentences.

        Returns:
            The number under which its result comes.
        """
        number = self._numbered
        self._numbered += 1
        length = max(map(longest_window, encoded), default=0)
        self._waiting.append(_Waiting(Job(number, tuple(encoded)), length))
        return number

    def results(self, timeout: float) -> Iterator[Done]:
        """Hand out work, then yield what has come back within `timeout` seconds; perhaps nothing.

        Raises:
            StageError: a worker failed in a way that a person can mend, like a broken model.
            WorkerError: a worker died, failed otherwise, or sent a result that nobody asked for.
        """
        self._hand_out()
        by_connection = {id(worker.child.connection): worker for worker in self._workers}
        for ready in wait([worker.child.connection for worker in self._workers], timeout):
            worker = by_connection[id(ready)]
            done: Done = worker.child.receive()
            if done.number not in worker.jobs:
                raise WorkerError(
                    f"{worker.child.name} sent result {done.number}, which it was not asked for"
                )
            worker.jobs.remove(done.number)
            self._hand_out()
            yield done

    def _hand_out(self) -> None:
        for depth in range(JOBS_AHEAD):
            for worker in self._workers:
                if self._waiting and len(worker.jobs) <= depth:
                    chosen = self._choose(worker)
                    self._waiting.remove(chosen)
                    worker.jobs.add(chosen.job.number)
                    worker.lengths.add(chosen.length)
                    worker.child.send(chosen.job)

    def _choose(self, worker: _Worker) -> _Waiting:
        """Prefer a length that this worker has seen, then one that nobody has: each new shape costs."""
        known = next((item for item in self._waiting if item.length in worker.lengths), None)
        if known is not None:
            return known
        seen = set[int]().union(*(other.lengths for other in self._workers))
        return next((item for item in self._waiting if item.length not in seen), self._waiting[0])

    def _stop(self) -> None:
        for worker in self._workers:
            worker.child.stop()
        self._workers = []
