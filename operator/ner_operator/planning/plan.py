"""The plan: each step of a deployment is cached, runs, or is known after another.

Later keys rest on the digests of earlier outputs, so a plan goes as far as
what was observed reaches: plan, run what is ready, observe, plan again. The
same function serves a laptop and a cluster; it reads nothing itself, and
what it would like to know beyond what it was told is in `Plan.unobserved`.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ner_jobs.task import InputReference, Stage
from ner_jobs.task.model import Contract
from ner_jobs.task.parameters import PromoteCommand, RollbackCommand, RollbackParameters
from ner_operator.planning.differences import differences
from ner_operator.planning.graph import COMMAND, PROMOTED, Source, Step, steps_of
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
    without_what_is_not_known,
)
from ner_operator.planning.resolved import PromotionPolicy, ResolvedDeployment, Runtime


@dataclass(frozen=True, slots=True)
class Cached:
    """Its result is there."""

    key: str
    artifact: Artifact
    ingredients: Ingredients


@dataclass(frozen=True, slots=True)
class Run:
    """All its inputs are there: it can run now.

    Attributes:
        parameters: complete, for the task.
        why: what changed since its last result, as phrases.
        damaged: its key has a result that has lost files; since a key has one result for ever, only a
            new rerun token makes a new one.
    """

    key: str
    parameters: Contract
    inputs: Mapping[str, InputReference]
    ingredients: Ingredients
    why: tuple[str, ...]
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class KnownAfter:
    """Its key rests on results that are not there yet.

    Attributes:
        steps: those it waits for that are not over, but for those that one of them itself waits for.
        why: what is known to have changed already; empty where only the inputs may.
    """

    steps: tuple[str, ...]
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """It does not run, and a person may want to know why and what to do."""

    message: str


State = Cached | Run | KnownAfter | Held


@dataclass(frozen=True, slots=True)
class Planned:
    """A step and what becomes of it."""

    step: Step
    state: State


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps, in an order in which they can run.

    Attributes:
        revision: digest of the compile keys; None until all are known.
        unobserved: addresses that decide this plan and were not in `Observed.artifacts`.
    """

    steps: tuple[Planned, ...]
    revision: str | None
    unobserved: frozenset[Address]

    def __iter__(self) -> Iterator[Planned]:
        return iter(self.steps)

    def state(self, name: str) -> State:
        """What becomes of the step with this name.

        Raises:
            KeyError: there is no such step.
        """
        return {planned.step.name: planned.state for planned in self.steps}[name]

    @property
    def ready(self) -> tuple[Planned, ...]:
        """The steps that can run now."""
        return tuple(planned for planned in self.steps if isinstance(planned.state, Run))

    @property
    def finished(self) -> bool:
        """Whether nothing is left to run."""
        return all(isinstance(planned.state, Cached | Held) for planned in self.steps)


def plan(resolved: ResolvedDeployment, observed: Observed) -> Plan:
    """Say of each step whether it is cached, runs, or is known after another.

    Args:
        resolved: what the spec means.
        observed: what is there.
    """
    planner = _Planner(resolved, observed)
    for step in steps_of(resolved):
        planner.steps[step.name] = step
        planner.states[step.name] = planner.state_of(step)
    if observed.command is not None:
        step = replace(planner.steps["promote"], name=COMMAND)
        if isinstance(observed.command, RollbackCommand):
            step = replace(step, inputs={})
        planner.steps[COMMAND], planner.states[COMMAND] = step, planner.command(step)
    return Plan(
        tuple(Planned(step, planner.states[name]) for name, step in planner.steps.items()),
        planner.revision(),
        frozenset(planner.unobserved),
    )


class _Planner:
    """One walk through the steps; remembers what it has decided and what it had to ask for."""

    def __init__(self, resolved: ResolvedDeployment, observed: Observed) -> None:
        self.resolved = resolved
        self.observed = observed
        self.steps: dict[str, Step] = {}
        self.states: dict[str, State] = {}
        self.unobserved: set[Address] = set()

    def state_of(self, step: Step) -> State:
        waiting = [name for name in step.producers if name != PROMOTED and self._open(name)]
        if waiting:
            implied = {name for other in waiting for name in self._waited_for(other)}
            last = tuple(name for name in waiting if name not in implied)
            return KnownAfter(last, self._certain_changes(step))
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

    def command(self, step: Step) -> State:
        """What becomes of a person's wish: it is a promote stage with other parameters."""
        pointer = self.observed.pointer
        if isinstance(self.observed.command, PromoteCommand) and self._open("promote"):
            return KnownAfter(("promote",))
        generation = pointer.generation if pointer else 0
        # Carried out one generation ago, or not yet: the same wish.
        former = self._wish(step, generation - 1) if generation else None
        return former if isinstance(former, Cached) else self._wish(step, generation)

    def _wish(self, step: Step, generation: int) -> State:
        command, policy, revision = self.observed.command, step.parameters, self.revision()
        if not isinstance(policy, PromotionPolicy):
            raise TypeError("a command is planned from promote's policy")
        if isinstance(command, RollbackCommand):
            back = RollbackParameters(
                rollback=command, current_generation=generation, history_limit=policy.history_limit
            )
            return self._decide(step, back, "", {})
        if revision is None:
            raise TypeError("promote is over before all compile steps are")
        parameters = promote_parameters(policy, self.resolved, revision, generation, release=False)
        return self._decide(step, parameters.model_copy(update={"command": command}), "", self._inputs(step))

    def revision(self) -> str | None:
        keys: dict[str, str] = {}
        for variant in self.resolved.variants:
            state = self.states.get(f"compile/{variant.name}")
            if not isinstance(state, Cached | Run):
                return None
            keys[variant.name] = state.key
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
            parameters = promote_parameters(policy, self.resolved, revision, at, release)
            return self._decide(step, parameters, "", inputs)

        if pointer and pointer.promote_key:
            # The verdict that moved the pointer here was given one generation ago: it is this plan's too.
            # Where it was moved and its artifact is not there yet, running it again leaves the artifact.
            for release in (False, True):
                former = decide(generation - 1, release)
                if isinstance(former, Cached | Run) and former.key == pointer.promote_key:
                    return former
        state = decide(generation, bool(pointer and revision in pointer.held))
        if isinstance(state, Cached) and state.artifact.outcome == "Promoted":
            return Held(
                "the gates let this revision pass, but the pointer is not where that verdict left it: "
                "nerd promote puts it back, nerd run --rerun promote judges again"
            )
        return state

    def _promoted(self) -> tuple[str, dict[str, InputReference]] | None:
        """Backend and input of the model in service; None where there is none."""
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
        """That of the promoted variant; where the spec has it no more, the step's own."""
        pointer = self.observed.pointer
        return next(
            (each.runtime for each in self.resolved.variants if pointer and each.name == pointer.variant),
            step.runtime,
        )

    def _ingredients(
        self, step: Step, parameters: Contract, backend: str, inputs: Mapping[str, InputReference]
    ) -> Ingredients:
        return Ingredients(
            stage=step.stage,
            version=RESULT_VERSIONS[step.stage],
            parameters=parameters_in_key(step.stage, parameters),
            rerun=self._rerun(step),
            inputs={role: reference.digest for role, reference in inputs.items()},
            versions=self._versions(step, backend),
            device=_device(step, self.observed.isa),
            image=step.runtime.image,
        )

    def _versions(self, step: Step, backend: str) -> dict[str, str]:
        known = self.observed.versions
        found = {name: known[name] for name in libraries_of(step.stage, backend) if name in known}
        return {**found, **dict(step.runtime.compiler)}

    def _rerun(self, step: Step) -> str:
        tokens = [
            tokens[name]
            for tokens in (dict(self.resolved.rerun), self.observed.rerun)
            for name in dict.fromkeys((step.stage.value, step.name))
            if name in tokens
        ]
        return " ".join(tokens)

    def _before(self, step: Step) -> Mapping[str, object] | None:
        """The ingredients of its last result, as this plan compares with them."""
        before = self.observed.records.get(step.name)
        return before and without_own_move(before, self.observed.pointer)

    def _certain_changes(self, step: Step) -> tuple[str, ...]:
        """What makes the step run whatever its inputs will be."""
        before, parameters = self.observed.records.get(step.name), step.parameters
        if before is None:
            return ()
        if isinstance(parameters, PromotionPolicy):
            parameters = promote_parameters(parameters, self.resolved, "", 0, release=False)
        now = self._ingredients(step, parameters, step.backend, {}).record()
        ignored = {"inputs"} | ({"versions"} if PROMOTED in step.producers else set())

        def certain(record: Mapping[str, object]) -> Mapping[str, object]:
            known = without_what_is_not_known(record)
            return {name: value for name, value in known.items() if name not in ignored}

        return differences(certain(before), certain(now))

    def _inputs(self, step: Step) -> dict[str, InputReference]:
        return {
            role: self._reference(source) for role, source in step.inputs.items() if source.step != PROMOTED
        }

    def _reference(self, source: Source) -> InputReference:
        state = self.states[source.step]
        if not isinstance(state, Cached):
            raise TypeError(f"{source.step} is not over")
        digest = state.artifact.outputs.get(source.output, "")
        return _reference_to(self.steps[source.step].stage, state.key, source.output, digest)

    def _artifact(self, stage: Stage, key: str) -> Artifact | None:
        address = (stage, key)
        if address not in self.observed.artifacts:
            self.unobserved.add(address)
            return None
        return self.observed.artifacts[address]

    def _waited_for(self, name: str) -> set[str]:
        """All steps that a step rests on, near and far."""
        near = {producer for producer in self.steps[name].producers if producer != PROMOTED}
        return near.union(*(self._waited_for(producer) for producer in near))

    def _open(self, name: str) -> bool:
        return isinstance(self.states[name], Run | KnownAfter)


@functools.lru_cache(maxsize=4096)
def _reference_to(stage: Stage, key: str, output: str, digest: str) -> InputReference:
    # An operator plans the same deployment again and again; to validate these is a tenth of a plan.
    return InputReference(stage=stage, key=key, output=output, digest=digest)


def _device(step: Step, isa: str) -> str:
    if step.stage not in ON_A_DEVICE:
        return ""
    device = step.runtime.device or isa
    return f"emulated {device}" if step.runtime.emulated else device
