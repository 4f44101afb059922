"""A preview from the status alone says the same as a plan with every key."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ner_jobs.task.parameters import FinetuneParameters, GateParameters, InferParameters
from ner_operator.api.v1alpha1.status import NerDeploymentStatus, PromotionStatus, StageResult, StageStatus
from ner_operator.planning.plan import Cached, KnownAfter, Plan, Run, State
from ner_operator.planning.preview import ANOTHER_REVISION, preview_plan
from ner_operator.planning.resolved import Inference, ResolvedDeployment, Runtime, Variant


def status_of(
    world: Any, deployment: ResolvedDeployment, undone: tuple[str, ...] = ()
) -> NerDeploymentStatus:
    """The status that an operator would write of this world."""
    planned, pointer = world.plan(deployment), world.observed.pointer
    stages = tuple(
        StageStatus(
            name=each.step.name,
            state="Succeeded",
            key=each.state.key,
            result=StageResult(
                key=each.state.key,
                outputs=dict(each.state.artifact.outputs),
                headline={"verdict": each.state.artifact.outcome},
            ),
        )
        if isinstance(each.state, Cached) and each.step.name not in undone
        else StageStatus(name=each.step.name, state="Waiting")
        for each in planned
    )
    return NerDeploymentStatus(
        observed_generation=1,
        stages=stages,
        candidate=None if pointer and pointer.revision == planned.revision else planned.revision,
        promotion=pointer
        and PromotionStatus(
            generation=pointer.generation,
            revision=pointer.revision,
            variant=pointer.variant,
            compile_key=pointer.compile_key,
            promote_key=pointer.promote_key,
            held=pointer.held,
            manual=pointer.manual,
        ),
    )


def summary(planned: Plan) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The state of each step and its reasons, without keys and revisions."""

    def why(state: State) -> tuple[str, ...]:
        if isinstance(state, Run):
            return tuple(re.sub("^revision: .*", ANOTHER_REVISION, phrase) for phrase in state.why)
        return (*state.steps, *state.why) if isinstance(state, KnownAfter) else ()

    return {each.step.name: (type(each.state).__name__, why(each.state)) for each in planned}


def with_gate(deployment: ResolvedDeployment) -> ResolvedDeployment:
    gates = (GateParameters(min=0.9),)
    return replace(deployment, promotion=replace(deployment.promotion, gates=gates))


def manual(deployment: ResolvedDeployment) -> ResolvedDeployment:
    return replace(deployment, promotion=replace(deployment.promotion, mode="Manual"))


def with_more_to_infer(deployment: ResolvedDeployment) -> ResolvedDeployment:
    return replace(deployment, inference=(Inference("archive", InferParameters()),))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda deployment: deployment, id="nothing changes"),
        pytest.param(
            lambda deployment: replace(deployment, finetune=FinetuneParameters(epochs=9)), id="train"
        ),
        pytest.param(
            lambda deployment: replace(deployment, variants=deployment.variants[:2]), id="a variant goes"
        ),
        pytest.param(lambda deployment: replace(deployment, benchmark=None), id="no benchmark"),
        pytest.param(with_gate, id="a gate"),
        pytest.param(manual, id="the rollout"),
        pytest.param(with_more_to_infer, id="more to infer"),
        pytest.param(lambda deployment: replace(deployment, rerun=(("export", "t"),)), id="export again"),
    ],
)
def test_it_says_what_a_plan_with_every_key_says(
    world: Any,
    deployment: ResolvedDeployment,
    change: Callable[[ResolvedDeployment], ResolvedDeployment],
) -> None:
    world.run(deployment)
    wanted = change(deployment)
    assert summary(preview_plan(deployment, wanted, status_of(world, deployment))) == summary(
        world.plan(wanted)
    )


def test_of_other_gates_it_says_which(world: Any, deployment: ResolvedDeployment) -> None:
    world.run(deployment)
    previewed = preview_plan(deployment, with_gate(deployment), status_of(world, deployment))
    assert summary(previewed)["promote"] == ("Run", ("gates changed: f1 min 0.8 -> 0.9",))


def test_what_a_person_put_into_service_stays(world: Any, deployment: ResolvedDeployment) -> None:
    world.run(deployment)
    pointer = replace(world.observed.pointer, generation=2, variant="reference", manual=True, promote_key="")
    world.observed = replace(world.observed, pointer=pointer)
    previewed = preview_plan(deployment, deployment, status_of(world, deployment))
    assert summary(previewed)["promote"][0] == "Held"
    assert summary(previewed) == summary(world.plan(deployment))


def test_what_is_not_done_yet_is_left(world: Any, deployment: ResolvedDeployment) -> None:
    world.run(deployment)
    world.observed = replace(world.observed, pointer=None)
    status = status_of(world, deployment, undone=("compile/int8",))
    previewed = summary(preview_plan(deployment, deployment, status))
    assert previewed["compile/int8"] == ("Run", ("it has not run yet",))
    assert previewed["infer/int8"] == ("KnownAfter", ("compile/int8",))
    assert previewed["compile/reference"][0] == "Cached"


def test_a_step_whose_runtime_is_missing_is_blocked(world: Any, deployment: ResolvedDeployment) -> None:
    world.run(deployment)
    missing = Variant("int8", Runtime("va16", missing="there is no NerRuntime va16"), "int8", None)
    wanted = replace(deployment, variants=(missing, *deployment.variants[1:]))
    previewed = summary(preview_plan(deployment, wanted, status_of(world, deployment)))
    assert previewed["compile/int8"][0] == "Blocked"
    assert previewed["evaluate/int8"] == ("KnownAfter", ("infer/int8",))
    assert previewed["compile/reference"][0] == "Cached"
    assert previewed == summary(world.plan(wanted))


def test_before_the_first_reconciliation_everything_has_to_run(deployment: ResolvedDeployment) -> None:
    previewed = summary(preview_plan(deployment, deployment, NerDeploymentStatus()))
    assert previewed["prepare"] == ("Run", ("it has not run yet",))
    assert previewed["promote"][0] == "KnownAfter"
