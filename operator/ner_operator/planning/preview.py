"""A preview: what a changed spec would run on a cluster, computed from the status before it is applied.

The caller knows neither the library versions nor the processors that are in
the cluster's keys. The preview does not need them, because a change of the
spec changes a key whatever else is in it. So the preview plans today's spec
without them, puts the finished stages' results under the keys of that plan,
and plans the wanted spec against those. These keys are not the cluster's, and
nobody sees them.

Results of earlier specs in the store are not checked. The preview lists such
a stage as "run", although its Job will find the result and exit immediately.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ner_jobs.task import canonical_digest
from ner_operator.api.v1alpha1.status import NerDeploymentStatus, PromotionStatus
from ner_operator.planning.graph import Step, steps_of
from ner_operator.planning.inputs import Artifact, Observed, PointerState
from ner_operator.planning.plan import Plan, Run, State, plan
from ner_operator.planning.resolved import ResolvedDeployment

ANOTHER_REVISION = "another revision"


def preview_plan(today: ResolvedDeployment, wanted: ResolvedDeployment, status: NerDeploymentStatus) -> Plan:
    """What would run if `wanted` replaced `today`.

    Args:
        today: the spec that the operator has planned.
        wanted: another spec of the same deployment, or the same: then the plan shows what is left.
        status: of the deployment.
    """
    steps = steps_of(today)
    observed = Observed(
        rerun=status.rerun, promotion_requested_generation=status.promotion_requested_generation
    )
    if status.promotion is not None:
        # The verdict that moved the pointer was given one generation earlier.
        judged = _result_key(status, "promote")
        moved = bool(judged) and judged == status.promotion.promote_key
        former = PointerState(status.promotion.generation - moved, revision="", variant="", compile_key="")
        observed = _with_results(steps, replace(observed, pointer=former), status)
        keys = {name: canonical_digest(record) for name, record in observed.records.items()}
        revision = plan(steps, observed).revision or ""
        observed = replace(observed, pointer=_pointer(status, status.promotion, keys, revision, moved))
    planned = plan(steps_of(wanted), _with_results(steps, observed, status))
    shown = tuple(replace(each, state=_without_digests(each.state)) for each in planned)
    return replace(planned, steps=shown)


def _with_results(steps: Sequence[Step], observed: Observed, status: NerDeploymentStatus) -> Observed:
    """Add the results of all finished stages, each under the key that the plan gives it."""
    results = {
        stage.name: stage.result
        for stage in status.stages
        if stage.state == "Succeeded" and stage.result is not None
    }
    while True:
        artifacts, records = dict(observed.artifacts), dict(observed.records)
        for each in plan(steps, observed).ready:
            result = results.get(each.step.name)
            if result is not None and isinstance(each.state, Run):
                artifacts[each.step.stage, each.state.key] = Artifact(
                    outputs=result.outputs,
                    headline=result.headline,
                    emulated=result.emulated,
                    backend=each.step.backend,
                    outcome=str(result.headline.get("verdict", "")),
                )
                records[each.step.name] = each.state.ingredients.record()
        if len(artifacts) == len(observed.artifacts):
            return observed
        observed = replace(observed, artifacts=artifacts, records=records)


def _pointer(
    status: NerDeploymentStatus,
    promotion: PromotionStatus,
    keys: Mapping[str, str],
    revision: str,
    moved: bool,
) -> PointerState:
    """The pointer, with keys of the preview in place of the cluster's.

    Args:
        status: of the deployment.
        promotion: where the pointer stands.
        keys: of the preview, for each finished step.
        revision: of today's spec, as the preview computes it.
        moved: whether the last verdict moved the pointer.
    """
    compiled = f"compile/{promotion.variant}"
    in_service = _result_key(status, compiled) == promotion.compile_key
    return PointerState(
        generation=promotion.generation,
        revision=revision if status.candidate is None else promotion.revision,
        variant=promotion.variant,
        compile_key=keys.get(compiled, "") if in_service else promotion.compile_key,
        promote_key=keys.get("promote", "") if moved else "",
        held=promotion.held,
        manual=promotion.manual,
    )


def _result_key(status: NerDeploymentStatus, step: str) -> str:
    stage = status.stage(step)
    return stage.result.key if stage and stage.result else ""


def _without_digests(state: State) -> State:
    """The state without digests of the preview, since they are not the cluster's."""
    if not isinstance(state, Run):
        return state
    why = tuple(ANOTHER_REVISION if phrase.startswith("revision: ") else phrase for phrase in state.why)
    return replace(state, why=why)
