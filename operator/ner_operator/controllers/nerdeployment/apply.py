"""Apply a decision: create Jobs, delete Jobs, patch the status once, and record an Event.

The order makes a kill harmless at any point. A Job that was created before its
status was written is found by its name in the next reconcile. If only the
Event is missing, nothing else is lost. The status is patched only if the
object has the version that was observed. So a second operator, or a person
with an editor, costs another reconcile and nothing else.
"""

from dataclasses import dataclass

from ner_operator.controllers.nerdeployment.decision import Decision, JobOrder
from ner_operator.controllers.nerdeployment.job_records import JobRecord
from ner_operator.controllers.nerdeployment.jobs import DefaultImage, job_of, reference_to
from ner_operator.controllers.nerdeployment.observe import Observation
from ner_operator.controllers.nerdeployment.snapshot import JobSnapshot
from ner_operator.controllers.resources import NERDEPLOYMENTS
from ner_operator.kube.cache import Cache
from ner_operator.kube.client import Api, ApiError
from ner_operator.kube.events import EventRecorder
from ner_operator.kube.objects import JOBS, Json, ObjectReference
from ner_operator.kube.patch import merge_patch
from ner_operator.kube.reconciler import RetryError


class RefusedError(Exception):
    """The API server refuses a Job (a quota, a webhook, a field). A retry would be refused too.

    Attributes:
        order: of the Job.
        message: the server's message.
    """

    def __init__(self, order: JobOrder, message: str) -> None:
        super().__init__(message)
        self.order = order
        self.message = message


@dataclass(frozen=True, slots=True)
class Applier:
    """Writes decisions; safe for many threads.

    Attributes:
        default_image: of stages whose runtime names none.
    """

    api: Api
    jobs: Cache[JobRecord]
    events: EventRecorder
    default_image: DefaultImage

    def apply(self, observation: Observation, decision: Decision) -> str:
        """Write what was decided. Nothing is written if nothing changes.

        Returns:
            The object's `resourceVersion` after the writes.

        Raises:
            RefusedError: a Job cannot be created. The status is unchanged.
            RetryError: the name of a Job is taken. The status is unchanged.
            ApiError: the server did not answer, or the object has changed since it was observed.
        """
        deployment, version = reference_to(observation.snapshot.deployment), observation.version
        for job in decision.delete:
            self._delete(deployment.namespace, job)
        for order in decision.create:
            self._create(observation, deployment, order)
        if change := merge_patch(observation.written, decision.status.on_the_wire()):
            patch = {"metadata": {"resourceVersion": version}, "status": change}
            stored = self.api.patch_status(NERDEPLOYMENTS, deployment.namespace, deployment.name, patch)
            version = stored["metadata"]["resourceVersion"]
        for event in decision.events:
            self.events.record(deployment, event.type, event.reason, event.message)
        return version

    def _delete(self, namespace: str, job: JobSnapshot) -> None:
        try:
            left = self.api.delete(JOBS, namespace, job.name, job.uid)
        except ApiError as error:
            # 409: a new Job has this name, so this one is gone; or the server could not delete it now.
            if not error.not_found and not (error.conflict and self._is_gone(namespace, job)):
                raise
            left = {}
        record = JobRecord.of(left) if left.get("kind") == "Job" else None
        if record and left["metadata"].get("deletionTimestamp"):
            self.jobs.put(record)
        else:
            self.jobs.remove((namespace, job.name), job.uid)

    def _is_gone(self, namespace: str, job: JobSnapshot) -> bool:
        try:
            return bool(self.api.get(JOBS, namespace, job.name)["metadata"]["uid"] != job.uid)
        except ApiError as error:
            if error.not_found:
                return True
            raise

    def _create(self, observation: Observation, deployment: ObjectReference, order: JobOrder) -> None:
        snapshot = observation.snapshot
        runtime = snapshot.settings.runtime(order.runtime)
        manifest = job_of(order, snapshot.deployment, runtime, self.default_image)
        try:
            job = self.api.create(JOBS, deployment.namespace, manifest)
        except ApiError as error:
            if error.already_exists:
                job = self._adopt(deployment, order)
            elif error.refused:
                raise RefusedError(order, str(error)) from error
            else:
                raise
        if record := JobRecord.of(job):
            self.jobs.put(record)

    def _adopt(self, deployment: ObjectReference, order: JobOrder) -> Json:
        """The existing Job of the order's name, if it is the one that was ordered.

        Raises:
            RetryError: it is not.
        """
        job = self.api.get(JOBS, deployment.namespace, order.name)
        record = JobRecord.of(job)
        if job["metadata"].get("deletionTimestamp"):
            raise RetryError(f"Job {deployment.namespace}/{order.name} is being deleted")
        if record is None or record.owner_uid != deployment.uid or record.key != order.task.key:
            raise RetryError(f"Job {deployment.namespace}/{order.name} exists and is not ours: delete it")
        return job
