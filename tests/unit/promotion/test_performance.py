"""Gates on latency, throughput and size, from the metrics of two stages to a finding."""

from typing import Any

import pytest

from ner_jobs.promotion.gates import check_gate, describe, judge_gate
from ner_jobs.promotion.performance import performance_of
from ner_jobs.task.parameters import GateParameters

BENCHMARK = {"sentencesPerSecond": 120.5, "latencyMs": {"p50": 8.0, "p99": 20.0}}
COMPILED = {"size": 60 * 2**20}


@pytest.mark.parametrize(
    ("fields", "value", "outcome", "reason"),
    [
        pytest.param({"metric": "p99Ms", "max": 20}, 20.0, "Successful", "Passed", id="on the maximum"),
        pytest.param({"metric": "p50Ms", "max": 7.9}, 8.0, "Failed", "AboveMaximum", id="too slow"),
        pytest.param(
            {"metric": "sentencesPerSecond", "min": 100}, 120.5, "Successful", "Passed", id="fast enough"
        ),
        pytest.param(
            {"metric": "sentencesPerSecond", "min": 121},
            120.5,
            "Failed",
            "BelowMinimum",
            id="too few a second",
        ),
        pytest.param({"metric": "sizeMiB", "max": 60}, 60.0, "Successful", "Passed", id="small enough"),
        pytest.param({"metric": "sizeMiB", "max": 59}, 60.0, "Failed", "AboveMaximum", id="too large"),
    ],
)
def test_the_measured_figure_decides(fields: dict[str, Any], value: float, outcome: str, reason: str) -> None:
    gate = GateParameters(**fields)
    check_gate(gate)
    (finding,) = judge_gate(gate, performance_of(gate, BENCHMARK, COMPILED))
    assert (finding.outcome, finding.reason, finding.value) == (outcome, reason, value)
    assert (finding.gate,) == describe(gate)
    assert f"{value:.6g}" in finding.message


@pytest.mark.parametrize(
    "fields", [{"metric": "p99Ms", "max": 20}, {"metric": "sentencesPerSecond", "min": 1}]
)
def test_without_a_benchmark_nothing_is_known(fields: dict[str, Any]) -> None:
    gate = GateParameters(**fields)
    (finding,) = judge_gate(gate, performance_of(gate, None, COMPILED))
    assert (finding.outcome, finding.reason, finding.value) == ("Error", "NotBenchmarked", None)
    assert "add spec.benchmark" in finding.message
