"""What a Job's pods and Events tell: the last words, how the stage ended, and why it does not start. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ner_operator.controllers.nerdeployment import labels
from ner_operator.controllers.nerdeployment.termination_message import (
    TerminationMessage,
    read_termination_message,
)

Raw = Mapping[str, Any]

LONGEST_TROUBLE = 1024

WAITING_WELL = frozenset({"", "ContainerCreating", "PodInitializing"})
"""Reasons of a waiting container that are no trouble."""


@dataclass(frozen=True, slots=True)
class End:
    """How a pod ended.

    Attributes:
        words: of its stage; None where there are none that can be read.
        exit_code: of its stage; None where unknown.
        reason: the pod's own (`Evicted`), else its stage's (`OOMKilled`, `Error`).
        message: the same as a sentence.
    """

    words: TerminationMessage | None = None
    exit_code: int | None = None
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something does not start: the cluster's word for it, and its sentence."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A pod that does not run yet.

    Attributes:
        trouble: that its own status tells.
    """

    uid: str
    trouble: Trouble | None


def end_of(pods: Sequence[Raw], succeeded: bool) -> End:
    """How the last pod of a Job ended.

    Args:
        pods: all of one Job.
        succeeded: whether the Job did; then the pod that made it so speaks.
    """
    wanted = "Succeeded" if succeeded else "Failed"
    ended = [pod for pod in pods if _status(pod).get("phase") == wanted]
    if not ended:
        return End()
    pod = max(ended, key=lambda pod: (_terminated(pod).get("finishedAt") or "", _created(pod)))
    status, stage = _status(pod), _terminated(pod)
    if status.get("reason"):
        reason, message = status["reason"], status.get("message", "")
    elif stage.get("reason") == "OOMKilled":
        reason, message = "OOMKilled", _memory(pod)
    else:
        reason, message = stage.get("reason", ""), ""
    return End(
        read_termination_message(stage.get("message", "")), stage.get("exitCode"), reason, cut(message)
    )


def waiting(pods: Iterable[Raw]) -> dict[str, Waiting]:
    """The youngest pod of each Job, by the Job's UID.

    Args:
        pods: that are `Pending`, of many Jobs.
    """
    youngest: dict[str, tuple[str, Waiting]] = {}
    for pod in pods:
        meta = pod["metadata"]
        job, created = (meta.get("labels") or {}).get(labels.JOB_UID, ""), _created(pod)
        if job not in youngest or youngest[job][0] <= created:
            youngest[job] = created, Waiting(meta["uid"], hindrance(pod))
    return {job: pod for job, (_, pod) in youngest.items()}


def hindrance(pod: Raw) -> Trouble | None:
    """Why a pod does not start, by its own status; None where it says nothing."""
    status = _status(pod)
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return Trouble(condition.get("reason", "Unschedulable"), cut(condition.get("message", "")))
    for container in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        state = (container.get("state") or {}).get("waiting") or {}
        if state.get("reason", "") not in WAITING_WELL:
            return Trouble(state["reason"], cut(state.get("message", "")))
    return None


def warnings(events: Iterable[Raw]) -> dict[str, Trouble]:
    """The last warning about each object, by the object's UID.

    Args:
        events: of type Warning.
    """
    last: dict[str, tuple[str, Trouble]] = {}
    for event in events:
        uid = (event.get("involvedObject") or {}).get("uid", "")
        told = _told_at(event)
        if uid not in last or last[uid][0] <= told:
            last[uid] = (told, Trouble(event.get("reason", ""), cut(event.get("message", ""))))
    return {uid: trouble for uid, (_, trouble) in last.items()}


def cut(text: str) -> str:
    """What the cluster says, at a length that a status can hold."""
    return text if len(text) <= LONGEST_TROUBLE else text[: LONGEST_TROUBLE - 1] + "…"


def _status(pod: Raw) -> Raw:
    return pod.get("status") or {}


def _created(pod: Raw) -> str:
    return str(pod["metadata"]["creationTimestamp"])


def _told_at(event: Raw) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    # RFC 3339 in UTC: the text orders as the time does, to the second.
    return max((time for time in times if time), default="")


def _terminated(pod: Raw) -> Raw:
    for container in _status(pod).get("containerStatuses") or ():
        if container.get("name") == labels.CONTAINER:
            return (container.get("state") or {}).get("terminated") or {}
    return {}


def _memory(pod: Raw) -> str:
    for container in pod["spec"]["containers"]:
        if container["name"] == labels.CONTAINER:
            limit = ((container.get("resources") or {}).get("limits") or {}).get("memory")
            return f"its memory limit is {limit}" if limit else ""
    return ""
