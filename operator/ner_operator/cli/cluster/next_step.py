"""What to do next: a command for each reason of the Ready condition.

The condition's message says what is wrong and who can repair it. The command
shows more of it, or continues.
"""

from collections.abc import Mapping

from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.api.v1alpha1.status import NerDeploymentStatus, StageStatus

LOGS = "kubectl nerd logs {name} {stage} -n {namespace}"
FOLLOW = f"{LOGS} --follow"
RERUN = f"{LOGS}; repaired: kubectl nerd rerun {{name}} {{stage}} -n {{namespace}}"
REPORT = "kubectl nerd report {name} -n {namespace}"
PROMOTE = "kubectl nerd promote {name} -n {namespace}"
JOB = "kubectl describe job {job} -n {namespace}"
POD = "kubectl describe pod -l batch.kubernetes.io/job-name={job} -n {namespace}"
SPEC = "kubectl nerd validate -f FILE, and apply it again"
NOTHING = ""

BY_REASON: Mapping[str, str] = {
    Reason.STAGES_RUNNING: FOLLOW,
    Reason.QUEUED: JOB,
    Reason.QUEUE_DEADLINE_EXCEEDED: JOB,
    Reason.RETRYING: LOGS,
    Reason.INTERRUPTED: LOGS,
    Reason.TERMINATION_MESSAGE_LOST: LOGS,
    Reason.INPUT_NOT_FOUND: LOGS,
    Reason.JOB_NOT_FOUND: NOTHING,
    Reason.AWAITING_APPROVAL: f"{REPORT}, then {PROMOTE}",
    Reason.SUSPENDED: "kubectl nerd resume {name} -n {namespace}",
    Reason.RUNTIME_NOT_FOUND: "kubectl get nerruntimes",
    Reason.SERVICE_ACCOUNT_NOT_ALLOWED: SPEC,
    Reason.SECRET_NOT_FOUND: POD,
    Reason.POD_NOT_CONFIGURED: POD,
    Reason.IMAGE_NOT_PULLED: POD,
    Reason.DEVICE_NOT_FREE: POD,
    Reason.UNSCHEDULABLE: POD,
    Reason.POD_REFUSED: JOB,
    Reason.INVALID_SPEC: SPEC,
    Reason.STORAGE_NOT_SHARED: SPEC,
    Reason.STAGE_FAILED: RERUN,
    Reason.OUT_OF_MEMORY: LOGS,
    Reason.SCRATCH_FULL: LOGS,
    Reason.DEADLINE_EXCEEDED: LOGS,
    Reason.RETRIES_EXHAUSTED: RERUN,
    Reason.GATES_FAILED: REPORT,
    Reason.PROMOTED: NOTHING,
    Reason.ALREADY_CURRENT: NOTHING,
    Reason.HELD: f"{REPORT}; to serve it anyway: {PROMOTE}",
    Reason.NOTHING_PROMOTED: REPORT,
}
"""The command for each reason of Ready."""

UNKNOWN = "kubectl describe nerdeployment {name} -n {namespace}"
"""The command for a reason that this release does not know."""

_UNFINISHED = ("Failed", "Retrying", "Held", "Queued", "Running", "Waiting", "Suspended")
"""States of unfinished stages, the most urgent first."""


def next_step(name: str, namespace: str, status: NerDeploymentStatus) -> str:
    """A command, or empty if there is nothing to do.

    Args:
        name, namespace: of the deployment.
        status: as read.
    """
    ready = status.condition("Ready")
    if ready is None:
        return "kubectl get pods -n nerd-system, as no operator has reconciled it yet"
    stage = stage_of_reason(status, ready.reason)
    text = BY_REASON.get(ready.reason, UNKNOWN)
    if stage is None and "{stage}" in text:
        text = text.replace(" {stage}", "").replace(" --follow", "")
    if (stage is None or not stage.job) and "{job}" in text:
        text = UNKNOWN
    return text.format(
        name=name,
        namespace=namespace,
        stage=stage.name if stage else "",
        job=stage.job if stage else "",
    )


def stage_of_reason(status: NerDeploymentStatus, reason: str) -> StageStatus | None:
    """The stage that a reason is about: one with the same reason, else the one in the most urgent state."""
    same = [stage for stage in status.stages if stage.reason == reason]
    if same:
        return same[0]
    unfinished = [stage for stage in status.stages if stage.state in _UNFINISHED]
    return min(unfinished, key=lambda stage: _UNFINISHED.index(stage.state), default=None)
