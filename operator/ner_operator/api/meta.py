"""What every Kubernetes object has: apiVersion, kind, metadata, and conditions in its status."""

from typing import Annotated, Any, Literal

from pydantic import Field

from ner_operator.api.base import ApiModel, Items
from ner_operator.api.field_types import DNS_LABEL, DNS_SUBDOMAIN

GROUP = "nerd.dev"


class ObjectMeta(ApiModel):
    """Metadata that a user writes, and metadata that the API server adds."""

    name: Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN)]
    """Name of the object, unique in its namespace."""
    namespace: Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_LABEL)] | None = None
    """Namespace of the object. Absent: default."""
    labels: dict[str, str] | None = None
    """Labels that selectors use."""
    annotations: dict[str, str] | None = None
    """Annotations: any other text about the object."""
    generate_name: str | None = None
    """Prefix from which the API server makes a name."""
    finalizers: Items[str] | None = None
    """Controllers that must finish before the object is deleted."""
    owner_references: Items[dict[str, Any]] | None = None
    """Objects that own this one; it is deleted with them."""
    managed_fields: Items[dict[str, Any]] | None = None
    """Which client wrote which field. Set by the API server."""
    uid: str | None = None
    """Unique ID of the object. Set by the API server."""
    resource_version: str | None = None
    """Version of the stored object. Set by the API server."""
    generation: int | None = None
    """Number of changes of the spec. Set by the API server."""
    creation_timestamp: str | None = None
    """Time of creation. Set by the API server."""
    deletion_timestamp: str | None = None
    """Time at which deletion was requested. Set by the API server."""
    deletion_grace_period_seconds: int | None = None
    """Seconds that deletion may take. Set by the API server."""
    self_link: str | None = None
    """Unused today."""


class KubernetesObject(ApiModel):
    """A kind, in one of its versions."""

    api_version: str
    kind: str
    metadata: ObjectMeta
    """Name, namespace, labels, annotations."""


class Condition(ApiModel):
    """One aspect of the state, in the form that all Kubernetes tools read."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    """Ready, Reconciling, Stalled or Available."""
    status: Literal["True", "False", "Unknown"]
    """True, False or Unknown."""
    reason: Annotated[
        str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
    ]
    """The cause, as one CamelCase word."""
    message: Annotated[str, Field(max_length=4096)]
    """The cause in a sentence, and what to do next."""
    last_transition_time: Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]
    """Time at which the status last changed."""
    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """Generation of the spec that this condition is about."""
