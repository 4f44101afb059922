"""What is wrong with a stage, from what the cluster says of its Job: a reason, a sentence, and what follows.

The cluster speaks of pods and exit codes; a person wants to know what to
mend. This is the one place that knows both.
"""

import re
from dataclasses import dataclass
from enum import Enum

from ner_jobs.task import ExitCode
from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.controllers.nerdeployment.outcomes import exit_code_of, message_of
from ner_operator.controllers.nerdeployment.snapshot import JobSnapshot

_IMAGE = frozenset(
    {"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
)
_CONFIGURATION = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "FailedMount"}
)
_PERMANENT = frozenset(range(64, 79)) - {int(ExitCode.TRY_AGAIN)}


class Then(Enum):
    """What follows a failed attempt."""

    AGAIN = "again"
    """A new attempt, after a wait that grows."""
    NEVER = "never"
    """None, until a person changes something."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A reason, and a sentence that says what to do."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What a stage's pod was given, in the words of a manifest; empty where nothing bounds it."""

    memory: str = ""
    scratch: str = ""
    deadline: int | None = None
    device: str = ""


def why_failed(job: JobSnapshot, stage: str, limits: Limits) -> tuple[Trouble, Then]:
    """Why a Job failed, and whether it is tried again.

    Args:
        job: that failed.
        stage: name of its stage, as `spec.scheduling.stages` has it.
        limits: of its pod.
    """
    code, said = exit_code_of(job), message_of(job)
    if "DeadlineExceeded" in (job.pod_reason, job.reason):
        limit = f"{limits.deadline} seconds" if limits.deadline else "its deadline"
        return Trouble(
            Reason.DEADLINE_EXCEEDED,
            f"it ran longer than {limit}; raise spec.scheduling.deadlineSeconds, and it goes on from its "
            "last checkpoint",
        ), Then.NEVER
    if job.pod_reason == "OOMKilled":
        limit = f"its memory limit of {limits.memory}" if limits.memory else "the memory of its node"
        return Trouble(
            Reason.OUT_OF_MEMORY,
            f"it was killed for using more than {limit}; raise limits.memory in "
            f"spec.scheduling.stages.{stage}.resources (or that of its NerRuntime), or lower its batch size",
        ), Then.NEVER
    if job.pod_reason == "Evicted" and "exceed" in job.pod_message:
        return Trouble(
            Reason.SCRATCH_FULL,
            f"it was evicted: {job.pod_message.rstrip('. ')}; raise spec.scheduling.scratchSize"
            + (f" above {limits.scratch}" if limits.scratch else ""),
        ), Then.NEVER
    if code == ExitCode.TRY_AGAIN:
        reason = Reason.INPUT_NOT_FOUND if "has vanished" in said else Reason.RETRYING
        return Trouble(reason, said or "it ended with exit code 75 and said nothing"), Then.AGAIN
    if code == ExitCode.TERMINATED:
        return Trouble(
            Reason.INTERRUPTED, "it was stopped from outside and has saved its work; it goes on from there"
        ), Then.AGAIN
    if code in _PERMANENT:
        return Trouble(Reason.STAGE_FAILED, said or _silent(code)), Then.NEVER
    if code is None:
        return Trouble(
            Reason.JOB_NOT_FOUND,
            f"its pod is gone without a trace ({job.trouble or job.reason or 'no reason'})",
        ), Then.AGAIN
    return Trouble(
        Reason.RETRIES_EXHAUSTED,
        f"it failed as often as spec.scheduling.retries allows; the last time: {said or _silent(code)}",
    ), Then.NEVER


def why_waiting(job: JobSnapshot, limits: Limits, queue: str, secret: str) -> Trouble | None:
    """What keeps a Job's pod from running, where the cluster says so.

    Args:
        job: that is queued.
        limits: of its pod, with the resource name of its device.
        queue: name of the queue that it was put into, or empty.
        secret: name of the Secret with the store's credentials, or empty.
    """
    told = job.trouble.rstrip(". ")
    if job.reason == "Suspended":
        where = f"in queue {queue}" if queue else "as somebody suspended its Job"
        return Trouble(Reason.QUEUED, f"it waits {where}")
    if job.reason == "Unschedulable":
        if limits.device and limits.device in told:
            return Trouble(
                Reason.DEVICE_NOT_FREE,
                f"no node has a free {limits.device} ({told}); free one or add a node, or ask the platform "
                "team whether the device plugin runs and the NerRuntime names the right resource",
            )
        return Trouble(
            Reason.UNSCHEDULABLE,
            f"no node takes its pod ({told}); add nodes, or change what it asks for in spec.scheduling or in "
            "its NerRuntime",
        )
    if job.reason in _CONFIGURATION:
        if found := re.search(r'secrets? "([^"]+)"|secret (\S+) ', told, re.I):
            name = found[1] or found[2] or secret
            return Trouble(
                Reason.SECRET_NOT_FOUND,
                f"Secret {name} is not there or lacks a key ({told}); create it in this namespace, and it "
                "goes on by itself",
            )
        return Trouble(
            Reason.POD_NOT_CONFIGURED, f"its container cannot be made ({told}); create what it names"
        )
    if job.reason in _IMAGE:
        return Trouble(
            Reason.IMAGE_NOT_PULLED,
            f"its image cannot be pulled ({told or job.reason}); ask the platform team to correct the "
            "image or the pull secrets of its NerRuntime",
        )
    if job.reason == "FailedCreate":
        return why_refused(job)
    return None


def why_refused(job: JobSnapshot) -> Trouble:
    """Why the API server will not have a Job, or its pod."""
    told = job.trouble.rstrip(". ")
    return Trouble(
        Reason.POD_REFUSED,
        f"the API server refuses it ({told}); change what it names: a quota, a policy, a service account, a "
        "field of scheduling",
    )


def _silent(code: int | None) -> str:
    return f"exit code {code} and no word; see its log"
