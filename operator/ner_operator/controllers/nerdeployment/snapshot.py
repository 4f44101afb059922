"""What the controller sees of one NerDeployment: everything that a decision rests on.

`observe` fills a `Snapshot` in and `decide` reads it. It is plain data, so a
decision can be tested without a cluster.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ner_operator.api.v1alpha1 import NerDeployment, NerRuntimeSpec
from ner_operator.api.v1alpha1.status import NerDeploymentStatus
from ner_operator.controllers.nerdeployment.termination_message import TerminationMessage


class JobPhase(StrEnum):
    """How far a Job is, in one word."""

    QUEUED = "Queued"
    """Suspended by a queue, or without a pod that runs."""
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    DELETING = "Deleting"
    REFUSED = "Refused"
    """It is there in name only: the API server would not have it."""


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """One of the deployment's Jobs, as far as a decision rests on it.

    Attributes:
        step: `compile/int8`: the step that it was made for.
        attempt: from 1.
        created, started, finished: seconds since the epoch.
        reason: of the Job's Failed condition (`PodFailurePolicy`, `BackoffLimitExceeded`), or what keeps
            its pod from starting (`Suspended`, `Unschedulable`, `CreateContainerConfigError`,
            `ImagePullBackOff`, `FailedCreate`).
        trouble: the same as a sentence of the cluster's own.
        words: of a finished Job's pod; None where there are none, or none that can be read.
        exit_code: of the pod's container; None where unknown.
        pod_reason: why the last pod ended: its own reason (`Evicted`, `DeadlineExceeded`), else its
            container's (`OOMKilled`, `Error`); empty where there is no pod.
        pod_message: the same as a sentence.
        spec_hash: the annotation nerd.dev/spec-hash, as the Job's order said it.
    """

    name: str
    uid: str
    step: str
    key: str
    attempt: int
    phase: JobPhase
    created: float
    started: float | None = None
    finished: float | None = None
    reason: str = ""
    trouble: str = ""
    words: TerminationMessage | None = None
    exit_code: int | None = None
    pod_reason: str = ""
    pod_message: str = ""
    spec_hash: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What does not belong to the deployment, and decides all the same.

    Attributes:
        runtimes: the NerRuntimes of the cluster, by name.
        image: of the stages whose runtime names none.
        versions: of the libraries in that image, by name; they are in the keys.
        isa: the class of the cluster's processors, in the keys of what runs on CPU.
        service_accounts: names that pods may run under, besides `default`.
    """

    runtimes: Mapping[str, NerRuntimeSpec]
    image: str
    versions: Mapping[str, str] = field(default_factory=dict)
    isa: str = "x86_64"
    service_accounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a decision rests on.

    Attributes:
        deployment: as the server has it, its status included.
        jobs: those that it owns, whatever their state.
        listed: whether `jobs` is the API server's own list of this moment, so that a Job that is not in
            it is gone. Where it comes from a watch, absence proves nothing.
        unreadable: why the spec means nothing to this release; empty where it does. The deployment has a
            name then, and nothing else may be asked of it.
    """

    deployment: NerDeployment
    status: NerDeploymentStatus
    jobs: tuple[JobSnapshot, ...]
    surroundings: Surroundings
    listed: bool = True
    unreadable: str = ""
