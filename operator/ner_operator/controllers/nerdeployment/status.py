"""The next status: stages, promotion, commands and conditions are put together here and nowhere else.

If nothing has changed, the next status equals the present one, so that nothing is written.
"""

from typing import Any

from ner_jobs.task import canonical_digest
from ner_operator.api.times import to_text
from ner_operator.api.v1alpha1 import NerDeployment
from ner_operator.api.v1alpha1.status import NerDeploymentStatus, StageStatus
from ner_operator.controllers.nerdeployment.attempts import AttemptContext
from ner_operator.controllers.nerdeployment.commands import RequestedCommands
from ner_operator.controllers.nerdeployment.conditions import Progress, Summary, conditions_of
from ner_operator.controllers.nerdeployment.snapshot import Snapshot
from ner_operator.planning.graph import COMMAND
from ner_operator.planning.resolved import ResolvedDeployment


def status_of(
    context: AttemptContext,
    progress: Progress,
    commands: RequestedCommands,
    command: StageStatus | None,
    summary: Summary,
) -> NerDeploymentStatus:
    """The status after a decision.

    Args:
        context: of the decision.
        progress: of the deployment.
        commands: the requested ones, after the command's step.
        command: entry of the command's step; None if no command is requested.
        summary: of the progress.
    """
    deployment, promotion, revision = context.snapshot.deployment, progress.promotion, progress.plan.revision
    command = command or _last_command(progress.before)
    status = NerDeploymentStatus(
        resolved=_with_defaults(deployment, context.resolved),
        revision=promotion.revision[:12] if promotion else None,
        variant=promotion.variant if promotion else None,
        f1=_rounded(promotion.f1, 4) if promotion else None,
        drop=_rounded(promotion.drop, 2) if promotion else None,
        candidate=revision if not promotion or promotion.revision != revision else None,
        stages=(*progress.stages, command) if command else tuple(progress.stages),
        promotion=promotion,
        rerun=dict(commands.rerun),
        promotion_requested_generation=commands.promotion_requested_generation,
        last_handled_commands=commands.handled,
        storage_hash=storage_hash(deployment),
    )
    return with_summary(status, summary, context.snapshot, context.now)


def with_summary(
    status: NerDeploymentStatus, summary: Summary, snapshot: Snapshot, now: float
) -> NerDeploymentStatus:
    """The status with the conditions that follow from a summary."""
    generation = snapshot.deployment.metadata.generation or 0
    since = summary.blocked_since
    return status.model_copy(
        update={
            "observed_generation": generation,
            "conditions": conditions_of(summary, snapshot.status, status.promotion, generation, now),
            "blocked_since": to_text(since) if since is not None else None,
        }
    )


def in_another_store(snapshot: Snapshot) -> NerDeploymentStatus:
    """The status after `spec.storage` names another store: no earlier result exists there."""
    attempts: dict[str, int] = {stage.name: stage.attempt for stage in snapshot.status.stages}
    for job in snapshot.jobs:
        attempts[job.step] = max(attempts.get(job.step, 0), job.attempt)
    return snapshot.status.model_copy(
        update={
            "stages": tuple(
                StageStatus(name=name, state="Waiting", attempt=attempt) for name, attempt in attempts.items()
            ),
            "promotion": None,
            "revision": None,
            "variant": None,
            "f1": None,
            "drop": None,
            "storage_hash": storage_hash(snapshot.deployment),
        }
    )


def storage_hash(deployment: NerDeployment) -> str:
    """A short digest that names the store."""
    storage = deployment.spec.storage
    return canonical_digest([storage.uri, storage.endpoint_url or ""])[:16]


def _with_defaults(deployment: NerDeployment, resolved: ResolvedDeployment) -> dict[str, Any]:
    """The spec with every default filled in, also those that depend on other fields."""
    spec: dict[str, Any] = deployment.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    spec["runtime"] = resolved.runtime.name
    spec["rollout"]["preference"] = list(resolved.promotion.preference)
    for gate, meant in zip(spec["evaluation"]["gates"], resolved.promotion.gates, strict=True):
        gate |= {"against": meant.against} if meant.against else {}
    if "uri" not in spec["data"]["calibration"]:
        spec["data"]["calibration"]["size"] = resolved.prepare.calibration_size
    return spec


def _last_command(before: NerDeploymentStatus) -> StageStatus | None:
    """The entry of the last command, if it was carried out; a withdrawn command leaves none."""
    entry = before.stage(COMMAND)
    return entry if entry is not None and entry.state in ("Succeeded", "Failed") else None


def _rounded(value: float | None, digits: int) -> float | None:
    """As a printer column shows it."""
    return None if value is None else round(value, digits)
