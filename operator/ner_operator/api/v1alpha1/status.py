"""`status`: what the operator has planned and observed. It is bounded in size, and users never write it.

A stage's result is kept here as soon as it is observed, so it outlives its Job.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError

from ner_operator.api.base import SET, ApiModel, Items, map_by
from ner_operator.api.field_types import Sha256
from ner_operator.api.meta import Condition

StageState = Literal["Waiting", "Queued", "Running", "Retrying", "Succeeded", "Failed", "Held", "Suspended"]

Time = Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]

STAGE_MESSAGE = 2048
"""Maximum characters of a stage's message; the operator writes fewer."""

HELD_REVISIONS = 32
"""Number of rolled-back revisions in the status; the pointer in the store has all."""


class StageResult(ApiModel):
    """The result of a stage; its artifact is under `<storage>/<stage>/<key>`."""

    key: Sha256
    """Key of the result; equal keys have equal results."""
    manifest_digest: str = Field(default="", max_length=64)
    """SHA-256 of the artifact's manifest."""
    outputs: dict[str, Annotated[str, Field(max_length=64)]] = Field(default_factory=dict, max_length=16)
    """Digests of the outputs, by name."""
    headline: dict[str, Any] = Field(
        default_factory=dict, max_length=16, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True}
    )
    """The most important metrics of the stage."""
    message: str = Field(default="", max_length=STAGE_MESSAGE)
    """Explanation of the result, such as the verdict of promote."""
    emulated: bool = False
    """Whether the result comes from an emulated device."""


class StageStatus(ApiModel):
    """One step of the plan: its last attempt and its last result."""

    name: str = Field(min_length=1, max_length=127)
    """Name of the step, such as prepare, compile/int8 or inference/archive."""
    state: StageState
    """State of the stage. Waiting: for other stages or for something missing. Queued: its Job has no running
    pod. Retrying: the next attempt starts at retryTime. Held: its revision was rolled back."""
    reason: str = Field(default="", max_length=256)
    """The cause of the state, as one CamelCase word; empty if there is none."""
    message: str = Field(default="", max_length=STAGE_MESSAGE)
    """The cause of the state in a sentence, and what to do next."""
    key: str = Field(default="", max_length=64)
    """Key of the last attempt; empty before the first."""
    attempt: int = Field(default=0, ge=0)
    """Number of attempts so far, with any key."""
    failures: int = Field(default=0, ge=0)
    """Number of consecutive failed attempts with this key."""
    job: str = Field(default="", max_length=63)
    """Name of the last attempt's Job."""
    spec_hash: str = Field(default="", max_length=64)
    """Digest of what the last attempt's Job was made of besides its key (generation, runtime, image). A
    failed stage is retried if it changes."""
    start_time: Time | None = None
    """Time at which the last attempt started to run."""
    finish_time: Time | None = None
    """Time at which the last attempt ended."""
    retry_time: Time | None = None
    """Time at which the next attempt starts."""
    result: StageResult | None = None
    """The last result; later attempts that failed do not remove it."""


class PromotionStatus(ApiModel):
    """The pointer to the promoted model, as the stages last reported it."""

    generation: int = Field(ge=1)
    """Generation of the pointer; it only increases."""
    revision: str = Field(max_length=64)
    """The revision in service."""
    variant: str = Field(max_length=63)
    """The variant in service."""
    compile_key: str = Field(max_length=64)
    """Key of the compiled model in service."""
    promote_key: str = Field(default="", max_length=64)
    """Key of the promote result that moved the pointer; empty if a person moved it."""
    held: Items[Annotated[str, Field(max_length=64)]] = Field(
        default=(), max_length=HELD_REVISIONS, json_schema_extra=SET
    )
    """Revisions that were rolled back and are not promoted again automatically, newest last."""
    manual: bool = False
    """Whether a person chose the model in service."""
    f1: float | None = Field(default=None, ge=0, le=1)
    """Entity F1 of the model in service on the test set, in 0..1."""
    drop: float | None = Field(default=None, ge=-100, le=100)
    """Points of F1 that the model in service loses against the reference variant."""
    backend: str = Field(default="", max_length=63)
    """Backend of the compiled model in service."""
    compiled: str = Field(default="", max_length=64)
    """Digest of the compiled model in service."""


class HandledCommands(ApiModel):
    """The annotations that were last handled as commands; the same text again changes nothing."""

    rerun: str = Field(default="", max_length=1024)
    """The annotation nerd.dev/rerun."""
    promote: str = Field(default="", max_length=1024)
    """The annotation nerd.dev/promote."""
    rollback: str = Field(default="", max_length=1024)
    """The annotation nerd.dev/rollback."""


class NerDeploymentStatus(ApiModel):
    """The observed state."""

    observed_generation: int = Field(default=-1, ge=-1)
    """Generation of the spec that was last reconciled; -1 before the first time."""
    conditions: Items[Condition] = Field(default=(), max_length=16, json_schema_extra=map_by("type"))
    """Ready, Reconciling, Stalled and Available; each message says what to do next."""
    resolved: dict[str, Any] | None = Field(
        default=None, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True}
    )
    """The spec with all defaults applied."""
    revision: str | None = Field(default=None, max_length=64)
    """Revision of the model in service: a prefix of the digest of its compile keys."""
    variant: str | None = Field(default=None, max_length=63)
    """The variant in service."""
    f1: float | None = Field(default=None, ge=0, le=1)
    """Entity F1 of the model in service on the test set, in 0..1."""
    drop: float | None = Field(default=None, ge=-100, le=100)
    """Points of F1 that the model in service loses against the reference variant."""
    candidate: str | None = Field(default=None, max_length=64)
    """Revision of the current spec, if another revision is in service."""
    stages: Items[StageStatus] = Field(default=(), max_length=256, json_schema_extra=map_by("name"))
    """All steps of the plan, in an order in which they can run."""
    promotion: PromotionStatus | None = None
    """The pointer to the promoted model."""
    rerun: dict[str, Annotated[str, Field(max_length=63)]] = Field(default_factory=dict, max_length=256)
    """Rerun tokens of commands, by stage (finetune) or step (compile/int8)."""
    promotion_requested_generation: int | None = Field(default=None, ge=0)
    """Generation of the pointer when a person last requested another check of the gates."""
    last_handled_commands: HandledCommands = HandledCommands()
    """The commands that have been handled."""
    storage_hash: str = Field(default="", max_length=64)
    """Short digest of spec.storage; results of another store are ignored."""
    blocked_since: Time | None = None
    """Time since which the deployment waits for what the condition Ready names."""

    def on_the_wire(self) -> dict[str, Any]:
        """The status as JSON values without defaults, so that equal statuses have equal JSON."""
        written = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return {"observedGeneration": self.observed_generation, **written}

    @classmethod
    def of(cls, written: Any) -> Self:
        """The status of an object; an absent or unreadable status counts as empty."""
        try:
            return cls.model_validate(written or {})
        except ValidationError:
            # Another release or a person wrote it. No result is lost: stages find their results in the store.
            return cls()

    def stage(self, name: str) -> StageStatus | None:
        """The stage with this name."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def condition(self, type_: str) -> Condition | None:
        """The condition of this type."""
        return next((condition for condition in self.conditions if condition.type == type_), None)
