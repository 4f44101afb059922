"""NerRuntime: how stages run on one kind of device; owned by the platform team."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from ner_jobs.task.parameters import BackendName
from ner_operator.api.base import SET, ApiModel, Items, map_by
from ner_operator.api.field_types import RESOURCE_NAME, Name, ObjectName
from ner_operator.api.meta import KubernetesObject, ObjectMeta
from ner_operator.api.v1alpha1 import rules
from ner_operator.api.v1alpha1.pod_settings import (
    LabelValue,
    PlainEnvVar,
    Resources,
    SecretReference,
    Toleration,
)


class ResourceClaim(ApiModel):
    """A device of dynamic resource allocation."""

    name: Name
    """Name of the claim in the pod."""
    resource_claim_template_name: ObjectName
    """The ResourceClaimTemplate, in the deployment's namespace, from which each pod gets a claim."""


class Accelerator(ApiModel):
    """The device that pods request."""

    resource_name: str = Field(
        min_length=3,
        max_length=317,
        pattern=RESOURCE_NAME,
    )
    """Extended resource of the device plugin, such as vastaitech.com/va. It identifies the device in keys."""
    count: int = Field(default=1, ge=1, le=64)
    """Number of devices of each pod that runs on the device."""
    resource_claims: Items[ResourceClaim] = Field(default=(), max_length=8, json_schema_extra=map_by("name"))
    """Devices of dynamic resource allocation, instead of the extended resource. resourceName still
    identifies the device in keys."""


class NerRuntimeSpec(ApiModel):
    """The device, its backend and its image."""

    backend: BackendName
    """The engine that compiles and runs variants: torchscript, onnxruntime or openvino."""
    image: str | None = Field(default=None, min_length=1, max_length=512)
    """Image of the stages, which is part of the keys as written. Absent: the default image for CPU. A local
    run starts processes instead."""
    accelerator: Accelerator | None = None
    """The device that compile, infer and benchmark request. Absent: the CPU."""
    compiler_version: str | None = Field(default=None, min_length=1, max_length=63)
    """Version of the vendor's compiler in the image; part of the keys, so a new version compiles again."""
    sdk_version: str | None = Field(default=None, min_length=1, max_length=63)
    """Version of the vendor's runtime libraries in the image; part of the keys."""
    emulated: bool = False
    """True if the device is a stand-in. Manifests record it, and nothing is promoted unless
    rollout.allowEmulated is true."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    """When nodes pull the image. Absent: IfNotPresent, or Always for the tag latest."""
    image_pull_secrets: Items[SecretReference] = Field(
        default=(), max_length=16, json_schema_extra=map_by("name")
    )
    """Secrets of the image registry, in the deployment's namespace."""
    runtime_class_name: ObjectName | None = None
    """RuntimeClass of pods that run on the device."""
    node_selector: dict[str, LabelValue] = Field(default_factory=dict, max_length=32)
    """Labels that the node must have."""
    tolerations: Items[Toleration] = Field(default=(), max_length=32)
    """Tolerations of the pods."""
    env: Items[PlainEnvVar] = Field(default=(), max_length=64, json_schema_extra=map_by("name"))
    """Environment variables of every stage on this runtime, such as the vendor's."""
    resources: Resources | None = None
    """Resources of every stage's pod, unless spec.scheduling sets others."""
    service_accounts: Items[ObjectName] = Field(default=(), max_length=32, json_schema_extra=SET)
    """Service accounts that deployments may use in scheduling.serviceAccountName, in addition to those that
    the operator allows everywhere."""


class NerRuntime(KubernetesObject):
    """How stages run on one kind of device."""

    api_version: Literal["nerd.dev/v1alpha1"]
    kind: Literal["NerRuntime"]
    metadata: ObjectMeta
    """Name that variants[].runtime refers to; a NerRuntime has no namespace."""
    spec: NerRuntimeSpec
    """The device, its backend and its image."""

    rules: ClassVar = rules.RUNTIME


BUILTIN_RUNTIMES: Mapping[str, NerRuntimeSpec] = {
    "cpu-torchscript": NerRuntimeSpec(backend="torchscript"),
    "cpu-onnxruntime": NerRuntimeSpec(backend="onnxruntime"),
    "cpu-openvino": NerRuntimeSpec(backend="openvino"),
}
"""The CPU runtimes that every cluster and every local run has. No NerRuntime may have one of these names."""
