"""The snapshot of one NerDeployment: everything that a decision depends on.

`observe` makes a `Snapshot` and `decide` reads it. It is plain data, so a
decision can be tested without a cluster.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ner_operator.api.v1alpha1 import NerDeployment, NerRuntimeSpec
from ner_operator.api.v1alpha1.runtime import BUILTIN_RUNTIMES
from ner_operator.api.v1alpha1.status import NerDeploymentStatus
from ner_operator.controllers.nerdeployment.termination_message import TerminationMessage


class JobPhase(StrEnum):
    """The state of a Job, as one word."""

    QUEUED = "Queued"
    """Suspended by a queue, or without a running pod."""
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    DELETING = "Deleting"


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """One of the deployment's Jobs, as far as a decision depends on it.

    Attributes:
        step: the step that it was created for, such as `compile/int8`.
        attempt: from 1.
        created, started, finished: seconds since the epoch.
        reason: of the Job's Failed condition (`PodFailurePolicy`, `BackoffLimitExceeded`), or why its pod
            does not start (`Suspended`, `Unschedulable`, `CreateContainerConfigError`,
            `ImagePullBackOff`, `FailedCreate`).
        message: the cluster's sentence for this reason.
        termination_message: of a finished Job's pod; None if there is none that can be parsed.
        exit_code: of the pod's container; None if unknown.
        pod_reason: why the last pod ended: its own reason (`Evicted`, `DeadlineExceeded`), else its
            container's (`OOMKilled`, `Error`); empty if there is no pod.
        pod_message: the cluster's sentence for this reason.
        spec_hash: the annotation nerd.dev/spec-hash, as it was ordered.
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
    message: str = ""
    termination_message: TerminationMessage | None = None
    exit_code: int | None = None
    pod_reason: str = ""
    pod_message: str = ""
    spec_hash: str = ""


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """What is the same for all deployments of the cluster: its runtimes, and the operator's options.

    Attributes:
        runtimes: the NerRuntimes of the cluster, by name.
        image: of stages whose runtime names none.
        versions: of the libraries in that image, by name; they are in the keys.
        isa: ISA class of the cluster's processors; it is in the keys of stages that run on a CPU.
        service_accounts: names that pods may use, besides `default`.
    """

    runtimes: Mapping[str, NerRuntimeSpec]
    image: str
    versions: Mapping[str, str] = field(default_factory=dict)
    isa: str = "x86_64"
    service_accounts: tuple[str, ...] = ()

    def runtime(self, name: str) -> NerRuntimeSpec:
        """A NerRuntime of the cluster, or a built-in one.

        Raises:
            KeyError: neither has this name.
        """
        return self.runtimes[name] if name in self.runtimes else BUILTIN_RUNTIMES[name]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a decision depends on.

    Attributes:
        deployment: as the server has it, without its status.
        jobs: those that it owns, in any state.
        listed: whether `jobs` is a list that the API server has just given, so that any other Job is gone.
            If it comes from a watch, a Job that is not in it may exist all the same.
        unreadable: why this release cannot read the spec; empty if it can. If it cannot, the deployment
            has only its metadata.
        refused: messages of the API server about Jobs that it refused to create just now, by Job name.
    """

    deployment: NerDeployment
    status: NerDeploymentStatus
    jobs: tuple[JobSnapshot, ...]
    settings: ClusterSettings
    listed: bool = True
    unreadable: str = ""
    refused: Mapping[str, str] = field(default_factory=dict)
