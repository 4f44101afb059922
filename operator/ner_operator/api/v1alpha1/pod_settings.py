"""The parts of a pod that a spec may set, named as in Kubernetes.

There is no security context, no host path and no service account token. What
the API server checks when a pod is created (such as requests against limits)
is not checked here again.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic.config import JsonDict

from ner_operator.api.base import ApiModel, Items, map_by
from ner_operator.api.field_types import QUANTITY, Name, ObjectName
from ner_operator.api.v1alpha1 import pod_rules


def _quantity(value: Any) -> Any:
    """Turn a quantity that is written as a number into text."""
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
    """Resource requests and limits of a pod."""

    requests: dict[str, Quantity] = Field(default_factory=dict, max_length=16)
    """Requests by resource name (cpu, memory, ephemeral-storage). Absent: the limits."""
    limits: dict[str, Quantity] = Field(default_factory=dict, max_length=16)
    """Limits by resource name. limits.cpu is also the number of threads of numeric libraries."""


class Toleration(ApiModel):
    """A toleration of node taints."""

    key: str | None = Field(default=None, max_length=317)
    """Key of the taint. Absent, with operator Exists: every taint."""
    operator: Literal["Exists", "Equal"] | None = None
    """Exists, or Equal (the default), which compares value."""
    value: str | None = Field(default=None, max_length=63)
    """Value of the taint, with operator Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint. Absent: every effect."""
    toleration_seconds: int | None = Field(default=None, ge=0)
    """Seconds that the pod stays after a NoExecute taint is added. Absent: no limit."""


class KeySelector(ApiModel):
    """A key of a Secret or a ConfigMap."""

    name: ObjectName
    """Name of the Secret or ConfigMap, in the deployment's namespace."""
    key: str = Field(min_length=1, max_length=253)
    """Key in its data."""
    optional: bool | None = None
    """True lets the pod start without it."""


class EnvVarSource(ApiModel):
    """The source of a variable's value."""

    secret_key_ref: KeySelector | None = None
    """A key of a Secret."""
    config_map_key_ref: KeySelector | None = None
    """A key of a ConfigMap."""

    rules: ClassVar = pod_rules.ENV_VAR_SOURCE


class EnvVar(ApiModel):
    """An environment variable of a stage."""

    name: str = Field(min_length=1, max_length=253)
    """Name of the variable. Names that the operator sets (NERD_*, HOME, HF_HOME, TMPDIR) are refused."""
    value: str | None = Field(default=None, max_length=32768)
    """Value of the variable."""
    value_from: EnvVarSource | None = None
    """Source of the value, instead of value: a key of a Secret or a ConfigMap."""

    rules: ClassVar = pod_rules.ENV_VAR


class PlainEnvVar(ApiModel):
    """An environment variable whose value is the same in every namespace."""

    name: str = Field(min_length=1, max_length=253)
    """Name of the variable. Names that the operator sets (NERD_*, HOME, HF_HOME, TMPDIR) are refused."""
    value: str = Field(max_length=32768)
    """Value of the variable."""

    rules: ClassVar = pod_rules.PLAIN_ENV_VAR


class SecretReference(ApiModel):
    """A Secret by name."""

    name: ObjectName
    """Name of the Secret, in the deployment's namespace."""


class KeyToPath(ApiModel):
    """A key of a Secret or a ConfigMap as a file."""

    key: str = Field(min_length=1, max_length=253)
    """Key in its data."""
    path: str = Field(min_length=1, max_length=1024)
    """Path of the file, relative to the mount."""


class SecretVolume(ApiModel):
    """A Secret as files."""

    secret_name: ObjectName
    """Name of the Secret, in the deployment's namespace."""
    items: Items[KeyToPath] = Field(default=(), max_length=32)
    """Keys that become files. Absent: all keys."""
    optional: bool | None = None
    """True lets the pod start without it."""


class ConfigMapVolume(ApiModel):
    """A ConfigMap as files."""

    name: ObjectName
    """Name of the ConfigMap, in the deployment's namespace."""
    items: Items[KeyToPath] = Field(default=(), max_length=32)
    """Keys that become files. Absent: all keys."""
    optional: bool | None = None
    """True lets the pod start without it."""


class ClaimVolume(ApiModel):
    """A PersistentVolumeClaim."""

    claim_name: ObjectName
    """Name of the claim, in the deployment's namespace."""
    read_only: bool | None = None
    """True mounts it read-only."""


class EmptyVolume(ApiModel):
    """A folder that is empty when the pod starts."""

    medium: Literal["", "Memory"] | None = None
    """Memory keeps the files in memory. Absent: the node's disk."""
    size_limit: Quantity
    """Maximum size; a pod that exceeds it is evicted."""


class Volume(ApiModel):
    """A volume, of a type that the restricted Pod Security Standard allows."""

    name: Name
    """Name that volumeMounts refer to."""
    secret: SecretVolume | None = None
    """A Secret, such as the certificate of a private CA."""
    config_map: ConfigMapVolume | None = None
    """A ConfigMap as a volume."""
    persistent_volume_claim: ClaimVolume | None = None
    """A claim, such as one with data; the uri of the data is then file:///MOUNT/…"""
    empty_dir: EmptyVolume | None = None
    """An empty folder. If its name is scratch or shm, it replaces the operator's volume."""

    rules: ClassVar = pod_rules.VOLUME


class VolumeMount(ApiModel):
    """The mount of a volume in the stage's container."""

    name: Name
    """Name of the volume."""
    mount_path: str = Field(min_length=1, max_length=1024)
    """Path in the container, such as /data."""
    sub_path: str | None = Field(default=None, max_length=1024)
    """Path inside the volume. Absent: the whole volume."""
    read_only: bool | None = None
    """True mounts it read-only."""


class StageContainer(ApiModel):
    """Additions to the container of a stage."""

    name: Literal["stage"]
    """Always stage: a pod has one container."""
    env: Items[EnvVar] = Field(default=(), max_length=64, json_schema_extra=map_by("name"))
    """Environment variables; they override the runtime's variables of the same name."""
    volume_mounts: Items[VolumeMount] = Field(
        default=(), max_length=32, json_schema_extra=map_by("mountPath")
    )
    """Volume mounts; they override the operator's mounts of the same path."""


class TemplateMetadata(ApiModel):
    """Labels and annotations for the pods."""

    labels: dict[str, LabelValue] = Field(default_factory=dict, max_length=32)
    """Labels to add; the operator's labels cannot be changed."""
    annotations: dict[str, Annotated[str, Field(max_length=4096)]] = Field(
        default_factory=dict, max_length=32
    )
    """Annotations to add; the operator's annotations cannot be changed."""


class TemplatePod(ApiModel):
    """Additions to the pods of the stages."""

    node_selector: dict[str, LabelValue] = Field(default_factory=dict, max_length=32)
    """Labels that the node must have, in addition to the runtime's."""
    tolerations: Items[Toleration] = Field(default=(), max_length=32)
    """Tolerations, in addition to the runtime's."""
    affinity: dict[str, Any] | None = Field(default=None, json_schema_extra=FREE_OBJECT)
    """Affinity, as in a pod: nodeAffinity, podAffinity, podAntiAffinity."""
    image_pull_secrets: Items[SecretReference] = Field(
        default=(), max_length=16, json_schema_extra=map_by("name")
    )
    """Secrets of image registries, in addition to the runtime's."""
    volumes: Items[Volume] = Field(default=(), max_length=32, json_schema_extra=map_by("name"))
    """Volumes; they override the operator's volumes of the same name."""
    containers: Items[StageContainer] = Field(default=(), max_length=1, json_schema_extra=map_by("name"))
    """Additions to the only container, which is named stage."""


class PodTemplate(ApiModel):
    """Additions to the pods of all stages. The security context cannot be changed."""

    metadata: TemplateMetadata | None = None
    """Labels and annotations for the pods."""
    spec: TemplatePod | None = None
    """Volumes, mounts, variables, node selection."""

    rules: ClassVar = pod_rules.POD_TEMPLATE
