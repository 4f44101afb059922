"""What the operator sees of one NerDeployment, and what it decides: the words between looking and acting.

`cluster.observe` fills a `Seen` in, `planning.decide` makes a `Decision` of
it, `cluster.apply` carries that out. All three can be read and tested alone;
the clock comes in as a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ner_jobs.task import Task
from ner_operator.api import NerDeployment, NerRuntimeSpec
from ner_operator.api.status import NerDeploymentStatus
from ner_operator.planning.words import Words


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
class SeenJob:
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
        basis: the annotation nerd.dev/basis, as the Job's order said it.
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
    words: Words | None = None
    exit_code: int | None = None
    pod_reason: str = ""
    pod_message: str = ""
    basis: str = ""


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
class Seen:
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
    jobs: tuple[SeenJob, ...]
    surroundings: Surroundings
    listed: bool = True
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class JobOrder:
    """A Job to create; `cluster.manifests` makes an object of it.

    Attributes:
        step: `compile/int8`.
        runtime: name of the step's NerRuntime.
        on_device: whether it asks for the runtime's accelerator.
        basis: what it is made from besides its key, as a short digest; an annotation of the Job.
    """

    name: str
    step: str
    attempt: int
    task: Task
    runtime: str
    on_device: bool
    basis: str


@dataclass(frozen=True, slots=True)
class Told:
    """An Event for people."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now: each list may be empty, and `status` may be what it was.

    Attributes:
        create: in order.
        delete: Jobs to delete (with their pods), as they were seen.
        status: the whole of it, as it shall be once the Jobs are made.
        told: at most one, since each is a write.
        look_again: seconds after which something may have changed without an event; None for never.
        doubt: a Job that should be there was not seen: look at once with the API server's list.
    """

    create: tuple[JobOrder, ...]
    delete: tuple[SeenJob, ...]
    status: NerDeploymentStatus
    told: tuple[Told, ...] = ()
    look_again: float | None = None
    doubt: bool = False


__all__ = [
    "Decision",
    "JobOrder",
    "JobPhase",
    "Seen",
    "SeenJob",
    "Surroundings",
    "Told",
    "Words",
]
