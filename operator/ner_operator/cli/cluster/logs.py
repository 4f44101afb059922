"""The logs of a deployment's stages: from their pods, or from the store if a pod is gone."""

from collections.abc import Callable, Sequence

from ner_jobs.store.artifacts import read_log
from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, PermanentError, StageError
from ner_operator.api.v1alpha1.status import StageStatus
from ner_operator.cli.cluster.deployed import Deployed, stage_of
from ner_operator.cli.cluster.kubectl import Kubectl
from ner_operator.cli.place import StageLog
from ner_operator.controllers.stage_job import CONTAINER
from ner_operator.local.workspace import require_steps

JOB_NAME = "batch.kubernetes.io/job-name"


def logs_of(
    kubectl: Kubectl, deployed: Deployed, step: str | None, open_store: Callable[[], Store]
) -> Sequence[StageLog]:
    """The logs of stages that have run: of the newest pod of the last attempt, else from the store.

    Args:
        kubectl: the cluster.
        deployed: the deployment.
        step: a stage or step; None takes all.
        open_store: opens the deployment's store; called only if a pod is gone.

    Raises:
        StageError: there is no such stage, or neither the cluster nor the store can be read.
    """
    found = []
    for stage in _stages(deployed, step):
        pod = newest_pod(kubectl, stage)
        if pod:
            text: str | None = kubectl.text("logs", pod, f"--container={CONTAINER}")
        else:
            text = _stored_log(stage, open_store)
        if text is not None:
            found.append(StageLog(stage.name, stage.key, text))
    return found


def follow_log(kubectl: Kubectl, deployed: Deployed, step: str | None) -> int:
    """Print a stage's log until it ends; returns kubectl's exit code.

    Raises:
        PermanentError: no such stage is running.
    """
    for stage in _stages(deployed, step):
        if stage.state == "Running" and (pod := newest_pod(kubectl, stage)):
            return kubectl.stream("logs", pod, f"--container={CONTAINER}", "--follow")
    raise PermanentError(
        f"no stage of {deployed.name} {'named ' + step + ' ' if step else ''}is running now; kubectl nerd "
        f"status {deployed.name} shows how far they are",
        ExitCode.NO_INPUT,
    )


def newest_pod(kubectl: Kubectl, stage: StageStatus) -> str | None:
    """The name of the last pod of a stage's Job that has started; None if there is none."""
    if not stage.job:
        return None
    pods = kubectl.json("get", "pods", f"--selector={JOB_NAME}={stage.job}")["items"]
    started = [pod for pod in pods if pod["status"].get("phase") != "Pending"]
    newest = max(started, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)
    return str(newest["metadata"]["name"]) if newest else None


def _stages(deployed: Deployed, step: str | None) -> Sequence[StageStatus]:
    """A step's stage, all of a stage, or all."""
    stages = deployed.status.stages
    if step is None:
        return stages
    require_steps([step], [(stage_of(stage), stage.name) for stage in stages])
    return [stage for stage in stages if step in (stage.name, stage_of(stage).value)]


def _stored_log(stage: StageStatus, open_store: Callable[[], Store]) -> str | None:
    """The log in the store, of a result or of the last failed attempt."""
    if not stage.key or stage.state in ("Queued", "Waiting"):
        return None
    try:
        return read_log(open_store(), stage_of(stage), stage.key)
    except StageError as error:
        raise StageError(
            f"the pod of {stage.name} is gone, and its log cannot be read from the store: {error}", error.code
        ) from None
