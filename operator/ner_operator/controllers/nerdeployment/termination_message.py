"""A stage's last words: what the termination message of its pod says, if it can be believed.

The message passes through a node, a kubelet and an API server, and anybody
who may write pods' status may write one. So it is read with suspicion: what
is no JSON of the shape that stages write is nothing, and what speaks of
another key than the Job's is not this stage's (`planning.outcomes` decides).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class TerminationMessage:
    """A stage's last words (its pod's termination message), as they were parsed.

    Attributes:
        key: that the stage says it worked on; a message with another key is forged or garbled.
        outputs: digest of each output.
        headline: the stage's few figures; promote's say where the pointer stands, also where it failed.
        code: the stage's own exit code, where it failed.
        message: why it failed, or what its result means, as a sentence.
    """

    key: str
    manifest_digest: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    headline: Mapping[str, object] = field(default_factory=dict)
    emulated: bool = False
    code: int | None = None
    message: str = ""


class _Message(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", strict=True)

    key: _Digest
    manifest_digest: str = Field(default="", max_length=64)
    outputs: dict[Annotated[str, Field(max_length=32)], _Digest] = Field(default={}, max_length=8)
    headline: dict[str, Any] = {}
    emulated: bool = False
    code: int | None = None
    message: str = ""


def read_termination_message(text: str) -> TerminationMessage | None:
    """The words in a termination message; None where there are none that a stage would write."""
    try:
        said = _Message.model_validate(json.loads(text))
    except (ValueError, ValidationError, RecursionError):
        return None
    return TerminationMessage(
        key=said.key,
        manifest_digest=said.manifest_digest,
        outputs=said.outputs,
        headline=said.headline,
        emulated=said.emulated,
        code=said.code,
        message=said.message,
    )
