"""What a Job's pods and Events tell: the last words, how the stage ended, and why it does not start. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ner_operator.cluster import labels
from ner_operator.planning.words import Words, read_words

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

    words: Words | None = None
    exit_code: int | None = None
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something does not start: the cluster's word for it, and its sentence."""

    reason: str
    message: str


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
    return End(read_words(stage.get("message", "")), stage.get("exitCode"), reason, cut(message))


def hindrance(pods: Sequence[Raw]) -> Trouble | None:
    """Why the youngest pod does not start, by its own status; None where it says nothing."""
    if not pods:
        return None
    status = _status(max(pods, key=_created))
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return Trouble(condition.get("reason", "Unschedulable"), cut(condition.get("message", "")))
    for container in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason", "") not in WAITING_WELL:
            return Trouble(waiting["reason"], cut(waiting.get("message", "")))
    return None


def preparing(pods: Sequence[Raw]) -> str:
    """UID of the youngest pod if it is neither running nor over; its Events may say why."""
    if not pods:
        return ""
    pod = max(pods, key=_created)
    return str(pod["metadata"]["uid"]) if _status(pod).get("phase") == "Pending" else ""


def cut(text: str) -> str:
    """What the cluster says, at a length that a status can hold."""
    return text if len(text) <= LONGEST_TROUBLE else text[: LONGEST_TROUBLE - 1] + "…"


def _status(pod: Raw) -> Raw:
    return pod.get("status") or {}


def _created(pod: Raw) -> str:
    return str(pod["metadata"]["creationTimestamp"])


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
