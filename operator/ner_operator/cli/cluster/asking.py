"""What a person asks of a deployment in the cluster: one write each."""

import getpass
import json
import secrets
import time

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
from ner_operator.cli.cluster.kubectl import KIND, MANAGER, ConflictError, Kubectl
from ner_operator.cli.cluster.reading import Deployed, read_one, stage_of
from ner_operator.planning.graph import COMMAND

TRIES = 5


def ask_promote(kubectl: Kubectl, deployed: Deployed, variant: str | None, force: str) -> PromoteCommand:
    """Ask for a variant of the revision that the status shows.

    Raises:
        StageError: the spec has no such variant, or the write is refused.
    """
    if variant is not None and variant not in deployed.variants:
        raise PermanentError(
            f"there is no variant {variant}; there are {', '.join(deployed.variants)}", ExitCode.USAGE
        )
    status = deployed.status
    command = PromoteCommand(
        token=new_token(),
        variant=variant,
        revision=status.candidate or (status.promotion.revision if status.promotion else ""),
        force=force,
        by=person(kubectl),
    )
    annotate(kubectl, deployed.name, PROMOTE, write_promote(command))
    return command


def ask_rollback(
    kubectl: Kubectl, deployed: Deployed, generation: int | None, reason: str
) -> RollbackCommand:
    """Ask to leave what is in service.

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
        by=person(kubectl),
    )
    annotate(kubectl, deployed.name, ROLLBACK, write_rollback(command))
    return command


def ask_rerun(kubectl: Kubectl, name: str, steps: list[str]) -> str:
    """Ask for stages or steps again; what was asked for others before stays as it is.

    Returns:
        The new token.

    Raises:
        StageError: there is no such stage, or the write is refused.
    """
    token = new_token()
    for _ in range(TRIES):
        deployed = read_one(kubectl, name)
        _require_steps(deployed, steps)
        try:
            former = read_rerun(deployed.annotation(RERUN))
        except CommandError:
            former = {}
        text = write_rerun({**former, **dict.fromkeys(steps, token)})
        try:
            annotate(kubectl, name, RERUN, text, f"--resource-version={deployed.version}")
        except ConflictError:
            # The operator writes the status all the time; what others ask for must not be lost for that.
            continue
        return token
    raise RetryableError(f"{name} is written to all the time; ask again")


def _require_steps(deployed: Deployed, steps: list[str]) -> None:
    stages = [stage for stage in deployed.status.stages if stage.name != COMMAND]
    known = dict.fromkeys([*(stage_of(stage).value for stage in stages), *(stage.name for stage in stages)])
    for step in steps:
        if step not in known:
            there = ", ".join(known) or "none yet: no operator has looked at it"
            raise PermanentError(f"there is no stage or step {step}; there are {there}", ExitCode.USAGE)


def suspend(kubectl: Kubectl, deployed: Deployed) -> bool:
    """Stop it; returns whether that changed anything."""
    return not deployed.suspended and _patch_suspend(kubectl, deployed, True)


def resume(kubectl: Kubectl, deployed: Deployed) -> bool:
    """Let it go on; returns whether that changed anything.

    The field is removed, not set to false: the object is then what a repository that never spoke of it says.
    """
    return deployed.suspended and _patch_suspend(kubectl, deployed, None)


def _patch_suspend(kubectl: Kubectl, deployed: Deployed, value: bool | None) -> bool:
    patch = {"spec": {"suspend": value}}
    kubectl.text(
        "patch",
        KIND,
        deployed.name,
        "--type=merge",
        f"--patch={json.dumps(patch)}",
        f"--field-manager={MANAGER}",
    )
    return True


def annotate(kubectl: Kubectl, name: str, annotation: str, text: str, *options: str) -> None:
    """Write an annotation."""
    kubectl.text(
        *("annotate", KIND, name, f"{annotation}={text}", "--overwrite", f"--field-manager={MANAGER}"),
        *options,
    )


def person(kubectl: Kubectl) -> str:
    """Who asks, as the cluster calls them; where it does not say, as this machine does."""
    try:
        answer = kubectl.json("auth", "whoami")
        return str(answer["status"]["userInfo"]["username"])
    except (StageError, KeyError, ValueError):
        try:
            return getpass.getuser()
        except (KeyError, OSError):
            return ""


def new_token() -> str:
    """Tells this wish from every other; sorts by time."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}"
