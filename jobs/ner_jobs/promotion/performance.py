"""What gates on latency, throughput and size may use: figures of the benchmark and of compile. Pure."""

from collections.abc import Mapping
from typing import Any

from ner_jobs.promotion.gates import Performance
from ner_jobs.task.parameters import GateParameters

MIB = 2**20


def performance_of(
    gate: GateParameters, benchmark: Mapping[str, Any] | None, compiled: Mapping[str, Any] | None
) -> Performance:
    """The figure that the gate judges.

    Args:
        gate: on one of `PERFORMANCE_METRICS`.
        benchmark: metrics of the variant's benchmark, or None if there is none.
        compiled: metrics of the variant's compile stage.
    """
    if gate.metric == "sizeMiB":
        size = (compiled or {}).get("size")
        return Performance(None if size is None else size / MIB)
    measured = benchmark or {}
    if gate.metric == "sentencesPerSecond":
        return Performance(measured.get("sentencesPerSecond"))
    return Performance(measured.get("latencyMs", {}).get(gate.metric.removesuffix("Ms")))
