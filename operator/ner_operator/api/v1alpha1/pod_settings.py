"""Parts of a pod that people and platform teams may set, by the names of Kubernetes.

Only what can do no harm is here: no security context, no host path, no token
of a service account. What the API server checks itself when a pod is made
(names, quantities against each other) is not checked twice.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic.config import JsonDict

from ner_operator.api.base import ApiModel, Items, map_by
from ner_operator.api.strings import QUANTITY, Name, ObjectName
from ner_operator.api.v1alpha1 import pod_rules


def _quantity(value: Any) -> Any:
    """A quantity may be written as a number, as Kubernetes allows; it is text from here on."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Quantity = Annotated[
    str,
    Field(min_length=1, max_length=32, pattern=QUANTITY),
    BeforeValidator(_quantity),
    WithJsonSchema({"x-kubernetes-int-or-string": True, "pattern": QUANTITY, "maxLength": 32, "minimum": 0}),
]
"""`500m`, `4Gi`, or a whole number."""

LabelValue = Annotated[str, Field(max_length=63)]
FREE_OBJECT: JsonDict = {"x-kubernetes-preserve-unknown-fields": True}


class Resources(ApiModel):
    """What a pod asks for, and what it may use at most."""

    requests: dict[str, Quantity] = Field(default_factory=dict, max_length=16)
    """By resource name (cpu, memory, ephemeral-storage). Absent: the limits."""
    limits: dict[str, Quantity] = Field(default_factory=dict, max_length=16)
    """By resource name. Numeric libraries take as many threads as limits.cpu says."""


class Toleration(ApiModel):
    """A taint of nodes that the pod does not mind."""

    key: str | None = Field(default=None, max_length=317)
    """Of the taint. Absent, with operator Exists: every taint."""
    operator: Literal["Exists", "Equal"] | None = None
    """Exists, or Equal to value (the default)."""
    value: str | None = Field(default=None, max_length=63)
    """Of the taint, with Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Of the taint. Absent: every effect."""
    toleration_seconds: int | None = Field(default=None, ge=0)
    """How long the pod stays once a NoExecute taint is there. Absent: for ever."""


class KeySelector(ApiModel):
    """A key of a Secret or a ConfigMap."""

    name: ObjectName
    """Of the object, in the deployment's namespace."""
    key: str = Field(min_length=1, max_length=253)
    """Of its data."""
    optional: bool | None = None
    """True starts the pod without it, too."""


class EnvVarSource(ApiModel):
    """Where a variable's value comes from."""

    secret_key_ref: KeySelector | None = None
    """A key of a Secret."""
    config_map_key_ref: KeySelector | None = None
    """A key of a ConfigMap."""

    rules: ClassVar = pod_rules.ENV_VAR_SOURCE


class EnvVar(ApiModel):
    """An environment variable of the stage."""

    name: str = Field(min_length=1, max_length=253)
    """Its name; those that the operator sets itself (NERD_*, HOME, HF_HOME, TMPDIR) are refused."""
    value: str | None = Field(default=None, max_length=32768)
    """Its value."""
    value_from: EnvVarSource | None = None
    """Instead of value: a key of a Secret or a ConfigMap."""

    rules: ClassVar = pod_rules.ENV_VAR


class PlainEnvVar(ApiModel):
    """An environment variable with a value, for every namespace the same."""

    name: str = Field(min_length=1, max_length=253)
    """Its name; those that the operator sets itself (NERD_*, HOME, HF_HOME, TMPDIR) are refused."""
    value: str = Field(max_length=32768)
    """Its value."""

    rules: ClassVar = pod_rules.PLAIN_ENV_VAR


class SecretReference(ApiModel):
    """A Secret by name."""

    name: ObjectName
    """Of the Secret, in the deployment's namespace."""


class KeyToPath(ApiModel):
    """One key of a Secret or a ConfigMap as a file."""

    key: str = Field(min_length=1, max_length=253)
    """Of its data."""
    path: str = Field(min_length=1, max_length=1024)
    """Of the file, below the mount."""


class SecretVolume(ApiModel):
    """A Secret as files."""

    secret_name: ObjectName
    """Name of the Secret, in the deployment's namespace."""
    items: Items[KeyToPath] = Field(default=(), max_length=32)
    """Its keys as files. Absent: all."""
    optional: bool | None = None
    """True starts the pod without it, too."""


class ConfigMapVolume(ApiModel):
    """A ConfigMap as files."""

    name: ObjectName
    """Name of the ConfigMap, in the deployment's namespace."""
    items: Items[KeyToPath] = Field(default=(), max_length=32)
    """Its keys as files. Absent: all."""
    optional: bool | None = None
    """True starts the pod without it, too."""


class ClaimVolume(ApiModel):
    """A PersistentVolumeClaim."""

    claim_name: ObjectName
    """Name of the claim, in the deployment's namespace."""
    read_only: bool | None = None
    """True mounts it for reading."""


class EmptyVolume(ApiModel):
    """An empty folder of the pod's own."""

    medium: Literal["", "Memory"] | None = None
    """Memory keeps it there."""
    size_limit: Quantity
    """Beyond it the pod is evicted."""


class Volume(ApiModel):
    """A volume of one of the kinds that the restricted Pod Security Standard lets everybody use."""

    name: Name
    """What volumeMounts call it."""
    secret: SecretVolume | None = None
    """A Secret, such as one with the certificate of a private CA."""
    config_map: ConfigMapVolume | None = None
    """A ConfigMap."""
    persistent_volume_claim: ClaimVolume | None = None
    """A claim, such as one with data; data is then file:///MOUNT/…"""
    empty_dir: EmptyVolume | None = None
    """An empty folder; one that is called scratch or shm takes the place of the operator's own."""

    rules: ClassVar = pod_rules.VOLUME


class VolumeMount(ApiModel):
    """Where a volume is seen."""

    name: Name
    """Of the volume."""
    mount_path: str = Field(min_length=1, max_length=1024)
    """Where it is seen, such as /data."""
    sub_path: str | None = Field(default=None, max_length=1024)
    """A path inside the volume. Absent: all of it."""
    read_only: bool | None = None
    """True mounts it for reading."""


class StageContainer(ApiModel):
    """What is added to the stage's container."""

    name: Literal["stage"]
    """stage: a pod has no other container."""
    env: Items[EnvVar] = Field(default=(), max_length=64, json_schema_extra=map_by("name"))
    """Variables, merged by name over the runtime's."""
    volume_mounts: Items[VolumeMount] = Field(
        default=(), max_length=32, json_schema_extra=map_by("mountPath")
    )
    """Mounts, merged by path over the operator's own."""


class TemplateMetadata(ApiModel):
    """Labels and annotations that are added to the pods."""

    labels: dict[str, LabelValue] = Field(default_factory=dict, max_length=32)
    """Added labels; the operator's own stay."""
    annotations: dict[str, Annotated[str, Field(max_length=4096)]] = Field(
        default_factory=dict, max_length=32
    )
    """Added annotations; the operator's own stay."""


class TemplatePod(ApiModel):
    """What is added to a stage's pod."""

    node_selector: dict[str, LabelValue] = Field(default_factory=dict, max_length=32)
    """Labels that its node must have, besides the runtime's."""
    tolerations: Items[Toleration] = Field(default=(), max_length=32)
    """Taints that it does not mind, besides the runtime's."""
    affinity: dict[str, Any] | None = Field(default=None, json_schema_extra=FREE_OBJECT)
    """As in a pod: nodeAffinity, podAffinity, podAntiAffinity."""
    image_pull_secrets: Items[SecretReference] = Field(
        default=(), max_length=16, json_schema_extra=map_by("name")
    )
    """Secrets of registries, besides the runtime's."""
    volumes: Items[Volume] = Field(default=(), max_length=32, json_schema_extra=map_by("name"))
    """Volumes, merged by name over the operator's own."""
    containers: Items[StageContainer] = Field(default=(), max_length=1, json_schema_extra=map_by("name"))
    """The one container, which is called stage."""


class PodTemplate(ApiModel):
    """What is added to the pods of all stages; their security context cannot be changed."""

    metadata: TemplateMetadata | None = None
    """Labels and annotations."""
    spec: TemplatePod | None = None
    """Volumes, mounts, variables, and where the pods may run."""

    rules: ClassVar = pod_rules.POD_TEMPLATE
