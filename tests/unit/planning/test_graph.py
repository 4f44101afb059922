"""The graph: what each step takes from which."""

from dataclasses import replace

import pytest

from ner_jobs.task import Stage
from ner_jobs.task.parameters import GateMetric, GateParameters, InferParameters
from ner_operator.planning.graph import Source, Step, steps_of
from ner_operator.planning.resolved import Inference, ResolvedDeployment


def by_name(deployment: ResolvedDeployment) -> dict[str, Step]:
    return {step.name: step for step in steps_of(deployment)}


def test_a_deployment_with_three_variants_has_a_step_for_each(deployment: ResolvedDeployment) -> None:
    assert list(by_name(deployment)) == [
        "prepare",
        "finetune",
        "export",
        *(
            f"{stage}/{name}"
            for stage in ("compile", "infer", "evaluate")
            for name in ("reference", "int8", "ort")
        ),
        "promote",
        *(f"benchmark/{name}" for name in ("reference", "int8", "ort")),
    ]


def test_each_step_stands_after_those_it_takes_from(deployment: ResolvedDeployment) -> None:
    seen: set[str] = set()
    for step in steps_of(deployment):
        assert seen.issuperset(step.producers)
        seen.add(step.name)


def test_without_finetune_the_base_is_exported(deployment: ResolvedDeployment) -> None:
    steps = by_name(replace(deployment, finetune=None))
    assert "finetune" not in steps
    assert steps["export"].inputs["model"] == Source("prepare", "base")
    assert steps["promote"].inputs["model"] == Source("prepare", "base")


def test_without_a_benchmark_there_is_none(deployment: ResolvedDeployment) -> None:
    steps = by_name(replace(deployment, benchmark=None))
    assert not [name for name in steps if name.startswith("benchmark")]


def test_only_int8_reads_calibration_and_validation(deployment: ResolvedDeployment) -> None:
    steps = by_name(deployment)
    assert set(steps["compile/int8"].inputs) == {"exported", "calibration", "validation"}
    assert set(steps["compile/reference"].inputs) == {"exported"}


def test_all_but_the_reference_are_evaluated_against_it(deployment: ResolvedDeployment) -> None:
    steps = by_name(deployment)
    assert steps["evaluate/int8"].inputs["reference"] == Source("infer/reference", "predictions")
    assert "reference" not in steps["evaluate/reference"].inputs


def test_promote_takes_every_variant(deployment: ResolvedDeployment) -> None:
    inputs = by_name(deployment)["promote"].inputs
    assert set(inputs) == {
        *(f"{role}.{name}" for role in ("evaluation", "compiled") for name in ("reference", "int8", "ort")),
        "model",
        "data",
        "labels",
    }


@pytest.mark.parametrize(
    ("metric", "waits"),
    [("p99Ms", True), ("sentencesPerSecond", True), ("sizeMiB", False), ("f1", False)],
)
def test_promote_waits_for_the_benchmarks_if_a_gate_is_on_speed(
    deployment: ResolvedDeployment, metric: GateMetric, waits: bool
) -> None:
    policy = replace(deployment.promotion, gates=(GateParameters(metric=metric),))
    steps = by_name(replace(deployment, promotion=policy))
    benchmarks = {
        name: source.step for name, source in steps["promote"].inputs.items() if "benchmark" in name
    }
    assert (benchmarks.get("benchmark.int8") == "benchmark/int8") is waits
    assert len(benchmarks) == (3 if waits else 0)
    order = list(steps)
    assert (order.index("benchmark/int8") < order.index("promote")) is waits


def test_more_data_is_inferred_after_promote(deployment: ResolvedDeployment) -> None:
    steps = by_name(replace(deployment, inference=(Inference("archive", InferParameters()),)))
    assert steps["inference/archive"].stage is Stage.INFER
    assert steps["inference/archive"].after == ("promote",)
