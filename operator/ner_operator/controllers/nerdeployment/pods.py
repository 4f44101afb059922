"""What a Job's pods and Events say: how the stage ended, and why a pod does not start. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ner_operator.controllers.nerdeployment import labels
from ner_operator.controllers.nerdeployment.termination_message import (
    TerminationMessage,
    read_termination_message,
)
from ner_operator.controllers.stage_job import CONTAINER

Raw = Mapping[str, Any]

LONGEST_MESSAGE = 1024

STARTING = frozenset({"", "ContainerCreating", "PodInitializing"})
"""Reasons of a waiting container that are no problem."""


@dataclass(frozen=True, slots=True)
class PodEnd:
    """How a pod ended.

    Attributes:
        termination_message: None if there is none that can be read.
        exit_code: of the stage's container; None if unknown.
        reason: the pod's own (`Evicted`), else its container's (`OOMKilled`, `Error`).
        message: the same as a sentence.
    """

    termination_message: TerminationMessage | None = None
    exit_code: int | None = None
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class WaitReason:
    """Why something does not start: the cluster's reason and message."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class WaitingPod:
    """A pod that does not run yet.

    Attributes:
        why: from its own status; None if the status does not say.
    """

    uid: str
    why: WaitReason | None


def end_of(pods: Sequence[Raw], succeeded: bool) -> PodEnd:
    """How the last pod of a Job ended.

    Args:
        pods: all pods of one Job.
        succeeded: whether the Job did. Then only a pod that succeeded counts.
    """
    phase = "Succeeded" if succeeded else "Failed"
    ended = [pod for pod in pods if _status(pod).get("phase") == phase]
    if not ended:
        return PodEnd()
    pod = max(ended, key=lambda pod: (_terminated(pod).get("finishedAt") or "", _created(pod)))
    status, container = _status(pod), _terminated(pod)
    if status.get("reason"):
        reason, message = status["reason"], status.get("message", "")
    elif container.get("reason") == "OOMKilled":
        reason, message = "OOMKilled", _memory_limit(pod)
    else:
        reason, message = container.get("reason", ""), ""
    return PodEnd(
        read_termination_message(container.get("message", "")),
        container.get("exitCode"),
        reason,
        truncated(message),
    )


def waiting_pods(pods: Iterable[Raw]) -> dict[str, WaitingPod]:
    """The youngest pod of each Job, by the Job's UID.

    Args:
        pods: in phase `Pending`, of many Jobs.
    """
    youngest: dict[str, tuple[str, WaitingPod]] = {}
    for pod in pods:
        meta = pod["metadata"]
        job, created = (meta.get("labels") or {}).get(labels.JOB_UID, ""), _created(pod)
        if job not in youngest or youngest[job][0] <= created:
            youngest[job] = created, WaitingPod(meta["uid"], wait_reason(pod))
    return {job: pod for job, (_, pod) in youngest.items()}


def wait_reason(pod: Raw) -> WaitReason | None:
    """Why a pod does not start, from its own status; None if the status does not say."""
    status = _status(pod)
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return WaitReason(
                condition.get("reason", "Unschedulable"), truncated(condition.get("message", ""))
            )
    for container in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        state = (container.get("state") or {}).get("waiting") or {}
        if state.get("reason", "") not in STARTING:
            return WaitReason(state["reason"], truncated(state.get("message", "")))
    return None


def warnings(events: Iterable[Raw]) -> dict[str, WaitReason]:
    """The last warning about each object, by the object's UID.

    Args:
        events: of type Warning.
    """
    last: dict[str, tuple[str, WaitReason]] = {}
    for event in events:
        uid = (event.get("involvedObject") or {}).get("uid", "")
        time = _last_time(event)
        if uid not in last or last[uid][0] <= time:
            last[uid] = (time, WaitReason(event.get("reason", ""), truncated(event.get("message", ""))))
    return {uid: warning for uid, (_, warning) in last.items()}


def truncated(text: str) -> str:
    """A message of the cluster, short enough for a status."""
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"


def _status(pod: Raw) -> Raw:
    return pod.get("status") or {}


def _created(pod: Raw) -> str:
    return str(pod["metadata"]["creationTimestamp"])


def _last_time(event: Raw) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    # RFC 3339 in UTC: the text orders as the time does, to the second.
    return max((time for time in times if time), default="")


def _terminated(pod: Raw) -> Raw:
    for container in _status(pod).get("containerStatuses") or ():
        if container.get("name") == CONTAINER:
            return (container.get("state") or {}).get("terminated") or {}
    return {}


def _memory_limit(pod: Raw) -> str:
    for container in pod["spec"]["containers"]:
        if container["name"] == CONTAINER:
            limit = ((container.get("resources") or {}).get("limits") or {}).get("memory")
            return f"its memory limit is {limit}" if limit else ""
    return ""
