"""A closed-loop benchmark: processes of instances that start together, their latencies and their memory.

Memory is the proportional set size of all processes together: pages that they
share (the weights that an engine maps, the libraries) count once, as they do
on the host.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np

from ner_jobs.inference.benchmark_worker import BenchmarkSettings, Measured
from ner_jobs.inference.processes import Child, available_processors, placements, start_child

WORKER = "ner_jobs.inference.benchmark_worker"

SECONDS_BETWEEN_SAMPLES = 0.2
"""Of memory; a shorter peak may be missed."""

MILLISECONDS = 1000.0
PERCENTILES = (50, 90, 99)


@dataclass(frozen=True, slots=True)
class Figures:
    """The result of a closed loop.

    Attributes:
        seconds: measured, of the wall clock: the mean over the processes.
        sentences, tokens: finished in that time.
        sentences_per_second, tokens_per_second: summed over the processes.
        end_to_end_ms, model_ms: latency of a request: `p50`, `p90`, `p99`, `mean`.
        cpu_seconds_per_sentence: of all processes.
        peak_pss_mib: the largest sum over the processes; None if the host does not report it.
        load_seconds: until the slowest process had its models open.
    """

    seconds: float
    requests: int
    sentences: int
    tokens: int
    sentences_per_second: float
    tokens_per_second: float
    end_to_end_ms: dict[str, float]
    model_ms: dict[str, float]
    cpu_seconds_per_sentence: float
    peak_pss_mib: float | None
    load_seconds: float


def spread(instances: int, processes: int) -> list[int]:
    """How many instances each process has: as even as possible, and none has zero."""
    processes = min(processes, instances)
    each, more = divmod(instances, processes)
    return [each + (at < more) for at in range(processes)]


def measure(settings: Sequence[BenchmarkSettings], waiting: Callable[[float], None]) -> Figures:
    """Run the processes together and combine their figures.

    Args:
        settings: of each process.
        waiting: called several times a second with the seconds since the start; may raise to end it.

    Raises:
        StageError: a process failed for a reason that a user can fix.
        WorkerError: a process died, or failed for another reason.
    """
    threads = max(one.instances for one in settings)
    places = placements(len(settings), threads, available_processors())
    children: list[Child] = []
    try:
        for at, (one, place) in enumerate(zip(settings, places, strict=True), 1):
            children.append(start_child(f"benchmark process {at}", WORKER, one, place))
        load_seconds: list[float] = list(_one_message_each(children, waiting, None))
        for child in children:
            child.send("start")
        memory = _Memory([child.process.pid for child in children])
        measured: list[Measured] = list(_one_message_each(children, waiting, memory))
        return figures_of(measured, memory.peak, max(load_seconds))
    finally:
        for child in children:
            child.stop()


def figures_of(measured: Sequence[Measured], peak: int | None, load_seconds: float) -> Figures:
    """Combine the processes' figures.

    Args:
        measured: of each process.
        peak: of memory, in bytes.
        load_seconds: of the slowest process.
    """
    sentences = sum(one.sentences for one in measured)
    return Figures(
        seconds=sum(one.seconds for one in measured) / len(measured),
        requests=sum(len(one.end_to_end) for one in measured),
        sentences=sentences,
        tokens=sum(one.tokens for one in measured),
        sentences_per_second=sum(one.sentences / one.seconds for one in measured),
        tokens_per_second=sum(one.tokens / one.seconds for one in measured),
        end_to_end_ms=latency([seconds for one in measured for seconds in one.end_to_end]),
        model_ms=latency([seconds for one in measured for seconds in one.model]),
        cpu_seconds_per_sentence=sum(one.cpu_seconds for one in measured) / sentences,
        peak_pss_mib=None if peak is None else peak / 2**20,
        load_seconds=load_seconds,
    )


def latency(seconds: Sequence[float]) -> dict[str, float]:
    """Percentiles and mean, in milliseconds, of requests' seconds."""
    values = np.asarray(seconds) * MILLISECONDS
    found = {
        f"p{at}": float(value)
        for at, value in zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=True)
    }
    return {**found, "mean": float(values.mean())}


class _Memory:
    """The largest sum of the processes' proportional set sizes so far, in bytes."""

    def __init__(self, processes: Sequence[int]) -> None:
        self._files = [Path(f"/proc/{process}/smaps_rollup") for process in processes]
        self.peak: int | None = None

    def sample(self) -> None:
        """Sample now; nothing is sampled if the host has no such files, or a process has just ended."""
        try:
            total = sum(pss_of(file.read_text()) for file in self._files)
        except OSError:
            return
        self.peak = max(total, self.peak or 0)


def pss_of(rollup: str) -> int:
    """Bytes of the line `Pss:` of a `smaps_rollup` file; 0 if there is none."""
    for line in rollup.splitlines():
        name, _, value = line.partition(":")
        if name == "Pss":
            return int(value.split()[0]) * 1024
    return 0


def _one_message_each(
    children: Sequence[Child], waiting: Callable[[float], None], memory: _Memory | None
) -> Iterator[Any]:
    """One message of each child, as they come."""
    began = time.monotonic()
    silent = {id(child.connection): child for child in children}
    while silent:
        waiting(time.monotonic() - began)
        if memory is not None:
            memory.sample()
        for ready in wait([child.connection for child in silent.values()], SECONDS_BETWEEN_SAMPLES):
            yield silent.pop(id(ready)).receive()
