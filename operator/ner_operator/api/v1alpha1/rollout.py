"""`spec.rollout`: which variant is promoted, and by whom."""

from typing import Literal

from pydantic import Field

from ner_operator.api.base import SET, ApiModel, Items
from ner_operator.api.strings import Name


class Rollout(ApiModel):
    """What happens after the gates have judged."""

    mode: Literal["Automatic", "Manual"] = "Automatic"
    """Automatic moves the pointer when a variant passes; Manual waits for `nerd promote`."""
    preference: Items[Name] | None = Field(default=None, min_length=1, max_length=32, json_schema_extra=SET)
    """Names of variants; the first that passes every gate is promoted, others never are. Absent: all, as
    they stand in variants, the reference last."""
    history_limit: int = Field(default=10, ge=1, le=100)
    """Promotions that the pointer remembers, to roll back to."""
    allow_emulated: bool = False
    """Lets a variant be promoted that was made on a stand-in for its device."""
