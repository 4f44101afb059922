"""The Job of one attempt: the settings that the spec, its runtime and the operator give its pod.

Pure, so that each manifest can be compared with a file. What teams and
platform teams add is merged here; the spec overrides the runtime.
"""

from dataclasses import dataclass

from ner_operator.api.v1alpha1 import NerDeployment, NerRuntimeSpec
from ner_operator.api.v1alpha1.pod_settings import StageContainer, TemplateMetadata, TemplatePod
from ner_operator.controllers.nerdeployment import labels
from ner_operator.controllers.nerdeployment.decision import JobOrder
from ner_operator.controllers.nerdeployment.stage_settings import deadline_of, resources_of
from ner_operator.controllers.resources import NERDEPLOYMENTS
from ner_operator.controllers.stage_job import PodSettings, job_manifest
from ner_operator.kube.objects import Json, ObjectReference


@dataclass(frozen=True, slots=True)
class DefaultImage:
    """The image of stages whose runtime names none.

    Attributes:
        pull_policy: empty leaves it to the API server.
        pull_secrets: names of Secrets in the deployments' namespaces.
    """

    image: str
    pull_policy: str = ""
    pull_secrets: tuple[str, ...] = ()


def job_of(
    order: JobOrder, deployment: NerDeployment, runtime: NerRuntimeSpec, default: DefaultImage
) -> Json:
    """The Job of an order, as an object to create.

    Args:
        runtime: the one that the order names.
        default: the image if the runtime names none.
    """
    owner = reference_to(deployment)
    scheduling = deployment.spec.scheduling
    return job_manifest(
        name=order.name,
        owner=owner,
        labels={
            labels.MANAGED_BY: labels.MANAGER,
            labels.OWNER_UID: owner.uid,
            labels.STAGE: order.task.stage.value,
            **({labels.VARIANT: order.task.variant} if order.task.variant else {}),
        },
        annotations={
            labels.DEPLOYMENT: owner.name,
            labels.STEP: order.step,
            labels.KEY: order.task.key,
            labels.ATTEMPT: str(order.attempt),
            labels.SPEC_HASH: order.spec_hash,
        },
        retries=scheduling.retries,
        ttl_seconds=scheduling.ttl_seconds_after_finished,
        queue=scheduling.queue_name,
        pod_settings=pod_settings_of(order, deployment, runtime, default),
        task=order.task,
    )


def reference_to(deployment: NerDeployment) -> ObjectReference:
    """The deployment as an owner, and as the object of an Event."""
    meta = deployment.metadata
    namespace, version = meta.namespace or "default", meta.resource_version or ""
    return ObjectReference(NERDEPLOYMENTS, namespace, meta.name, meta.uid or "", version)


def pod_settings_of(
    order: JobOrder, deployment: NerDeployment, runtime: NerRuntimeSpec, default: DefaultImage
) -> PodSettings:
    """How the pod of an order runs."""
    scheduling = deployment.spec.scheduling
    template = scheduling.pod_template
    added = (template.spec if template else None) or TemplatePod()
    metadata = (template.metadata if template else None) or TemplateMetadata()
    container = next(iter(added.containers), StageContainer(name="stage"))
    tolerations = [each.written() for each in (*runtime.tolerations, *added.tolerations)]
    claims = runtime.accelerator.resource_claims if order.uses_accelerator and runtime.accelerator else ()
    return PodSettings(
        image=runtime.image or default.image,
        image_pull_policy=runtime.image_pull_policy if runtime.image else default.pull_policy or None,
        image_pull_secrets=_pull_secrets(runtime, added, default),
        env=tuple(each.written() for each in (*runtime.env, *container.env)),
        volumes=tuple(each.written() for each in added.volumes),
        volume_mounts=tuple(each.written() for each in container.volume_mounts),
        resources=_resources(order, deployment, runtime),
        resource_claims=tuple(each.written() for each in claims),
        credentials_secret=deployment.spec.storage.credentials_secret,
        service_account=scheduling.service_account_name,
        priority_class=scheduling.priority_class_name,
        runtime_class=runtime.runtime_class_name,
        deadline_seconds=deadline_of(deployment, order.task.stage),
        grace_period_seconds=scheduling.grace_period_seconds,
        node_selector={**runtime.node_selector, **added.node_selector},
        tolerations=tuple(each for at, each in enumerate(tolerations) if each not in tolerations[:at]),
        affinity=added.affinity,
        scratch_size=scheduling.scratch_size,
        shared_memory_size=scheduling.shared_memory_size,
        labels=metadata.labels,
        annotations=metadata.annotations,
    )


def _resources(order: JobOrder, deployment: NerDeployment, runtime: NerRuntimeSpec) -> Json:
    resources = resources_of(deployment, order.task.stage, runtime)
    requests, limits = dict(resources.requests), dict(resources.limits)
    values: Json = {"requests": requests, "limits": limits}
    if order.uses_accelerator and runtime.accelerator:
        accelerator = runtime.accelerator
        if accelerator.resource_claims:
            values["claims"] = [{"name": each.name} for each in accelerator.resource_claims]
        else:
            # An extended resource is requested by its limit; a request must be equal.
            limits[accelerator.resource_name] = str(accelerator.count)
            requests[accelerator.resource_name] = str(accelerator.count)
    return {name: value for name, value in values.items() if value}


def _pull_secrets(runtime: NerRuntimeSpec, added: TemplatePod, default: DefaultImage) -> tuple[str, ...]:
    names = [
        *(() if runtime.image else default.pull_secrets),
        *(each.name for each in (*runtime.image_pull_secrets, *added.image_pull_secrets)),
    ]
    return tuple(dict.fromkeys(names))
