"""`status`: what the operator has planned and seen; bounded, never written by a user.

What is here outlives the Jobs: a stage's result is kept from the moment that
it is seen, so a Job that is removed afterwards takes nothing with it.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError

from ner_operator.api.base import SET, ApiModel, Items, map_by
from ner_operator.api.meta import Condition
from ner_operator.api.strings import Sha256

StageState = Literal["Waiting", "Queued", "Running", "Retrying", "Succeeded", "Failed", "Held", "Suspended"]
"""How far a stage is. Waiting: for other stages, or for something that is missing; Queued: its Job is there
and has no pod that runs; Retrying: a new attempt comes at retryTime."""

Time = Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]

STAGE_MESSAGE = 2048
"""Characters of a stage's message; the operator writes fewer (`planning.cutting`)."""

HELD_REVISIONS = 32
"""Rolled-back revisions that are remembered here; the pointer in the store knows more."""


class StageResult(ApiModel):
    """What a stage left: its artifact is `<storage>/<stage>/<key>`."""

    key: Sha256
    """Names the result; equal keys have equal results."""
    manifest_digest: str = Field(default="", max_length=64)
    """SHA-256 of the artifact's manifest."""
    outputs: dict[str, Annotated[str, Field(max_length=64)]] = Field(default_factory=dict, max_length=16)
    """Digest of each output."""
    headline: dict[str, Any] = Field(
        default_factory=dict, max_length=16, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True}
    )
    """The few figures that matter."""
    message: str = Field(default="", max_length=STAGE_MESSAGE)
    """What it means, where the stage says so: a verdict does."""
    emulated: bool = False
    """Whether a stand-in for the device had a part in it."""


class StageStatus(ApiModel):
    """One stage of one variant: its last attempt, and its last result."""

    name: str = Field(min_length=1, max_length=127)
    """prepare, compile/int8, inference/archive."""
    state: StageState
    """Waiting, Queued, Running, Retrying, Succeeded, Failed, Held or Suspended."""
    reason: str = Field(default="", max_length=256)
    """Why, as one CamelCase word; empty where the state says it all."""
    message: str = Field(default="", max_length=STAGE_MESSAGE)
    """Why, for people, and what to do next."""
    key: str = Field(default="", max_length=64)
    """Of what the last attempt works on; empty before the first."""
    attempt: int = Field(default=0, ge=0)
    """Counts the stage's attempts, of all keys."""
    failures: int = Field(default=0, ge=0)
    """Attempts in a row that have failed on this key."""
    job: str = Field(default="", max_length=63)
    """The last attempt's Job."""
    spec_hash: str = Field(default="", max_length=64)
    """What the last attempt was made from besides its key (generation, runtime, image): a failed stage is
    tried again where it has changed."""
    start_time: Time | None = None
    """When the last attempt began to run."""
    finish_time: Time | None = None
    """When it ended."""
    retry_time: Time | None = None
    """When the next attempt comes."""
    result: StageResult | None = None
    """The last result, whatever has been tried since."""


class PromotionStatus(ApiModel):
    """Where the pointer to the promoted model stands, as the stages last reported it."""

    generation: int = Field(ge=1)
    """Of the pointer; it only grows."""
    revision: str = Field(max_length=64)
    """The revision in service."""
    variant: str = Field(max_length=63)
    """The variant in service."""
    compile_key: str = Field(max_length=64)
    """Key of the compiled model in service."""
    promote_key: str = Field(default="", max_length=64)
    """Key of the verdict that moved the pointer; empty where a person did."""
    held: Items[Annotated[str, Field(max_length=64)]] = Field(
        default=(), max_length=HELD_REVISIONS, json_schema_extra=SET
    )
    """Revisions that people rolled back from, newest last."""
    manual: bool = False
    """Whether a person chose it."""
    f1: float | None = Field(default=None, ge=0, le=1)
    """Its entity F1 on the test set, in 0..1."""
    drop: float | None = Field(default=None, ge=-100, le=100)
    """Points of F1 that it loses against the reference variant."""
    backend: str = Field(default="", max_length=63)
    """Of the compiled model in service."""
    compiled: str = Field(default="", max_length=64)
    """Digest of the compiled model in service."""


class HandledCommands(ApiModel):
    """What people asked for by annotations, as it was last handled; the same again changes nothing."""

    rerun: str = Field(default="", max_length=1024)
    """The annotation nerd.dev/rerun."""
    promote: str = Field(default="", max_length=1024)
    """The annotation nerd.dev/promote."""
    rollback: str = Field(default="", max_length=1024)
    """The annotation nerd.dev/rollback."""


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
    """The revision in service: the beginning of the digest of its compile keys."""
    variant: str | None = Field(default=None, max_length=63)
    """The variant in service."""
    f1: float | None = Field(default=None, ge=0, le=1)
    """Its entity F1 on the test set, in 0..1."""
    drop: float | None = Field(default=None, ge=-100, le=100)
    """Points of F1 that it loses against the reference variant."""
    candidate: str | None = Field(default=None, max_length=64)
    """The revision of the spec, while it is not the one in service."""
    stages: Items[StageStatus] = Field(default=(), max_length=256, json_schema_extra=map_by("name"))
    """Every stage, in an order in which they can run."""
    promotion: PromotionStatus | None = None
    """Where the pointer to the promoted model stands."""
    rerun: dict[str, Annotated[str, Field(max_length=63)]] = Field(default_factory=dict, max_length=256)
    """Tokens by stage (finetune) or step (compile/int8), of people who asked for it again."""
    promotion_requested_generation: int | None = Field(default=None, ge=0)
    """The pointer's generation when a person last asked to judge again."""
    last_handled_commands: HandledCommands = HandledCommands()
    """The commands that are done with."""
    storage_hash: str = Field(default="", max_length=64)
    """Which store the results are in, as a short digest; in another one they count for nothing."""
    blocked_since: Time | None = None
    """Since when it waits for what Ready says is missing."""

    def on_the_wire(self) -> dict[str, Any]:
        """The whole status as JSON values, but for what is at its default: equal statuses are equal here."""
        written = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return {"observedGeneration": self.observed_generation, **written}

    @classmethod
    def of(cls, written: Any) -> Self:
        """The status as the server has it; an absent one, or one that no release wrote, is an empty one."""
        try:
            return cls.model_validate(written or {})
        except ValidationError:
            # Of a later release, or by somebody's hand. Nothing is lost: results are verified where they are.
            return cls()

    def stage(self, name: str) -> StageStatus | None:
        """The stage with this name."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def condition(self, type_: str) -> Condition | None:
        """The condition of this type."""
        return next((condition for condition in self.conditions if condition.type == type_), None)
