"""Diagnosis: what is wrong with a stage, from what the cluster says about its Job and its pod.

The cluster speaks of pods and exit codes. A person needs to know what to
change. This module translates the one into the other.
"""

import re
from dataclasses import dataclass

from ner_jobs.task import ExitCode
from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.controllers.nerdeployment.outcomes import exit_code_of, message_of
from ner_operator.controllers.nerdeployment.snapshot import JobSnapshot
from ner_operator.controllers.nerdeployment.stage_settings import Limits

_IMAGE = frozenset(
    {"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
)
_CONFIGURATION = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "FailedMount"}
)
_PERMANENT = frozenset(range(64, 79)) - {int(ExitCode.TRY_AGAIN)}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A reason, and a message that says what to do.

    Attributes:
        permanent: whether another attempt would fail in the same way until a person changes something.
    """

    reason: Reason
    message: str
    permanent: bool = False


def diagnose_failure(job: JobSnapshot, stage: str, limits: Limits) -> Diagnosis:
    """Why a Job failed.

    Args:
        job: the failed Job.
        stage: name of its stage, as in `spec.scheduling.stages`.
        limits: of its pod.
    """
    code, message = exit_code_of(job), message_of(job)
    if "DeadlineExceeded" in (job.pod_reason, job.reason):
        limit = f"{limits.deadline} seconds" if limits.deadline else "its deadline"
        return Diagnosis(
            Reason.DEADLINE_EXCEEDED,
            f"it ran longer than {limit}; raise spec.scheduling.deadlineSeconds to continue from its last "
            "checkpoint",
            permanent=True,
        )
    if job.pod_reason == "OOMKilled":
        limit = f"its memory limit of {limits.memory}" if limits.memory else "the memory of its node"
        return Diagnosis(
            Reason.OUT_OF_MEMORY,
            f"it was killed because it used more than {limit}; raise limits.memory in "
            f"spec.scheduling.stages.{stage}.resources (or in its NerRuntime), or lower its batch size",
            permanent=True,
        )
    if job.pod_reason == "Evicted" and "exceed" in job.pod_message:
        return Diagnosis(
            Reason.SCRATCH_FULL,
            f"it was evicted: {job.pod_message.rstrip('. ')}; raise spec.scheduling.scratchSize"
            + (f" above {limits.scratch}" if limits.scratch else ""),
            permanent=True,
        )
    if code == ExitCode.TRY_AGAIN:
        reason = Reason.INPUT_NOT_FOUND if "has vanished" in message else Reason.RETRYING
        return Diagnosis(reason, message or _without_message(code))
    if code == ExitCode.TERMINATED:
        return Diagnosis(
            Reason.INTERRUPTED,
            "it was stopped from outside and has saved its work; a new attempt resumes from there",
        )
    if code in _PERMANENT:
        return Diagnosis(Reason.STAGE_FAILED, message or _without_message(code), permanent=True)
    if code is None:
        return Diagnosis(
            Reason.JOB_NOT_FOUND,
            f"its pod is gone, and its exit code is unknown ({job.message or job.reason or 'no reason'})",
        )
    return Diagnosis(
        Reason.RETRIES_EXHAUSTED,
        "it failed as often as spec.scheduling.retries allows; the last time: "
        + (message or _without_message(code)),
        permanent=True,
    )


def diagnose_waiting(job: JobSnapshot, limits: Limits, queue: str, secret: str) -> Diagnosis | None:
    """Why a Job's pod does not start; None if the cluster gives no reason.

    Args:
        job: the queued Job.
        limits: of its pod.
        queue: name of its queue, or empty.
        secret: name of the Secret with the store's credentials, or empty.
    """
    said = job.message.rstrip(". ")
    if job.reason == "Suspended":
        return Diagnosis(
            Reason.QUEUED, f"it waits in queue {queue}" if queue else "somebody has suspended its Job"
        )
    if job.reason == "Unschedulable":
        if limits.device and limits.device in said:
            return Diagnosis(
                Reason.DEVICE_NOT_FREE,
                f"no node has a free {limits.device} ({said}); free one or add a node, or ask the platform "
                "team whether the device plugin runs and the NerRuntime names the right resource",
            )
        return Diagnosis(
            Reason.UNSCHEDULABLE,
            f"no node takes its pod ({said}); add nodes, or change what the pod requests in spec.scheduling "
            "or in its NerRuntime",
        )
    if job.reason in _CONFIGURATION:
        if found := re.search(r'secrets? "([^"]+)"|secret (\S+) ', said, re.I):
            name = found[1] or found[2] or secret
            return Diagnosis(
                Reason.SECRET_NOT_FOUND,
                f"Secret {name} does not exist or lacks a key ({said}); create it in this namespace, and the "
                "stage continues by itself",
            )
        return Diagnosis(
            Reason.POD_NOT_CONFIGURED, f"its container cannot be created ({said}); create what it names"
        )
    if job.reason in _IMAGE:
        return Diagnosis(
            Reason.IMAGE_NOT_PULLED,
            f"its image cannot be pulled ({said or job.reason}); ask the platform team to correct the "
            "image or the pull secrets of its NerRuntime",
        )
    if job.reason == "FailedCreate":
        return diagnose_refusal(said)
    return None


def diagnose_refusal(message: str) -> Diagnosis:
    """Why the API server refuses a Job, or its pod.

    Args:
        message: the API server's.
    """
    return Diagnosis(
        Reason.POD_REFUSED,
        f"the API server refuses its Job or pod ({message.rstrip('. ')}); change what this names: a quota, a "
        "policy, a service account, a field of spec.scheduling",
    )


def _without_message(code: int | None) -> str:
    return f"exit code {code} without a message; see its log"
