"""What the controller decides about one NerDeployment: `decide` makes it, `apply` carries it out."""

from dataclasses import dataclass

from ner_jobs.task import Task
from ner_operator.api.v1alpha1.status import NerDeploymentStatus
from ner_operator.controllers.nerdeployment.snapshot import JobSnapshot


@dataclass(frozen=True, slots=True)
class JobOrder:
    """A Job to create; `cluster.manifests` makes an object of it.

    Attributes:
        step: `compile/int8`.
        runtime: name of the step's NerRuntime.
        on_device: whether it asks for the runtime's accelerator.
        spec_hash: what it is made from besides its key, as a short digest; an annotation of the Job.
    """

    name: str
    step: str
    attempt: int
    task: Task
    runtime: str
    on_device: bool
    spec_hash: str


@dataclass(frozen=True, slots=True)
class Event:
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
    delete: tuple[JobSnapshot, ...]
    status: NerDeploymentStatus
    told: tuple[Event, ...] = ()
    look_again: float | None = None
    doubt: bool = False
