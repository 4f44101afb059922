"""`spec.rollout`: which variant is promoted, and whether a person approves it."""

from typing import Literal

from pydantic import Field

from ner_operator.api.base import SET, ApiModel, Items
from ner_operator.api.field_types import Name


class Rollout(ApiModel):
    """What happens after the gates are checked."""

    mode: Literal["Automatic", "Manual"] = "Automatic"
    """Automatic promotes a variant that passes; Manual waits for `nerd promote`."""
    preference: Items[Name] | None = Field(default=None, min_length=1, max_length=32, json_schema_extra=SET)
    """Names of variants in order; the first that passes every gate is promoted. Variants that are not named
    are never promoted. Absent: all variants in their order, the reference last."""
    history_limit: int = Field(default=10, ge=1, le=100)
    """Number of promotions that the pointer remembers for a rollback."""
    allow_emulated: bool = False
    """True allows the promotion of a variant that was made on an emulated device."""
