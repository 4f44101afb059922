"""What to do about one NerDeployment now: all that was seen goes in, one decision comes out.

`decide` composes and decides little itself: `outcomes` says what has come of
the Jobs, `commands` what people ask, `plan` what is left to run, `attempts`
what to do about each step, `summary` what to tell. It is a pure function, and
the status that it returns equals the one that it was given where nothing has
changed, so that nothing is written at rest.
"""

from ner_jobs.task import Task, canonical_digest
from ner_operator.api.times import to_text
from ner_operator.api.v1alpha1 import NerDeployment
from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.api.v1alpha1.status import NerDeploymentStatus, StageStatus
from ner_operator.controllers.nerdeployment import commands, preconditions
from ner_operator.controllers.nerdeployment.attempts import AttemptContext, Move, next_move, on_hold
from ner_operator.controllers.nerdeployment.commands import Asked
from ner_operator.controllers.nerdeployment.conditions import (
    Facts,
    Standing,
    Verdict,
    blocked_since,
    conditions_of,
    verdict_of,
)
from ner_operator.controllers.nerdeployment.decision import Decision
from ner_operator.controllers.nerdeployment.diagnosis import Trouble
from ner_operator.controllers.nerdeployment.events import events_of
from ner_operator.controllers.nerdeployment.outcomes import (
    UNFINISHED,
    Outcomes,
    artifacts_of,
    gather,
    pointer_of,
    with_compiled,
)
from ner_operator.controllers.nerdeployment.snapshot import Snapshot
from ner_operator.controllers.nerdeployment.stage_settings import limits_of, on_device, spec_hash_of
from ner_operator.planning.defaults import with_defaults
from ner_operator.planning.graph import COMMAND, steps_of
from ner_operator.planning.inputs import Observed
from ner_operator.planning.plan import Cached, Held, Plan, Planned, Run, plan
from ner_operator.planning.resolve import resolve
from ner_operator.planning.resolved import ResolvedDeployment


def decide(seen: Snapshot, now: float) -> Decision:
    """What to do about a deployment.

    Args:
        seen: the deployment, its status, its Jobs, and what surrounds it.
        now: seconds since the epoch.
    """
    deployment, status = seen.deployment, seen.status
    if deployment.metadata.deletion_timestamp is not None:
        # Its Jobs go with it, by their owner references.
        return Decision((), (), status)
    if seen.unreadable:
        return _unread(seen, now)
    store = _storage_hash(deployment)
    if status.storage_hash not in ("", store):
        return _elsewhere(seen, store)
    runtimes = preconditions.runtimes_of(deployment, seen.surroundings)
    resolved = resolve(deployment, runtimes.known)
    steps = steps_of(resolved)
    outcomes = gather(status, seen.jobs, steps)
    outcomes.promotion = with_compiled(outcomes.promotion, outcomes, steps)
    pointer = pointer_of(outcomes.promotion)
    asked = commands.asked(
        deployment.metadata.annotations or {},
        status,
        {step.name for step in steps},
        pointer.generation if pointer else 0,
    )
    planned = plan(
        resolved,
        Observed(
            artifacts=artifacts_of(outcomes, steps),
            pointer=pointer,
            rerun=asked.rerun,
            promotion_requested_generation=asked.promotion_requested_generation,
            command=asked.wish,
            versions=seen.surroundings.versions,
            isa=seen.surroundings.isa,
        ),
    )
    obstacle = preconditions.of_deployment(deployment)
    around = _surround(seen, resolved, runtimes, obstacle)
    unknown = _on_hold(planned, runtimes)
    moves = {
        each.step.name: on_hold(
            each, outcomes.trail(each.step.name), deployment.spec.suspend, unknown[each.step.name]
        )
        if each.step.name in unknown
        else next_move(each, outcomes.trail(each.step.name), around, now)
        for each in planned
    }
    return _decision(seen, resolved, planned, outcomes, asked, moves, bool(unknown), obstacle, now)


def _on_hold(planned: Plan, runtimes: preconditions.Runtimes) -> dict[str, Trouble | None]:
    """The steps whose keys rest on a runtime that is missing; with the trouble where it is their own."""
    found: dict[str, Trouble | None] = {}
    for each in planned if runtimes.missing else ():
        trouble = preconditions.missing_runtime(each.step, runtimes)
        if trouble is not None or any(name in found for name in each.step.producers):
            found[each.step.name] = trouble
    return found


def _surround(
    seen: Snapshot, resolved: ResolvedDeployment, runtimes: preconditions.Runtimes, obstacle: Trouble | None
) -> AttemptContext:
    deployment, surroundings = seen.deployment, seen.surroundings
    scheduling, generation = deployment.spec.scheduling, deployment.metadata.generation or 0

    def task(planned: Planned, run: Run, attempt: int) -> Task:
        step = planned.step
        return Task(
            stage=step.stage,
            key=run.key,
            attempt=f"attempt-{attempt}",
            variant=step.variant,
            parameters=run.parameters.model_dump(mode="json", by_alias=True),
            inputs=dict(run.inputs),
            storage=resolved.storage,
            owner=resolved.owner,
            emulated=step.runtime.emulated,
            image=step.runtime.image,
        )

    return AttemptContext(
        uid=deployment.metadata.uid or "",
        # A wish is a person's word of this moment; it moves a pointer, and is no work that is put off.
        suspended=lambda planned: deployment.spec.suspend and planned.step.name != COMMAND,
        listed=seen.listed,
        queue=scheduling.queue_name or "",
        queue_deadline=scheduling.queue_deadline_seconds,
        secret=deployment.spec.storage.credentials_secret or "",
        limits=lambda planned: limits_of(deployment, planned.step, runtimes.known[planned.step.runtime.name]),
        block=lambda planned: (
            obstacle or preconditions.of_step(planned.step, deployment, runtimes, surroundings)
        ),
        spec_hash=lambda planned: spec_hash_of(
            generation, runtimes.known[planned.step.runtime.name], surroundings.image
        ),
        task=task,
        on_device=lambda planned: on_device(planned.step),
    )


def _decision(
    seen: Snapshot,
    resolved: ResolvedDeployment,
    planned: Plan,
    outcomes: Outcomes,
    asked: Asked,
    moves: dict[str, Move],
    unknown: bool,
    obstacle: Trouble | None,
    now: float,
) -> Decision:
    deployment, before = seen.deployment, seen.status
    generation = deployment.metadata.generation or 0
    stages = [move.entry for name, move in moves.items() if name != COMMAND]
    revision = planned.revision if not unknown else None
    command = moves[COMMAND].entry if COMMAND in moves else _last_command(before)
    refused = list(asked.refused)
    handled = asked.handled
    if COMMAND in moves and command is not None and command.state in ("Succeeded", "Failed"):
        handled = asked.handled_with_wish
        verdict = command.result.headline.get("verdict") if command.result else ""
        if command.state == "Failed" or verdict == "Refused":
            refused.append(f"{asked.wish_field}: {command.message}")
    promotion = outcomes.promotion
    judged, judged_result = planned.state("promote"), moves["promote"].entry.result
    standing = verdict_of(
        Facts(
            stages=stages,
            obstacle=obstacle,
            suspended=deployment.spec.suspend,
            revision=revision,
            promotion=promotion,
            outcome=judged.artifact.outcome if isinstance(judged, Cached) else "",
            outcome_message=judged_result.message if judged_result else "",
            held=judged.message if isinstance(judged, Held) else "",
            deadline=deployment.spec.progress_deadline_seconds,
            blocked_since=blocked_since(before),
        ),
        now,
    )
    after = NerDeploymentStatus(
        observed_generation=generation,
        conditions=conditions_of(standing, before, promotion, generation, now),
        resolved=with_defaults(deployment, resolved),
        revision=promotion.revision[:12] if promotion else None,
        variant=promotion.variant if promotion else None,
        f1=_rounded(promotion.f1, 4) if promotion else None,
        drop=_rounded(promotion.drop, 2) if promotion else None,
        candidate=revision if not promotion or promotion.revision != revision else None,
        stages=(*stages, command) if command else tuple(stages),
        promotion=promotion,
        rerun=dict(asked.rerun),
        promotion_requested_generation=asked.promotion_requested_generation,
        last_handled_commands=handled,
        storage_hash=_storage_hash(deployment),
        blocked_since=to_text(standing.blocked_since) if standing.blocked_since is not None else None,
    )
    waits = [move.look_again for move in moves.values() if move.look_again is not None]
    if standing.look_again is not None:
        waits.append(standing.look_again)
    if asked.more and handled is not asked.handled:
        waits.append(0.0)
    return Decision(
        create=tuple(move.create for move in moves.values() if move.create is not None),
        delete=(
            *(job for move in moves.values() for job in move.delete),
            *(
                job
                for name, trail in outcomes.trails.items()
                if name not in moves
                for job in trail.unfinished
            ),
        ),
        status=after,
        told=events_of(before, after, standing, refused),
        look_again=min(waits, default=None),
        doubt=any(move.doubt for move in moves.values()),
    )


def _rounded(value: float | None, digits: int) -> float | None:
    """As a column shows it."""
    return None if value is None else round(value, digits)


def _last_command(before: NerDeploymentStatus) -> StageStatus | None:
    """The last wish that was carried out stays to be seen; one that was withdrawn does not."""
    entry = before.stage(COMMAND)
    return entry if entry is not None and entry.state in ("Succeeded", "Failed") else None


def _storage_hash(deployment: NerDeployment) -> str:
    storage = deployment.spec.storage
    return canonical_digest([storage.uri, storage.endpoint_url or ""])[:16]


def _unread(seen: Snapshot, now: float) -> Decision:
    """The spec cannot be obeyed, nor what was made for it judged: all stays, and a person is told."""
    before, generation = seen.status, seen.deployment.metadata.generation or 0
    verdict = Verdict(
        Standing.STALLED,
        Reason.INVALID_SPEC,
        f"this release cannot read the spec: {seen.unreadable}; correct it, or upgrade the operator to "
        "the release of its CRDs",
    )
    after = before.model_copy(
        update={
            "observed_generation": generation,
            "conditions": conditions_of(verdict, before, before.promotion, generation, now),
            "blocked_since": None,
        }
    )
    return Decision((), (), after, events_of(before, after, verdict, ()))


def _elsewhere(seen: Snapshot, store: str) -> Decision:
    """The spec names another store: nothing of what was left in the former one is there."""
    attempts: dict[str, int] = {stage.name: stage.attempt for stage in seen.status.stages}
    for job in seen.jobs:
        attempts[job.step] = max(attempts.get(job.step, 0), job.attempt)
    status = seen.status.model_copy(
        update={
            "stages": tuple(
                StageStatus(name=name, state="Waiting", attempt=attempt) for name, attempt in attempts.items()
            ),
            "promotion": None,
            "revision": None,
            "variant": None,
            "f1": None,
            "drop": None,
            "storage_hash": store,
        }
    )
    return Decision(
        create=(),
        delete=tuple(job for job in seen.jobs if job.phase in UNFINISHED),
        status=status,
        look_again=0.0,
    )
