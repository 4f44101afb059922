"""Commands that a person requests of a NerDeployment in the cluster: each is one write."""

import json
from collections.abc import Sequence

from ner_jobs.task import ExitCode, PermanentError, RetryableError, StageError
from ner_jobs.task.parameters import PromoteCommand, RollbackCommand
from ner_operator.api.v1alpha1.commands import (
    PROMOTE,
    RERUN,
    ROLLBACK,
    CommandError,
    read_rerun,
    write_promote,
    write_rerun,
    write_rollback,
)
from ner_operator.cli.cluster.deployed import Deployed, read_one, stage_of
from ner_operator.cli.cluster.kubectl import KIND, MANAGER, ConflictError, Kubectl
from ner_operator.cli.place import local_user, new_token, require_variant
from ner_operator.local.workspace import require_steps
from ner_operator.planning.graph import COMMAND

TRIES = 5


def request_promote(kubectl: Kubectl, deployed: Deployed, variant: str | None, force: str) -> PromoteCommand:
    """Request the promotion of a variant of the revision that the status names.

    Raises:
        StageError: the spec has no such variant, or the write is refused.
    """
    require_variant(variant, deployed.variants)
    status = deployed.status
    command = PromoteCommand(
        token=new_token(),
        variant=variant,
        revision=status.candidate or (status.promotion.revision if status.promotion else ""),
        force=force,
        by=user_of(kubectl),
    )
    annotate(kubectl, deployed.name, PROMOTE, write_promote(command))
    return command


def request_rollback(
    kubectl: Kubectl, deployed: Deployed, generation: int | None, reason: str
) -> RollbackCommand:
    """Request a rollback from the generation that the status names.

    Raises:
        StageError: nothing is in service, or the write is refused.
    """
    promotion = deployed.status.promotion
    if promotion is None:
        raise PermanentError(
            f"nothing was ever promoted for {deployed.namespace}/{deployed.name}, as far as its status says",
            ExitCode.USAGE,
        )
    command = RollbackCommand(
        token=new_token(),
        generation=generation,
        leaving=promotion.generation,
        reason=reason,
        by=user_of(kubectl),
    )
    annotate(kubectl, deployed.name, ROLLBACK, write_rollback(command))
    return command


def request_rerun(kubectl: Kubectl, name: str, steps: Sequence[str]) -> str:
    """Request stages or steps again; earlier requests for other stages stay.

    Returns:
        The new token.

    Raises:
        StageError: there is no such stage, or the write is refused.
    """
    token = new_token()
    for _ in range(TRIES):
        deployed = read_one(kubectl, name)
        stages = [stage for stage in deployed.status.stages if stage.name != COMMAND]
        require_steps(steps, [(stage_of(stage), stage.name) for stage in stages])
        try:
            former = read_rerun(deployed.annotation(RERUN))
        except CommandError:
            former = {}
        text = write_rerun({**former, **dict.fromkeys(steps, token)})
        try:
            annotate(kubectl, name, RERUN, text, f"--resource-version={deployed.resource_version}")
        except ConflictError:
            # The operator writes the status often. Read again, so that no other request is lost.
            continue
        return token
    raise RetryableError(f"{name} is written to all the time; try again")


def suspend(kubectl: Kubectl, deployed: Deployed) -> bool:
    """Set spec.suspend; returns whether that changed anything."""
    return not deployed.suspended and _patch_suspend(kubectl, deployed, True)


def resume(kubectl: Kubectl, deployed: Deployed) -> bool:
    """Remove spec.suspend; returns whether that changed anything.

    The field is removed, not set to false: a repository that never had it then shows no difference.
    """
    return deployed.suspended and _patch_suspend(kubectl, deployed, None)


def _patch_suspend(kubectl: Kubectl, deployed: Deployed, value: bool | None) -> bool:
    patch = json.dumps({"spec": {"suspend": value}})
    kubectl.text(
        *("patch", KIND, deployed.name, "--type=merge", f"--patch={patch}", f"--field-manager={MANAGER}")
    )
    return True


def annotate(kubectl: Kubectl, name: str, annotation: str, text: str, *options: str) -> None:
    """Write an annotation."""
    kubectl.text(
        *("annotate", KIND, name, f"{annotation}={text}", "--overwrite", f"--field-manager={MANAGER}"),
        *options,
    )


def user_of(kubectl: Kubectl) -> str:
    """The user's name in the cluster; on this machine if the cluster does not say it."""
    try:
        answer = kubectl.json("auth", "whoami")
        return str(answer["status"]["userInfo"]["username"])
    except (StageError, KeyError, ValueError):
        return local_user()
