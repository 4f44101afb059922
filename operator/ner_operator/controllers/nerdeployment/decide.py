"""What to do about one NerDeployment now: a snapshot comes in, one decision goes out. Pure.

`decide` puts the parts together: `outcomes` combines the status and the Jobs,
`commands` reads what people request, `plan` says what is left to run,
`attempts` chooses an action for each step, `conditions` and `status` make the
next status.
"""

from collections.abc import Mapping

from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.controllers.nerdeployment.attempts import Action, AttemptContext, next_action
from ner_operator.controllers.nerdeployment.commands import RequestedCommands, after_step, read_commands
from ner_operator.controllers.nerdeployment.conditions import Progress, Readiness, Summary, summarize
from ner_operator.controllers.nerdeployment.decision import Decision
from ner_operator.controllers.nerdeployment.events import events_of
from ner_operator.controllers.nerdeployment.outcomes import (
    UNFINISHED,
    Outcomes,
    artifacts_of,
    gather,
    pointer_of,
)
from ner_operator.controllers.nerdeployment.preconditions import check_deployment
from ner_operator.controllers.nerdeployment.snapshot import Snapshot
from ner_operator.controllers.nerdeployment.status import (
    in_another_store,
    status_of,
    storage_hash,
    with_summary,
)
from ner_operator.planning.graph import COMMAND, steps_of
from ner_operator.planning.inputs import Observed
from ner_operator.planning.plan import Plan, plan
from ner_operator.planning.resolve import resolve


def decide(snapshot: Snapshot, now: float) -> Decision:
    """What to do about a deployment.

    Args:
        snapshot: the deployment, its status, its Jobs, and the settings of the cluster.
        now: seconds since the epoch.
    """
    deployment, status, settings = snapshot.deployment, snapshot.status, snapshot.settings
    if deployment.metadata.deletion_timestamp is not None:
        # The garbage collector deletes its Jobs, by their owner references.
        return Decision(status)
    if snapshot.unreadable:
        return _unreadable(snapshot, now)
    if status.storage_hash not in ("", storage_hash(deployment)):
        return _another_store(snapshot)
    resolved = resolve(deployment, settings.runtimes)
    steps = steps_of(resolved)
    outcomes = gather(status, snapshot.jobs, steps)
    pointer = pointer_of(outcomes.promotion)
    commands = read_commands(
        deployment.metadata.annotations or {},
        status,
        {step.name for step in steps},
        pointer.generation if pointer else 0,
    )
    planned = plan(
        steps,
        Observed(
            artifacts=artifacts_of(outcomes, steps),
            pointer=pointer,
            rerun=commands.rerun,
            promotion_requested_generation=commands.promotion_requested_generation,
            command=commands.command,
            versions=settings.versions,
            isa=settings.isa,
        ),
    )
    context = AttemptContext(snapshot, resolved, check_deployment(deployment), now)
    actions = {
        each.step.name: next_action(each, outcomes.history(each.step.name), context) for each in planned
    }
    return _decision(context, planned, outcomes, commands, actions)


def _decision(
    context: AttemptContext,
    planned: Plan,
    outcomes: Outcomes,
    requested: RequestedCommands,
    actions: Mapping[str, Action],
) -> Decision:
    """The actions of all steps, and the status that follows from them."""
    before = context.snapshot.status
    command = actions[COMMAND].entry if COMMAND in actions else None
    commands = after_step(requested, command)
    progress = Progress(
        spec=context.snapshot.deployment.spec,
        before=before,
        plan=planned,
        stages=[action.entry for name, action in actions.items() if name != COMMAND],
        promotion=outcomes.promotion,
        blocked=context.blocked,
    )
    summary = summarize(progress, context.now)
    status = status_of(context, progress, commands, command, summary)
    requeues = [summary.requeue_after, *(action.requeue_after for action in actions.values())]
    if requested.more and commands.command is None:
        requeues.append(0.0)
    removed = [history for name, history in outcomes.histories.items() if name not in actions]
    return Decision(
        status=status,
        create=tuple(action.create for action in actions.values() if action.create is not None),
        delete=(
            *(job for action in actions.values() for job in action.delete),
            *(job for history in removed for job in history.unfinished),
        ),
        events=events_of(before, status, summary, commands.refused),
        requeue_after=min((seconds for seconds in requeues if seconds is not None), default=None),
        verify_with_list=any(action.verify_with_list for action in actions.values()),
    )


def _unreadable(snapshot: Snapshot, now: float) -> Decision:
    """This release cannot read the spec: leave everything as it is, and say so."""
    summary = Summary(
        Readiness.STALLED,
        Reason.INVALID_SPEC,
        f"this release cannot read the spec: {snapshot.unreadable}; correct it, or upgrade the operator to "
        "the release of its CRDs",
    )
    status = with_summary(snapshot.status, summary, snapshot, now)
    return Decision(status, events=events_of(snapshot.status, status, summary, ()))


def _another_store(snapshot: Snapshot) -> Decision:
    """The spec names another store: stop the Jobs that write to the former one, and start again."""
    return Decision(
        in_another_store(snapshot),
        delete=tuple(job for job in snapshot.jobs if job.phase in UNFINISHED),
        requeue_after=0.0,
    )
