"""The Job of one attempt: built from an order, a runtime and the spec, and from nothing else.

Pure, so that each manifest can be compared with a file. What people and
platform teams add is merged in here: containers, volumes and variables by
name, mounts by path, the spec's word over the runtime's. What keeps the pod
harmless is set last and by nobody else: no root, no privileges, no token of
the API server, a read-only image, writable folders with an end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ner_jobs.task import TASK_ENVIRONMENT_VARIABLE, THREAD_VARIABLES, ExitCode
from ner_operator.api.v1alpha1 import NerDeployment, NerRuntimeSpec
from ner_operator.api.v1alpha1.pod_settings import StageContainer, TemplateMetadata, TemplatePod
from ner_operator.api.v1alpha1.version import API_VERSION
from ner_operator.controllers.nerdeployment import labels
from ner_operator.controllers.nerdeployment.decision import JobOrder
from ner_operator.controllers.nerdeployment.stage_settings import deadline_of, resources_of

Manifest = dict[str, Any]

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"

SCRATCH = "/scratch"
SHARED_MEMORY = "/dev/shm"

USER = 65532
"""Of the processes in a pod; the images know it, and any other would do as well."""

ENDS_THE_JOB = tuple(sorted({*range(int(ExitCode.USAGE), 79), int(ExitCode.TERMINATED)}))
"""Exit codes after which the operator decides: the permanent ones of sysexits, 75, which it tries again
when it is time, and 143, after which it goes on from the checkpoint. All others count as retries."""


@dataclass(frozen=True, slots=True)
class JobSettings:
    """What the operator was started with.

    Attributes:
        image: of the stages whose runtime names none.
        pull_policy: for it; empty leaves it to the API server.
        pull_secrets: names of Secrets for it, in the deployments' namespaces.
    """

    image: str
    pull_policy: str = ""
    pull_secrets: tuple[str, ...] = ()


def job_manifest(
    order: JobOrder, deployment: NerDeployment, runtime: NerRuntimeSpec, settings: JobSettings
) -> Manifest:
    """The Job object of an order, as JSON values.

    Args:
        order: of `planning.decide`.
        deployment: its owner.
        runtime: the order's.
        settings: of the operator.
    """
    scheduling = deployment.spec.scheduling
    name, uid = deployment.metadata.name, deployment.metadata.uid or ""
    marks = _labels(order, uid)
    spec: Manifest = {
        "backoffLimit": scheduling.retries,
        "ttlSecondsAfterFinished": scheduling.ttl_seconds_after_finished,
        "podFailurePolicy": {
            "rules": [
                # A pod that the cluster took away has not failed, whatever its exit code.
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                {
                    "action": "FailJob",
                    "onExitCodes": {
                        "containerName": labels.CONTAINER,
                        "operator": "In",
                        "values": list(ENDS_THE_JOB),
                    },
                },
            ]
        },
        "template": {
            "metadata": _template_metadata(order, deployment, marks),
            "spec": _pod(order, deployment, runtime, settings),
        },
    }
    queue: dict[str, str] = {}
    if scheduling.queue_name:
        # Kueue admits a Job by unsuspending it; without Kueue nothing starts past the queue.
        queue = {QUEUE_LABEL: scheduling.queue_name}
        spec["suspend"] = True
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": order.name,
            "namespace": deployment.metadata.namespace,
            "labels": {**marks, **queue},
            "annotations": _annotations(order, deployment),
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": "NerDeployment",
                    "name": name,
                    "uid": uid,
                    "controller": True,
                    # True would need a right on the owner's finalizers, and there are none.
                    "blockOwnerDeletion": False,
                }
            ],
        },
        "spec": spec,
    }


def _labels(order: JobOrder, uid: str) -> dict[str, str]:
    marks = {
        labels.MANAGED_BY: labels.MANAGER,
        labels.OWNER_UID: uid,
        labels.STAGE: order.task.stage.value,
    }
    return marks | ({labels.VARIANT: order.task.variant} if order.task.variant else {})


def _annotations(order: JobOrder, deployment: NerDeployment) -> dict[str, str]:
    return {
        labels.DEPLOYMENT: deployment.metadata.name,
        labels.STEP: order.step,
        labels.KEY: order.task.key,
        labels.ATTEMPT: str(order.attempt),
        labels.SPEC_HASH: order.spec_hash,
    }


def _template_metadata(order: JobOrder, deployment: NerDeployment, marks: Mapping[str, str]) -> Manifest:
    template = deployment.spec.scheduling.pod_template
    added = (template.metadata if template else None) or TemplateMetadata()
    return {
        "labels": {**added.labels, **marks},
        "annotations": {**added.annotations, **_annotations(order, deployment)},
    }


def _pod(
    order: JobOrder, deployment: NerDeployment, runtime: NerRuntimeSpec, settings: JobSettings
) -> Manifest:
    scheduling = deployment.spec.scheduling
    added = (scheduling.pod_template.spec if scheduling.pod_template else None) or TemplatePod()
    tolerations = [each.written() for each in (*runtime.tolerations, *added.tolerations)]
    pod: Manifest = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": scheduling.grace_period_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "serviceAccountName": scheduling.service_account_name,
        "priorityClassName": scheduling.priority_class_name,
        "runtimeClassName": runtime.runtime_class_name,
        "activeDeadlineSeconds": deadline_of(deployment, order.task.stage),
        "nodeSelector": {**runtime.node_selector, **added.node_selector},
        "tolerations": [each for at, each in enumerate(tolerations) if each not in tolerations[:at]],
        "affinity": added.affinity,
        "imagePullSecrets": _pull_secrets(runtime, added, settings),
        "volumes": _volumes(deployment, added),
        "containers": [_container(order, deployment, runtime, settings, added)],
    }
    if order.on_device and runtime.accelerator:
        pod["resourceClaims"] = [each.written() for each in runtime.accelerator.resource_claims]
    return {name: value for name, value in pod.items() if value not in (None, {}, [])}


def _container(
    order: JobOrder,
    deployment: NerDeployment,
    runtime: NerRuntimeSpec,
    settings: JobSettings,
    added: TemplatePod,
) -> Manifest:
    own = next(iter(added.containers), StageContainer(name="stage"))
    secret = deployment.spec.storage.credentials_secret
    container: Manifest = {
        "name": labels.CONTAINER,
        "image": runtime.image or settings.image,
        "imagePullPolicy": runtime.image_pull_policy if runtime.image else settings.pull_policy or None,
        "command": ["python", "-m", "ner_jobs"],
        "env": _environment(order, runtime, own),
        "envFrom": [{"secretRef": {"name": secret}}] if secret else [],
        "resources": _resources(order, deployment, runtime),
        "volumeMounts": _mounts(own),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
        },
    }
    return {name: value for name, value in container.items() if value not in (None, {}, [])}


def _environment(order: JobOrder, runtime: NerRuntimeSpec, own: StageContainer) -> list[Manifest]:
    variables: list[Manifest] = [
        {"name": TASK_ENVIRONMENT_VARIABLE, "value": order.task.model_dump_json(by_alias=True)},
        {"name": "HOME", "value": SCRATCH},
        {"name": "HF_HOME", "value": f"{SCRATCH}/huggingface"},
        {"name": "TMPDIR", "value": SCRATCH},
        *(
            {
                "name": name,
                "valueFrom": {
                    "resourceFieldRef": {
                        "containerName": labels.CONTAINER,
                        "resource": "limits.cpu",
                        "divisor": "1",
                    }
                },
            }
            for name in THREAD_VARIABLES
        ),
        *(each.written() for each in runtime.env),
        *(each.written() for each in own.env),
    ]
    return _merged(variables, "name")


def _resources(order: JobOrder, deployment: NerDeployment, runtime: NerRuntimeSpec) -> Manifest:
    asked = resources_of(deployment, order.task.stage, runtime)
    requests, limits = dict(asked.requests), dict(asked.limits)
    resources: Manifest = {"requests": requests, "limits": limits}
    if order.on_device and runtime.accelerator:
        accelerator = runtime.accelerator
        if accelerator.resource_claims:
            resources["claims"] = [{"name": each.name} for each in accelerator.resource_claims]
        else:
            # An extended resource is asked for by its limit; a request must be equal.
            limits[accelerator.resource_name] = str(accelerator.count)
            requests[accelerator.resource_name] = str(accelerator.count)
    return {name: value for name, value in resources.items() if value}


def _mounts(own: StageContainer) -> list[Manifest]:
    mounts: list[Manifest] = [
        {"name": "scratch", "mountPath": SCRATCH},
        {"name": "shm", "mountPath": SHARED_MEMORY},
        *(each.written() for each in own.volume_mounts),
    ]
    return _merged(mounts, "mountPath")


def _volumes(deployment: NerDeployment, added: TemplatePod) -> list[Manifest]:
    scheduling = deployment.spec.scheduling
    volumes: list[Manifest] = [
        {"name": "scratch", "emptyDir": {"sizeLimit": scheduling.scratch_size}},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": scheduling.shared_memory_size}},
        *(each.written() for each in added.volumes),
    ]
    return _merged(volumes, "name")


def _pull_secrets(runtime: NerRuntimeSpec, added: TemplatePod, settings: JobSettings) -> list[Manifest]:
    names = [
        *(() if runtime.image else settings.pull_secrets),
        *(each.name for each in (*runtime.image_pull_secrets, *added.image_pull_secrets)),
    ]
    return [{"name": name} for name in dict.fromkeys(names)]


def _merged(items: list[Manifest], key: str) -> list[Manifest]:
    """The items, of which a later one takes the place of an earlier one with the same key."""
    return list({item[key]: item for item in items}.values())
