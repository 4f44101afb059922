"""The task of an attempt: what the plan knows, with the deployment's storage and owner."""

from dataclasses import replace

from ner_jobs.task import Stage
from ner_operator.planning.plan import Run
from ner_operator.planning.resolved import ResolvedDeployment
from ner_operator.planning.task import task_of


def test_a_task_has_everything_that_its_stage_needs(deployment: ResolvedDeployment, world) -> None:
    runtime = replace(deployment.runtime, image="registry/va:1", emulated=True)
    variants = tuple(replace(variant, runtime=runtime) for variant in deployment.variants)
    deployment = replace(deployment, variants=variants)
    while not isinstance(world.plan(deployment).state("compile/int8"), Run):
        for planned in world.plan(deployment).ready:
            world.finish(planned.step.name, planned.state, planned.step.stage)
    planned = next(each for each in world.plan(deployment).ready if each.step.name == "compile/int8")
    task = task_of(planned.step, planned.state, "attempt-2", deployment, threads=3)
    assert (task.stage, task.variant, task.attempt, task.threads) == (Stage.COMPILE, "int8", "attempt-2", 3)
    assert (task.storage, task.owner) == (deployment.storage, deployment.owner)
    assert (task.image, task.emulated) == ("registry/va:1", True)
    assert task.key == planned.state.key
    assert task.parameters["precision"] == "int8"
    assert set(task.inputs) == {"exported", "calibration", "validation"}
