"""NerRuntime: how stages run on one kind of device; owned by the platform team."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from ner_jobs.task.parameters import BackendName
from ner_operator.api.base import SET, ApiModel, Items, map_by
from ner_operator.api.meta import KubernetesObject, ObjectMeta
from ner_operator.api.strings import RESOURCE_NAME, Name, ObjectName
from ner_operator.api.v1alpha1 import rules
from ner_operator.api.v1alpha1.pod_settings import (
    LabelValue,
    PlainEnvVar,
    Resources,
    SecretReference,
    Toleration,
)


class ResourceClaim(ApiModel):
    """A device by dynamic resource allocation."""

    name: Name
    """What the pod calls it."""
    resource_claim_template_name: ObjectName
    """The ResourceClaimTemplate in the deployment's namespace from which each pod gets a claim."""


class Accelerator(ApiModel):
    """The extended resource that a device plugin offers."""

    resource_name: str = Field(
        min_length=3,
        max_length=317,
        pattern=RESOURCE_NAME,
    )
    """Its name as the nodes show it, such as vastaitech.com/va. It stands for the device in every key."""
    count: int = Field(default=1, ge=1, le=64)
    """How many a stage takes that runs on the device."""
    resource_claims: Items[ResourceClaim] = Field(default=(), max_length=8, json_schema_extra=map_by("name"))
    """Instead of the extended resource: devices by dynamic resource allocation. resourceName still names
    the device in keys."""


class NerRuntimeSpec(ApiModel):
    """A device, its backend and its image."""

    backend: BackendName
    """What compiles and runs variants here: torchscript, onnxruntime or openvino."""
    image: str | None = Field(default=None, min_length=1, max_length=512)
    """The image of the stages, as it goes into keys. Absent: the product's own for CPU. A local run
    starts processes instead."""
    accelerator: Accelerator | None = None
    """The device that compile, infer and benchmark ask for. Absent: the CPU."""
    compiler_version: str | None = Field(default=None, min_length=1, max_length=63)
    """Of the vendor's compiler in the image; part of the keys, so another version compiles again."""
    sdk_version: str | None = Field(default=None, min_length=1, max_length=63)
    """Of the vendor's runtime libraries in the image; part of the keys."""
    emulated: bool = False
    """The device is a stand-in: every manifest says so, and nothing is promoted unless
    rollout.allowEmulated is true."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    """When nodes pull the image. Absent: IfNotPresent, and Always for a tag latest."""
    image_pull_secrets: Items[SecretReference] = Field(
        default=(), max_length=16, json_schema_extra=map_by("name")
    )
    """Secrets of the image's registry, in the deployment's namespace."""
    runtime_class_name: ObjectName | None = None
    """The RuntimeClass of pods on the device."""
    node_selector: dict[str, LabelValue] = Field(default_factory=dict, max_length=32)
    """Labels that a node must have."""
    tolerations: Items[Toleration] = Field(default=(), max_length=32)
    """Taints that the pods do not mind."""
    env: Items[PlainEnvVar] = Field(default=(), max_length=64, json_schema_extra=map_by("name"))
    """Variables of every stage on this runtime, such as the vendor's."""
    resources: Resources | None = None
    """What every stage's pod asks for, where spec.scheduling says nothing else."""
    service_accounts: Items[ObjectName] = Field(default=(), max_length=32, json_schema_extra=SET)
    """Service accounts that deployments may name in scheduling.serviceAccountName, besides those that the
    operator allows everywhere."""


class NerRuntime(KubernetesObject):
    """How stages run on one kind of device."""

    api_version: Literal["nerd.dev/v1alpha1"]
    kind: Literal["NerRuntime"]
    metadata: ObjectMeta
    """The name that variants[].runtime says; a NerRuntime has no namespace."""
    spec: NerRuntimeSpec
    """A device, its backend and its image."""

    rules: ClassVar = rules.RUNTIME


BUILTIN_RUNTIMES: Mapping[str, NerRuntimeSpec] = {
    "cpu-torchscript": NerRuntimeSpec(backend="torchscript"),
    "cpu-onnxruntime": NerRuntimeSpec(backend="onnxruntime"),
    "cpu-openvino": NerRuntimeSpec(backend="openvino"),
}
"""The CPU runtimes that every cluster and every local run has. No NerRuntime may have one of these names."""
