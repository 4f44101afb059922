"""The logs of a deployment's stages in the cluster."""

from collections.abc import Sequence
from dataclasses import dataclass

from ner_jobs.task import ExitCode, PermanentError, StageError
from ner_operator.api.v1alpha1.status import StageStatus
from ner_operator.cli.cluster.kubectl import Kubectl
from ner_operator.cli.cluster.reading import Deployed, stage_of
from ner_operator.cli.cluster.results import store_of, stored_log
from ner_operator.controllers.nerdeployment.labels import CONTAINER

JOB_NAME = "batch.kubernetes.io/job-name"


@dataclass(frozen=True, slots=True)
class StageLog:
    """What a stage said."""

    step: str
    key: str
    log: str


def logs_of(
    kubectl: Kubectl, deployed: Deployed, step: str | None, storage: str | None, endpoint: str | None
) -> Sequence[StageLog]:
    """The logs of stages that have run: of the newest pod of the last attempt, else from the store.

    Args:
        kubectl: the cluster.
        deployed: the deployment.
        step: a stage or step; None is all.
        storage: of the store, where it is not the spec's for this machine.
        endpoint: the same of its server.

    Raises:
        StageError: there is no such stage, or neither the cluster nor the store can be read.
    """
    found = []
    for stage in named(deployed, step):
        pod = newest_pod(kubectl, stage)
        if pod:
            text: str | None = kubectl.text("logs", pod, f"--container={CONTAINER}")
        else:
            text = _from_store(deployed, stage, storage, endpoint)
        if text is not None:
            found.append(StageLog(stage.name, stage.key, text))
    return found


def follow_log(kubectl: Kubectl, deployed: Deployed, step: str | None) -> int:
    """Print a stage's log until it ends; returns kubectl's exit code.

    Raises:
        PermanentError: none is running.
    """
    for stage in named(deployed, step):
        if stage.state == "Running" and (pod := newest_pod(kubectl, stage)):
            return kubectl.pass_on("logs", pod, f"--container={CONTAINER}", "--follow")
    raise PermanentError(
        f"no stage of {deployed.name} {'named ' + step + ' ' if step else ''}is running now; kubectl nerd "
        f"status {deployed.name} shows how far they are",
        ExitCode.NO_INPUT,
    )


def named(deployed: Deployed, step: str | None) -> Sequence[StageStatus]:
    """The stages that a name means: a step's, or all of a stage.

    Raises:
        PermanentError: there is none.
    """
    stages = deployed.status.stages
    if step is None:
        return stages
    found = [stage for stage in stages if step in (stage.name, stage_of(stage).value)]
    if not found:
        there = ", ".join(stage.name for stage in stages) or "none yet"
        raise PermanentError(f"there is no stage or step {step}; there are {there}", ExitCode.USAGE)
    return found


def newest_pod(kubectl: Kubectl, stage: StageStatus) -> str | None:
    """The last pod that a stage's Job has started, by name; None where it is gone, or never started."""
    if not stage.job:
        return None
    pods = kubectl.json("get", "pods", f"--selector={JOB_NAME}={stage.job}")["items"]
    started = [pod for pod in pods if pod["status"].get("phase") != "Pending"]
    newest = max(started, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)
    return str(newest["metadata"]["name"]) if newest else None


def _from_store(
    deployed: Deployed, stage: StageStatus, storage: str | None, endpoint: str | None
) -> str | None:
    if not stage.key or stage.state in ("Queued", "Waiting"):
        return None
    try:
        return stored_log(store_of(deployed, storage, endpoint), stage)
    except StageError as error:
        raise StageError(
            f"the pod of {stage.name} is gone, and its log cannot be read from the store: {error}", error.code
        ) from None
