"""What every Kubernetes object has: apiVersion, kind, metadata, and conditions in its status."""

from typing import Annotated, Any, Literal

from pydantic import Field

from ner_operator.api.base import ApiModel, Items
from ner_operator.api.strings import DNS_LABEL, DNS_SUBDOMAIN

GROUP = "nerd.dev"


class ObjectMeta(ApiModel):
    """The metadata that a user may write, and what a server adds."""

    name: Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN)]
    """Names the object in its namespace."""
    namespace: Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_LABEL)] | None = None
    """The namespace. Absent: default."""
    labels: dict[str, str] | None = None
    """Labels, for selection."""
    annotations: dict[str, str] | None = None
    """Annotations, for anything else."""
    generate_name: str | None = None
    """Prefix of a name that the server completes."""
    finalizers: Items[str] | None = None
    """What must happen before deletion ends."""
    owner_references: Items[dict[str, Any]] | None = None
    """Objects that this one goes with."""
    managed_fields: Items[dict[str, Any]] | None = None
    """Who wrote which field; the server's."""
    uid: str | None = None
    """Identity in time and space; the server's."""
    resource_version: str | None = None
    """Of the stored object; the server's."""
    generation: int | None = None
    """Counts changes of the spec; the server's."""
    creation_timestamp: str | None = None
    """When it was made; the server's."""
    deletion_timestamp: str | None = None
    """When its deletion was asked for; the server's."""
    deletion_grace_period_seconds: int | None = None
    """How long deletion may take; the server's."""
    self_link: str | None = None
    """Unused by servers of today."""


class KubernetesObject(ApiModel):
    """A kind, in one of its versions."""

    api_version: str
    kind: str
    metadata: ObjectMeta
    """Name, namespace, labels, annotations."""


class Condition(ApiModel):
    """One aspect of the state, in the form that every Kubernetes tool reads."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    """The aspect: Ready, Reconciling, Stalled or Available."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[
        str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
    ]
    """Why, as one CamelCase word."""
    message: Annotated[str, Field(max_length=4096)]
    """Why, for people, and what to do next."""
    last_transition_time: Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]
    """When the status changed last."""
    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The generation of the spec that this speaks of."""
