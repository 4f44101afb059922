"""The plan: each step of a deployment is cached, runs, is known after another, is held, or is blocked.

A key contains the digests of earlier outputs, so a plan reaches only as far as
the results that exist: plan, run what is ready, observe, plan again. A laptop
and a cluster use the same function. It reads nothing itself: `Plan.unobserved`
names the artifacts that the caller has to look up.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ner_jobs.task import InputReference, Stage
from ner_jobs.task.model import Contract
from ner_jobs.task.parameters import PromoteCommand, RollbackCommand, RollbackParameters
from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.planning.differences import differences
from ner_operator.planning.graph import COMMAND, PROMOTED, Source, Step
from ner_operator.planning.inputs import Address, Artifact, Observed
from ner_operator.planning.keys import (
    ON_A_DEVICE,
    RESULT_VERSIONS,
    Ingredients,
    libraries_of,
    parameters_in_key,
    revision_of,
)
from ner_operator.planning.promotion import (
    hold,
    promote_parameters,
    without_own_move,
    without_planned_parameters,
)
from ner_operator.planning.resolved import PromotionPolicy, Runtime


@dataclass(frozen=True, slots=True)
class Cached:
    """Its result exists."""

    key: str
    artifact: Artifact
    ingredients: Ingredients


@dataclass(frozen=True, slots=True)
class Run:
    """All its inputs exist: it can run now.

    Attributes:
        parameters: complete, for the task.
        why: what changed since its last result, as phrases.
        damaged: its key has a result that has lost files. A key never gets a second result, so the step
            needs a new rerun token.
    """

    key: str
    parameters: Contract
    inputs: Mapping[str, InputReference]
    ingredients: Ingredients
    why: tuple[str, ...]
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class KnownAfter:
    """Its key contains digests of results that do not exist yet.

    Attributes:
        steps: the unfinished steps that it waits for, without those that one of them waits for.
        why: changes that are certain already; empty if only the inputs may change.
        blocked: whether it waits, directly or indirectly, for a step that is blocked.
    """

    steps: tuple[str, ...]
    why: tuple[str, ...] = ()
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """It does not run; the message says why, and what a person can do."""

    message: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """Its key cannot be known: something that the spec names is missing."""

    reason: Reason
    message: str


State = Cached | Run | KnownAfter | Held | Blocked


@dataclass(frozen=True, slots=True)
class Planned:
    """A step and its state."""

    step: Step
    state: State


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps, in an order in which they can run.

    Attributes:
        revision: digest of the compile keys; None until all are known.
        unobserved: addresses that the plan depends on and that were not in `Observed.artifacts`.
    """

    steps: tuple[Planned, ...]
    revision: str | None
    unobserved: frozenset[Address]

    def __iter__(self) -> Iterator[Planned]:
        return iter(self.steps)

    def state(self, name: str) -> State:
        """The state of the step with this name.

        Raises:
            KeyError: no step has this name.
        """
        return {planned.step.name: planned.state for planned in self.steps}[name]

    @property
    def ready(self) -> tuple[Planned, ...]:
        """The steps that can run now."""
        return tuple(planned for planned in self.steps if isinstance(planned.state, Run))


def plan(steps: Sequence[Step], observed: Observed) -> Plan:
    """Decide the state of each step.

    Args:
        steps: of the deployment, as `graph.steps_of` returns them.
        observed: the results that exist, and where the pointer stands.
    """
    planner = _Planner(observed)
    for step in steps:
        planner.steps[step.name] = step
        planner.states[step.name] = planner.state_of(step)
    if observed.command is not None:
        step = replace(planner.steps["promote"], name=COMMAND)
        if isinstance(observed.command, RollbackCommand):
            step = replace(step, inputs={})
        planner.steps[COMMAND], planner.states[COMMAND] = step, planner.command_state(step)
    return Plan(
        tuple(Planned(step, planner.states[name]) for name, step in planner.steps.items()),
        planner.revision(),
        frozenset(planner.unobserved),
    )


class _Planner:
    """One walk through the steps. It collects their states, and the artifacts that it could not look up."""

    def __init__(self, observed: Observed) -> None:
        self.observed = observed
        self.steps: dict[str, Step] = {}
        self.states: dict[str, State] = {}
        self.unobserved: set[Address] = set()

    def state_of(self, step: Step) -> State:
        if step.runtime.missing:
            return _blocked(step.runtime)
        waiting = [name for name in step.producers if name != PROMOTED and self._open(name)]
        if waiting:
            implied = {name for other in waiting for name in self._waited_for(other)}
            last = tuple(name for name in waiting if name not in implied)
            return KnownAfter(last, self._certain_changes(step), any(map(self._is_blocked, waiting)))
        if step.stage is Stage.PROMOTE:
            return self._promotion(step)
        backend, inputs = step.backend, self._inputs(step)
        if any(source.step == PROMOTED for source in step.inputs.values()):
            promoted = self._promoted()
            if promoted is None:
                return Held("no model is promoted yet, so there is none to infer with")
            backend, inputs = promoted
            step = self.steps[step.name] = replace(step, runtime=self._runtime_in_service(step))
        return self._decide(step, step.parameters, backend, inputs)

    def command_state(self, step: Step) -> State:
        """The state of a person's command: it is a promote stage with other parameters."""
        if step.runtime.missing:
            return _blocked(step.runtime)
        pointer = self.observed.pointer
        if isinstance(self.observed.command, PromoteCommand) and self._open("promote"):
            return KnownAfter(("promote",), blocked=self._is_blocked("promote"))
        generation = pointer.generation if pointer else 0
        # It may have been carried out one generation ago; then its result is cached under that generation.
        former = self._command_at(step, generation - 1) if generation else None
        return former if isinstance(former, Cached) else self._command_at(step, generation)

    def _command_at(self, step: Step, generation: int) -> State:
        command, policy, revision = self.observed.command, step.parameters, self.revision()
        if not isinstance(policy, PromotionPolicy):
            raise TypeError("a command is planned from promote's policy")
        if isinstance(command, RollbackCommand):
            back = RollbackParameters(
                rollback=command, current_generation=generation, history_limit=policy.history_limit
            )
            return self._decide(step, back, "", {})
        if revision is None:
            raise TypeError("promote has ended before all compile steps")
        parameters = promote_parameters(policy, revision, generation, release=False)
        return self._decide(step, parameters.model_copy(update={"command": command}), "", self._inputs(step))

    def revision(self) -> str | None:
        keys: dict[str, str] = {}
        for step in self.steps.values():
            if step.stage is not Stage.COMPILE or step.variant is None:
                continue
            state = self.states[step.name]
            if not isinstance(state, Cached | Run):
                return None
            keys[step.variant] = state.key
        return revision_of(keys)

    def _decide(
        self,
        step: Step,
        parameters: object,
        backend: str,
        inputs: Mapping[str, InputReference],
    ) -> State:
        if not isinstance(parameters, Contract):
            raise TypeError(f"{step.name} has no parameters of its own")
        ingredients = self._ingredients(step, parameters, backend, inputs)
        key = ingredients.key()
        artifact = self._artifact(step.stage, key)
        if artifact is not None and not artifact.missing:
            return Cached(key, artifact, ingredients)
        why = differences(self._before(step), ingredients.record())
        if artifact is not None:
            lost = artifact.missing[0] + (
                f" and {len(artifact.missing) - 1} more" if len(artifact.missing) > 1 else ""
            )
            why = (f"its artifact has lost {lost}", *why)
            return Run(key, parameters, inputs, ingredients, why, damaged=True)
        return Run(key, parameters, inputs, ingredients, why or ("its result is no longer in the store",))

    def _promotion(self, step: Step) -> State:
        policy, pointer, revision = step.parameters, self.observed.pointer, self.revision()
        if not isinstance(policy, PromotionPolicy) or revision is None:
            raise TypeError("promote is planned after all compile steps, with a policy")
        held = hold(pointer, revision)
        if pointer and held and self.observed.promotion_requested_generation != pointer.generation:
            return Held(held)
        inputs = self._inputs(step)
        generation = pointer.generation if pointer else 0

        def decide(at: int, release: bool) -> State:
            parameters = promote_parameters(policy, revision, at, release)
            return self._decide(step, parameters, "", inputs)

        if pointer and pointer.promote_key:
            # The verdict that moved the pointer here was given one generation ago, and is this plan's too.
            # If it moved the pointer and left no artifact, running it again makes the artifact.
            for release in (False, True):
                former = decide(generation - 1, release)
                if isinstance(former, Cached | Run) and former.key == pointer.promote_key:
                    return former
        state = decide(generation, bool(pointer and revision in pointer.held))
        if isinstance(state, Cached) and state.artifact.outcome == "Promoted":
            return Held(
                "this revision passed the gates, but the pointer is no longer where that verdict moved it: "
                "nerd promote puts it back, nerd run --rerun promote judges again"
            )
        return state

    def _promoted(self) -> tuple[str, dict[str, InputReference]] | None:
        """Backend and input of the model in service; None if there is none."""
        pointer = self.observed.pointer
        if pointer is None:
            return None
        artifact = self._artifact(Stage.COMPILE, pointer.compile_key)
        if artifact is None:
            return None
        digest = artifact.outputs.get("compiled", "")
        compiled = _reference_to(Stage.COMPILE, pointer.compile_key, "compiled", digest)
        return artifact.backend, {"compiled": compiled}

    def _runtime_in_service(self, step: Step) -> Runtime:
        """The promoted variant's runtime; the step's own if the spec no longer has that variant."""
        pointer = self.observed.pointer
        compiled = self.steps.get(f"compile/{pointer.variant}") if pointer else None
        return compiled.runtime if compiled else step.runtime

    def _ingredients(
        self, step: Step, parameters: Contract, backend: str, inputs: Mapping[str, InputReference]
    ) -> Ingredients:
        return Ingredients(
            stage=step.stage,
            version=RESULT_VERSIONS[step.stage],
            parameters=parameters_in_key(step.stage, parameters),
            rerun=" ".join((*step.rerun, *step.tokens(self.observed.rerun))),
            inputs={role: reference.digest for role, reference in inputs.items()},
            versions=self._versions(step, backend),
            device=_device(step, self.observed.isa),
            image=step.runtime.image,
        )

    def _versions(self, step: Step, backend: str) -> dict[str, str]:
        known = self.observed.versions
        found = {name: known[name] for name in libraries_of(step.stage, backend) if name in known}
        return {**found, **dict(step.runtime.compiler)}

    def _before(self, step: Step) -> Mapping[str, object] | None:
        """The ingredients of its last result, for comparison with those of this plan."""
        before = self.observed.records.get(step.name)
        return before and without_own_move(before, self.observed.pointer)

    def _certain_changes(self, step: Step) -> tuple[str, ...]:
        """The changes that make the step run, whatever its inputs will be."""
        before, parameters = self.observed.records.get(step.name), step.parameters
        if before is None or parameters is None:
            return ()
        if isinstance(parameters, PromotionPolicy):
            parameters = promote_parameters(parameters, "", 0, release=False)
        now = self._ingredients(step, parameters, step.backend, {}).record()
        ignored = {"inputs"} | ({"versions"} if PROMOTED in step.producers else set())

        def certain(record: Mapping[str, object]) -> Mapping[str, object]:
            known = without_planned_parameters(record)
            return {name: value for name, value in known.items() if name not in ignored}

        return differences(certain(before), certain(now))

    def _inputs(self, step: Step) -> dict[str, InputReference]:
        return {
            role: self._reference(source) for role, source in step.inputs.items() if source.step != PROMOTED
        }

    def _reference(self, source: Source) -> InputReference:
        state = self.states[source.step]
        if not isinstance(state, Cached):
            raise TypeError(f"{source.step} has no result")
        digest = state.artifact.outputs.get(source.output, "")
        return _reference_to(self.steps[source.step].stage, state.key, source.output, digest)

    def _artifact(self, stage: Stage, key: str) -> Artifact | None:
        address = (stage, key)
        if address not in self.observed.artifacts:
            self.unobserved.add(address)
            return None
        return self.observed.artifacts[address]

    def _waited_for(self, name: str) -> set[str]:
        """All steps that a step waits for, directly or indirectly."""
        near = {producer for producer in self.steps[name].producers if producer != PROMOTED}
        return near.union(*(self._waited_for(producer) for producer in near))

    def _open(self, name: str) -> bool:
        return isinstance(self.states[name], Run | KnownAfter | Blocked)

    def _is_blocked(self, name: str) -> bool:
        state = self.states[name]
        return isinstance(state, Blocked) or (isinstance(state, KnownAfter) and state.blocked)


def _blocked(runtime: Runtime) -> Blocked:
    message = f"{runtime.missing}; name one of them, or ask the platform team to create {runtime.name}"
    return Blocked(Reason.RUNTIME_NOT_FOUND, message)


@functools.lru_cache(maxsize=4096)
def _reference_to(stage: Stage, key: str, output: str, digest: str) -> InputReference:
    # An operator plans the same deployment many times, and validating these took a tenth of that time.
    return InputReference(stage=stage, key=key, output=output, digest=digest)


def _device(step: Step, isa: str) -> str:
    if step.stage not in ON_A_DEVICE:
        return ""
    device = step.runtime.device or isa
    return f"emulated {device}" if step.runtime.emulated else device
