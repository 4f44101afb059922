"""What the controller does about one NerDeployment: `decide` makes a decision, `apply` carries it out."""

from dataclasses import dataclass

from ner_jobs.task import Task
from ner_operator.api.v1alpha1.status import NerDeploymentStatus
from ner_operator.controllers.nerdeployment.snapshot import JobSnapshot


@dataclass(frozen=True, slots=True)
class JobOrder:
    """A Job to create; `jobs.job_manifest` makes the object.

    Attributes:
        step: such as `compile/int8`.
        runtime: name of the step's NerRuntime.
        uses_accelerator: whether its pod requests the runtime's accelerator.
        spec_hash: a short digest of what it is made from besides its key; an annotation of the Job.
    """

    name: str
    step: str
    attempt: int
    task: Task
    runtime: str
    uses_accelerator: bool
    spec_hash: str

    @property
    def key(self) -> str:
        """Names the result that the Job works on."""
        return self.task.key


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event for people."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now. If nothing is to be done, `status` equals the one in the snapshot.

    Attributes:
        status: complete, as it will be once the Jobs exist.
        create: Jobs to create, in this order.
        delete: Jobs to delete with their pods.
        events: at most one, since each is a write.
        requeue_after: seconds until something may have changed without a watch event; None for never.
        verify_with_list: a Job that should exist is not in the snapshot. List the Jobs from the API
            server and decide again; do not carry this decision out.
    """

    status: NerDeploymentStatus
    create: tuple[JobOrder, ...] = ()
    delete: tuple[JobSnapshot, ...] = ()
    events: tuple[Event, ...] = ()
    requeue_after: float | None = None
    verify_with_list: bool = False
