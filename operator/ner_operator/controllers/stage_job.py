"""The Job that runs one task: built from its owner, the pod settings and the task. Pure, for every kind.

What makes the pod safe is set here alone, and nobody can change it: no root,
no privileges, no API token, a read-only image, scratch space with a limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ner_jobs.task import TASK_ENVIRONMENT_VARIABLE, THREAD_VARIABLES, ExitCode, Task
from ner_operator.kube.objects import JOBS, Json, ObjectReference

CONTAINER = "stage"
"""Name of the pod's container."""

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"

SCRATCH = "/scratch"
SHARED_MEMORY = "/dev/shm"

USER = 65532
"""User and group of the processes in a pod. Any other number would do as well."""

ENDS_THE_JOB = tuple(sorted({*range(int(ExitCode.USAGE), 79), int(ExitCode.TERMINATED)}))
"""Exit codes after which the operator decides: the permanent ones of sysexits, 75 (retried after a wait) and
143 (continues from the checkpoint). Kubernetes retries after all others."""


@dataclass(frozen=True, slots=True)
class PodSettings:
    """How a stage's pod runs, as values of a manifest; None and empty leave a field to the API server.

    Attributes:
        env, volumes, volume_mounts: added to the stage's own; a later one replaces an earlier one of the
            same name or path.
        resources: requests, limits and claims of the container.
        credentials_secret: Secret whose keys become variables.
        labels, annotations: added to the pod's own.
    """

    image: str
    scratch_size: str
    shared_memory_size: str
    grace_period_seconds: int
    image_pull_policy: str | None = None
    image_pull_secrets: tuple[str, ...] = ()
    env: tuple[Json, ...] = ()
    volumes: tuple[Json, ...] = ()
    volume_mounts: tuple[Json, ...] = ()
    resources: Json = field(default_factory=dict)
    resource_claims: tuple[Json, ...] = ()
    credentials_secret: str | None = None
    service_account: str | None = None
    priority_class: str | None = None
    runtime_class: str | None = None
    deadline_seconds: int | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Json, ...] = ()
    affinity: Json | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


def job_manifest(
    *,
    name: str,
    owner: ObjectReference,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    retries: int,
    ttl_seconds: int,
    queue: str | None,
    pod_settings: PodSettings,
    task: Task,
) -> Json:
    """The Job as an object to create.

    Args:
        labels, annotations: of the Job and of its pods.
        retries: number of pods that may fail besides the first.
        ttl_seconds: time after which Kubernetes deletes the finished Job.
        queue: name of a Kueue queue.
    """
    spec: Json = {
        "backoffLimit": retries,
        "ttlSecondsAfterFinished": ttl_seconds,
        "podFailurePolicy": {
            "rules": [
                # A pod that the cluster removed has not failed, whatever its exit code.
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                {
                    "action": "FailJob",
                    "onExitCodes": {
                        "containerName": CONTAINER,
                        "operator": "In",
                        "values": list(ENDS_THE_JOB),
                    },
                },
            ]
        },
        "template": {
            "metadata": {
                "labels": {**pod_settings.labels, **labels},
                "annotations": {**pod_settings.annotations, **annotations},
            },
            "spec": _pod(pod_settings, task),
        },
    }
    if queue:
        # Kueue admits a Job by unsuspending it. Without Kueue the Job never starts.
        spec["suspend"] = True
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "metadata": {
            "name": name,
            "namespace": owner.namespace,
            "labels": {**labels, **({QUEUE_LABEL: queue} if queue else {})},
            "annotations": dict(annotations),
            "ownerReferences": [owner.owner_reference()],
        },
        "spec": spec,
    }


def _pod(settings: PodSettings, task: Task) -> Json:
    return _without_empty(
        {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": settings.grace_period_seconds,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "serviceAccountName": settings.service_account,
            "priorityClassName": settings.priority_class,
            "runtimeClassName": settings.runtime_class,
            "activeDeadlineSeconds": settings.deadline_seconds,
            "nodeSelector": dict(settings.node_selector),
            "tolerations": list(settings.tolerations),
            "affinity": settings.affinity,
            "imagePullSecrets": [{"name": name} for name in settings.image_pull_secrets],
            "volumes": _merged(
                "name",
                {"name": "scratch", "emptyDir": {"sizeLimit": settings.scratch_size}},
                {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": settings.shared_memory_size}},
                *settings.volumes,
            ),
            "containers": [_container(settings, task)],
            "resourceClaims": list(settings.resource_claims),
        }
    )


def _container(settings: PodSettings, task: Task) -> Json:
    secret = settings.credentials_secret
    return _without_empty(
        {
            "name": CONTAINER,
            "image": settings.image,
            "imagePullPolicy": settings.image_pull_policy,
            "command": ["python", "-m", "ner_jobs"],
            "env": _environment(settings, task),
            "envFrom": [{"secretRef": {"name": secret}}] if secret else [],
            "resources": settings.resources,
            "volumeMounts": _merged(
                "mountPath",
                {"name": "scratch", "mountPath": SCRATCH},
                {"name": "shm", "mountPath": SHARED_MEMORY},
                *settings.volume_mounts,
            ),
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
            },
        }
    )


def _environment(settings: PodSettings, task: Task) -> list[Json]:
    cpu_limit = {"containerName": CONTAINER, "resource": "limits.cpu", "divisor": "1"}
    variables: list[Json] = [
        {"name": TASK_ENVIRONMENT_VARIABLE, "value": task.model_dump_json(by_alias=True)},
        {"name": "HOME", "value": SCRATCH},
        {"name": "HF_HOME", "value": f"{SCRATCH}/huggingface"},
        {"name": "TMPDIR", "value": SCRATCH},
        *({"name": name, "valueFrom": {"resourceFieldRef": dict(cpu_limit)}} for name in THREAD_VARIABLES),
    ]
    return _merged("name", *variables, *settings.env)


def _merged(key: str, *items: Json) -> list[Json]:
    """The items, in which a later one replaces an earlier one with the same key."""
    return list({item[key]: item for item in items}.values())


def _without_empty(fields: Mapping[str, Any]) -> Json:
    return {name: value for name, value in fields.items() if value not in (None, {}, [])}
