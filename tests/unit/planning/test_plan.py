"""The plan as stories: something changed; what runs again, and which reason is given?"""

from dataclasses import replace

import pytest

from ner_jobs.task import Stage, canonical_digest
from ner_jobs.task.parameters import BenchmarkParameters, FinetuneParameters, GateParameters, InferParameters
from ner_operator.planning.graph import steps_of
from ner_operator.planning.inputs import Artifact, Observed, PointerState
from ner_operator.planning.plan import Blocked, Cached, Held, KnownAfter, Run, plan
from ner_operator.planning.resolved import Inference, ResolvedDeployment, Runtime, Variant


def test_at_first_only_prepare_is_known(deployment: ResolvedDeployment, world) -> None:
    first = world.plan(deployment)
    assert [planned.step.name for planned in first.ready] == ["prepare"]
    state = first.state("prepare")
    assert isinstance(state, Run)
    assert state.why == ("it has not run yet",)
    assert first.state("export") == KnownAfter(("finetune",), ())
    assert first.revision is None


def test_what_decides_and_was_not_observed_is_named(deployment: ResolvedDeployment) -> None:
    steps = steps_of(deployment)
    asked = plan(steps, Observed()).unobserved
    assert [stage for stage, _ in asked] == [Stage.PREPARE]
    assert not plan(steps, Observed(artifacts=dict.fromkeys(asked))).unobserved


def test_everything_runs_once_and_then_never(deployment: ResolvedDeployment, world) -> None:
    ran = world.run(deployment)
    assert ran[:3] == ["prepare", "finetune", "export"]
    assert len(ran) == len(set(ran)) == 16
    assert world.run(deployment) == []


def _epochs(deployment: ResolvedDeployment) -> ResolvedDeployment:
    return replace(deployment, finetune=FinetuneParameters(epochs=4))


def _gates(deployment: ResolvedDeployment) -> ResolvedDeployment:
    return replace(deployment, promotion=replace(deployment.promotion, gates=(GateParameters(min=0.9),)))


def _no_benchmark(deployment: ResolvedDeployment) -> ResolvedDeployment:
    return replace(deployment, benchmark=None)


def _threads(deployment: ResolvedDeployment) -> ResolvedDeployment:
    return replace(deployment, infer=InferParameters(instances=7))


def _moved(deployment: ResolvedDeployment) -> ResolvedDeployment:
    test = deployment.prepare.test.model_copy(update={"uri": "file:///elsewhere/test"})
    return replace(deployment, prepare=deployment.prepare.model_copy(update={"test": test}))


def _fewer(deployment: ResolvedDeployment) -> ResolvedDeployment:
    return replace(deployment, variants=deployment.variants[:2])


@pytest.mark.parametrize(
    ("change", "again"),
    [
        pytest.param(
            _epochs,
            {"finetune", "export", "compile", "infer", "evaluate", "benchmark", "promote"},
            id="more epochs: all but prepare",
        ),
        pytest.param(_gates, {"promote"}, id="other gates: only promote"),
        pytest.param(_no_benchmark, set(), id="no benchmark any more: nothing"),
        pytest.param(_threads, set(), id="other workers: nothing"),
        pytest.param(_fewer, {"promote"}, id="a variant less: only promote"),
    ],
)
def test_what_runs_again(deployment: ResolvedDeployment, world, change, again: set[str]) -> None:
    world.run(deployment)
    assert {name.partition("/")[0] for name in world.run(change(deployment))} == again


def test_a_stage_that_leaves_the_same_bytes_changes_nothing_behind_it(
    deployment: ResolvedDeployment, world
) -> None:
    world.content = lambda run, output: (
        output if run.ingredients.stage is Stage.PREPARE else f"{run.key}/{output}"
    )
    world.run(deployment)
    assert world.run(_moved(deployment)) == ["prepare"]


def test_a_plan_says_what_changed_and_what_is_known_after_it(deployment: ResolvedDeployment, world) -> None:
    world.run(deployment)
    changed = world.plan(_epochs(deployment))
    assert isinstance(changed.state("prepare"), Cached)
    state = changed.state("finetune")
    assert isinstance(state, Run)
    assert state.why == ("epochs: 3 -> 4",)
    assert changed.state("export") == KnownAfter(("finetune",), ())


def _cautious(deployment: ResolvedDeployment) -> ResolvedDeployment:
    policy = replace(deployment.promotion, mode="Manual", preference=("reference", "int8"))
    return replace(deployment, promotion=policy)


def _longer(deployment: ResolvedDeployment) -> ResolvedDeployment:
    return replace(deployment, benchmark=BenchmarkParameters(instances=2, seconds=60))


@pytest.mark.parametrize(
    ("change", "step", "why"),
    [
        pytest.param(_gates, "promote", ("gates changed: f1 min 0.8 -> 0.9",), id="a gate"),
        pytest.param(
            _cautious,
            "promote",
            (
                "rollout.mode: Automatic -> Manual",
                "rollout.preference: int8, reference -> reference, int8",
            ),
            id="the rollout",
        ),
        pytest.param(_longer, "benchmark/int8", ("seconds: 10 -> 60",), id="the benchmark"),
    ],
)
def test_a_plan_says_which_input_changed_and_nothing_that_nobody_changed(
    deployment: ResolvedDeployment, world, change, step: str, why: tuple[str, ...]
) -> None:
    """The verdict itself raised the generation, so this is no reason."""
    world.run(deployment)
    state = world.plan(change(deployment)).state(step)
    assert isinstance(state, Run)
    assert state.why == why


def test_a_changed_gate_is_reported_before_what_it_judges_is_known(
    deployment: ResolvedDeployment, world
) -> None:
    world.run(deployment)
    state = world.plan(_gates(_epochs(deployment))).state("promote")
    assert isinstance(state, KnownAfter)
    assert state.why == ("gates changed: f1 min 0.8 -> 0.9",)


def test_a_new_library_runs_only_what_it_computes(deployment: ResolvedDeployment, world) -> None:
    world.run(deployment)
    world.observed = replace(world.observed, versions={**world.observed.versions, "onnxruntime": "9"})
    assert set(world.run(deployment)) == {
        "compile/ort",
        "infer/ort",
        "evaluate/ort",
        "benchmark/ort",
        "promote",
    }


@pytest.mark.parametrize("name", ["finetune", "compile/int8"])
def test_a_rerun_token_runs_the_step_again_once(deployment: ResolvedDeployment, world, name: str) -> None:
    world.run(deployment)
    world.observed = replace(world.observed, rerun={name: "token"})
    state = world.plan(deployment).state(name)
    assert isinstance(state, Run)
    assert state.why == ("asked for again",)
    world.run(deployment)
    assert isinstance(world.plan(deployment).state(name), Cached)


def test_a_token_for_a_stage_is_for_all_its_variants(deployment: ResolvedDeployment, world) -> None:
    world.run(deployment)
    world.observed = replace(world.observed, rerun={"compile": "token"})
    ready = {planned.step.name for planned in world.plan(deployment).ready}
    assert ready >= {"compile/int8", "compile/ort", "compile/reference"}


def test_a_lost_file_runs_its_step_again_and_is_named(deployment: ResolvedDeployment, world) -> None:
    world.run(deployment)
    state = world.plan(deployment).state("export")
    assert isinstance(state, Cached)
    world.artifacts[Stage.EXPORT, state.key] = Artifact(
        state.artifact.outputs, missing=("model/dynamic.onnx",)
    )
    damaged = world.plan(deployment).state("export")
    assert isinstance(damaged, Run)
    assert damaged.damaged
    assert damaged.why == ("its artifact has lost model/dynamic.onnx",)


def test_a_result_that_vanished_from_the_store_is_made_again(deployment: ResolvedDeployment, world) -> None:
    world.run(deployment)
    state = world.plan(deployment).state("prepare")
    assert isinstance(state, Cached)
    world.artifacts[Stage.PREPARE, state.key] = None
    vanished = world.plan(deployment).state("prepare")
    assert isinstance(vanished, Run)
    assert vanished.why == ("its result is no longer in the store",)


def test_a_rolled_back_revision_is_held_until_a_person_moves_on(
    deployment: ResolvedDeployment, world
) -> None:
    world.run(deployment)
    pointer = world.observed.pointer
    world.observed = replace(
        world.observed,
        pointer=PointerState(pointer.generation + 1, "older", "int8", "k" * 64, held=(pointer.revision,)),
    )
    state = world.plan(deployment).state("promote")
    assert isinstance(state, Held)
    assert "nerd promote" in state.message
    world.observed = replace(
        world.observed, rerun={"promote": "t"}, promotion_requested_generation=pointer.generation + 1
    )
    asked = world.plan(deployment).state("promote")
    assert isinstance(asked, Run)
    assert asked.parameters.release_held
    assert world.run(deployment) == ["promote"]
    assert world.run(deployment) == []


def test_a_verdict_whose_artifact_was_lost_in_a_crash_runs_again(
    deployment: ResolvedDeployment, world
) -> None:
    world.run(deployment)
    key = world.observed.pointer.promote_key
    world.artifacts[Stage.PROMOTE, key] = None
    state = world.plan(deployment).state("promote")
    assert isinstance(state, Run)
    assert state.key == key


def test_a_changed_spec_is_judged_after_a_rollback(deployment: ResolvedDeployment, world) -> None:
    world.run(deployment)
    held = world.observed.pointer.revision
    world.observed = replace(world.observed, pointer=PointerState(2, "older", "int8", "k" * 64, held=(held,)))
    assert "promote" in world.run(_epochs(deployment))


def test_what_a_person_promoted_stays(deployment: ResolvedDeployment, world) -> None:
    world.run(deployment)
    world.observed = replace(
        world.observed, pointer=replace(world.observed.pointer, generation=2, variant="ort", manual=True)
    )
    state = world.plan(deployment).state("promote")
    assert isinstance(state, Held)
    assert "variant ort" in state.message


def test_a_moved_pointer_is_judged_again(deployment: ResolvedDeployment, world) -> None:
    world.run(deployment)
    world.observed = replace(world.observed, pointer=PointerState(5, "another", "int8", "k" * 64))
    state = world.plan(deployment).state("promote")
    assert isinstance(state, Run)
    assert state.parameters.current_generation == 5
    assert state.why == ("the model in service is another one (generation 0 -> 5)",)


def test_more_data_is_inferred_with_the_model_in_service(deployment: ResolvedDeployment, world) -> None:
    wider = replace(deployment, inference=(Inference("archive", InferParameters(batch_size=4)),))
    assert world.plan(wider).state("inference/archive") == KnownAfter(("promote",), ())
    ran = world.run(wider)
    assert ran.index("inference/archive") > ran.index("promote")
    state = world.plan(wider).state("inference/archive")
    assert isinstance(state, Cached)
    assert state.ingredients.versions == {"openvino": "2026.4", "tokenizers": "0.22"}


def test_without_a_promoted_model_more_data_waits(deployment: ResolvedDeployment, world) -> None:
    wider = replace(deployment, inference=(Inference("archive", InferParameters()),))
    world.run(wider)
    world.observed = replace(world.observed, pointer=None)
    promote = world.plan(wider).state("promote")
    assert isinstance(promote, Held)
    assert "nerd promote" in promote.message
    assert isinstance(world.plan(wider).state("inference/archive"), Held)


def test_the_revision_depends_on_the_compile_keys_alone(deployment: ResolvedDeployment, world) -> None:
    world.run(deployment)
    revision = world.plan(deployment).revision
    assert revision == world.plan(_gates(deployment)).revision
    assert revision == world.observed.pointer.revision
    world.run(_epochs(deployment))
    assert world.plan(_epochs(deployment)).revision != revision


MISSING = Runtime("va16", missing="spec.variants[int8].runtime: there is no NerRuntime va16; there are a, b")


def _without_a_runtime(deployment: ResolvedDeployment) -> ResolvedDeployment:
    return replace(deployment, variants=(Variant("int8", MISSING, "int8", None), *deployment.variants[1:]))


def test_a_missing_runtime_blocks_only_what_depends_on_it(deployment: ResolvedDeployment, world) -> None:
    blocked = _without_a_runtime(deployment)
    first = world.plan(blocked)
    assert [planned.step.name for planned in first.ready] == ["prepare"]
    assert {planned.step.name for planned in first if isinstance(planned.state, Blocked)} == {
        f"{stage}/int8" for stage in ("compile", "infer", "benchmark")
    }
    while ready := world.plan(blocked).ready:
        for planned in ready:
            world.finish(planned.step.name, planned.state, planned.step.stage)
    planned = world.plan(blocked)
    state = planned.state("compile/int8")
    assert isinstance(state, Blocked)
    assert state.reason == "RuntimeNotFound"
    assert state.message.startswith(MISSING.missing)
    assert isinstance(planned.state("evaluate/reference"), Cached)
    assert planned.state("evaluate/int8") == KnownAfter(("infer/int8",), blocked=True)
    assert planned.state("promote") == KnownAfter(("evaluate/int8",), blocked=True)
    assert planned.revision is None


def test_a_missing_runtime_of_the_shared_stages_blocks_everything(
    deployment: ResolvedDeployment, world
) -> None:
    planned = world.plan(replace(deployment, runtime=MISSING))
    assert not planned.ready
    assert all(
        isinstance(each.state, Blocked) or (isinstance(each.state, KnownAfter) and each.state.blocked)
        for each in planned
    )


def test_what_waits_for_work_that_is_not_blocked_says_so(deployment: ResolvedDeployment, world) -> None:
    state = world.plan(_without_a_runtime(deployment)).state("compile/reference")
    assert state == KnownAfter(("export",), blocked=False)


def test_a_runtime_that_comes_back_finds_the_results_again(deployment: ResolvedDeployment, world) -> None:
    world.run(deployment)
    assert not world.plan(_without_a_runtime(deployment)).ready
    assert world.run(deployment) == []


def test_the_emulated_device_has_its_own_keys(deployment: ResolvedDeployment, world) -> None:
    world.run(deployment)
    emulated = replace(deployment.runtime, emulated=True)
    variants = tuple(replace(variant, runtime=emulated) for variant in deployment.variants[:1])
    changed = replace(deployment, variants=(*variants, *deployment.variants[1:]))
    state = world.plan(changed).state("compile/int8")
    assert isinstance(state, Run)
    assert state.ingredients.device == "emulated x86_64-avx512"
    assert canonical_digest(state.ingredients.record()) == state.key
