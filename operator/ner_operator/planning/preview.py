"""What a changed spec would run on a cluster, told before it is applied, from the status alone.

Whoever asks knows neither the library versions nor the processors that are in
the cluster's keys. It does not matter: what a change does to a key shows
whatever else is in it. So the spec of today is planned without them, its
finished stages are laid under the keys that come out, and the wanted spec is
planned against that. The keys are no real ones, and are shown to nobody.

What an earlier spec left in the store is not seen: such a stage is said to
run, and its Job ends at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ner_operator.api.v1alpha1.status import NerDeploymentStatus
from ner_operator.planning.inputs import Address, Artifact, Observed, PointerState
from ner_operator.planning.plan import Plan, Run, State, plan
from ner_operator.planning.resolved import ResolvedDeployment

ANOTHER_REVISION = "another revision"


@dataclass(slots=True)
class _Known:
    """What is known of the spec of today, under keys of our own.

    Attributes:
        keys: of finished stages, by name.
    """

    keys: dict[str, str] = field(default_factory=dict)
    artifacts: dict[Address, Artifact | None] = field(default_factory=dict)
    records: dict[str, Mapping[str, object]] = field(default_factory=dict)


def foresee(today: ResolvedDeployment, wanted: ResolvedDeployment, status: NerDeploymentStatus) -> Plan:
    """What would run if `wanted` took the place of `today`.

    Args:
        today: the spec as the operator has planned it.
        wanted: another spec of the same deployment, or the same: then the plan says what is left.
        status: of the deployment.
    """
    known = _Known()
    pointer = _pointer(today, status, known)
    _lay(today, status, known, pointer)
    planned = plan(wanted, _observed(status, known, pointer))
    return replace(planned, steps=tuple(replace(each, state=_shown(each.state)) for each in planned))


def _shown(state: State) -> State:
    """The state without a digest that is none of the cluster's."""
    if not isinstance(state, Run):
        return state
    why = tuple(ANOTHER_REVISION if phrase.startswith("revision: ") else phrase for phrase in state.why)
    return replace(state, why=why)


def _observed(status: NerDeploymentStatus, known: _Known, pointer: PointerState | None) -> Observed:
    return Observed(
        artifacts=known.artifacts,
        pointer=pointer,
        records=known.records,
        rerun=status.rerun,
        promotion_requested_generation=status.promotion_requested_generation,
    )


def _lay(
    today: ResolvedDeployment, status: NerDeploymentStatus, known: _Known, pointer: PointerState | None
) -> Plan:
    """Lay the results of finished stages under the keys of a plan, until there are no more of them."""
    done = {
        stage.name: stage.result
        for stage in status.stages
        if stage.state == "Succeeded" and stage.result is not None
    }
    while True:
        planned = plan(today, _observed(status, known, pointer))
        news = False
        for each in planned:
            result = done.get(each.step.name)
            if result is not None and isinstance(each.state, Run):
                known.artifacts[each.step.stage, each.state.key] = Artifact(
                    outputs=result.outputs,
                    headline=result.headline,
                    emulated=result.emulated,
                    backend=each.step.backend,
                    outcome=str(result.headline.get("verdict", "")),
                )
                known.records[each.step.name] = each.state.ingredients.record()
                known.keys[each.step.name] = each.state.key
                news = True
        if not news:
            return planned


def _pointer(today: ResolvedDeployment, status: NerDeploymentStatus, known: _Known) -> PointerState | None:
    """The pointer as a plan under our keys has to see it."""
    promotion, promote = status.promotion, status.stage("promote")
    if promotion is None:
        return None
    judged = promote.result.key if promote and promote.result else ""
    moved = bool(judged) and judged == promotion.promote_key
    # Where the verdict stood when it was given; nothing holds it there.
    generation = promotion.generation - 1 if moved else promotion.generation
    before = PointerState(generation, revision="", variant="", compile_key="")
    planned = _lay(today, status, known, before)
    compiled = status.stage(f"compile/{promotion.variant}")
    ours = bool(compiled and compiled.result and compiled.result.key == promotion.compile_key)
    return replace(
        before,
        generation=promotion.generation,
        revision=(planned.revision or "") if status.candidate is None else promotion.revision,
        variant=promotion.variant,
        compile_key=known.keys.get(f"compile/{promotion.variant}", "") if ours else promotion.compile_key,
        promote_key=known.keys.get("promote", "") if moved else "",
        held=promotion.held,
        manual=promotion.manual,
    )
