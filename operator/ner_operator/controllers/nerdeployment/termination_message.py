"""The termination message of a stage's pod, parsed.

The message passes through a node, a kubelet and an API server, and anybody
who may write the status of pods may forge one. So a message that does not
have the shape that stages write is ignored, and `outcomes` ignores a message
about another key than its Job's.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(
    frozen=True,
    slots=True,
    config=ConfigDict(alias_generator=to_camel, validate_by_name=True, extra="ignore", strict=True),
)
class TerminationMessage:
    """A stage's termination message.

    Attributes:
        key: that the stage says it worked on.
        outputs: digest of each output.
        headline: the stage's main figures. Those of promote say where the pointer stands, also if it failed.
        code: the stage's own exit code, if it failed.
        message: why it failed, or what its result means, as a sentence.
    """

    key: Digest
    manifest_digest: Annotated[str, Field(max_length=64)] = ""
    outputs: Annotated[Mapping[Annotated[str, Field(max_length=32)], Digest], Field(max_length=8)] = Field(
        default_factory=dict
    )
    headline: Mapping[str, object] = Field(default_factory=dict)
    emulated: bool = False
    code: int | None = None
    message: str = ""


_MESSAGE = TypeAdapter(TerminationMessage)


def read_termination_message(text: str) -> TerminationMessage | None:
    """Parse a termination message; None if no stage would write it."""
    try:
        return _MESSAGE.validate_json(text)
    except ValidationError:
        return None
