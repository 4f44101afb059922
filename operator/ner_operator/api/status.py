"""`status`: what the operator has planned and seen; bounded, never written by a user."""

from typing import Any

from pydantic import Field

from ner_operator.api.base import ApiModel, Items, map_by
from ner_operator.api.meta import Condition


class NerDeploymentStatus(ApiModel):
    """What became of the spec."""

    observed_generation: int = Field(default=-1, ge=-1)
    """The generation of the spec that was planned; -1 before the first."""
    conditions: Items[Condition] = Field(default=(), max_length=16, json_schema_extra=map_by("type"))
    """Ready, Reconciling, Stalled, Available; the message says what to do next."""
    resolved: dict[str, Any] | None = Field(
        default=None, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True}
    )
    """The spec with every default filled in."""
    revision: str | None = Field(default=None, max_length=64)
    """The revision in service: the digest of its compile keys."""
    variant: str | None = Field(default=None, max_length=63)
    """The variant in service."""
    f1: float | None = Field(default=None, ge=0, le=1)
    """Its entity F1 on the test set, in 0..1."""
    drop: float | None = Field(default=None, ge=-100, le=100)
    """Points of F1 that it loses against the reference variant."""
