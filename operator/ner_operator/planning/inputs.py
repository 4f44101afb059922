"""What a plan is made from besides the spec. A caller observes a store or a cluster and fills these in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ner_jobs.task import Stage
from ner_jobs.task.parameters import PromoteCommand, RollbackCommand

Address = tuple[Stage, str]
"""A stage and a key: the place of an artifact, which may be empty."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """What was observed of a finished step.

    Attributes:
        outputs: digest of each output.
        missing: files that its manifest lists and that the store lacks, or has in another size.
        backend: of a compiled variant.
        outcome: of a promotion: `Promoted`, `Refused`, …
    """

    outputs: Mapping[str, str]
    headline: Mapping[str, object] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    emulated: bool = False
    backend: str = ""
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class PointerState:
    """Where the pointer of this deployment stands.

    Attributes:
        promote_key: of the verdict that moved it here; empty if a person moved it.
        held: the revisions that people rolled back and did not promote again.
        manual: whether a person chose this revision and variant.
    """

    generation: int
    revision: str
    variant: str
    compile_key: str
    promote_key: str = ""
    held: tuple[str, ...] = ()
    manual: bool = False


@dataclass(frozen=True, slots=True)
class Observed:
    """What a plan is made from besides the spec.

    Attributes:
        artifacts: by address; None if it was looked up and does not exist.
        records: ingredients of each step's last result, by name: they explain what changed.
        rerun: tokens by stage or step, of people who requested a step again.
        promotion_requested_generation: the pointer's generation when a person last requested a new
            verdict. It releases a held promotion at that generation only.
        command: a person's command about the pointer that has not been carried out yet.
        versions: installed libraries, by name.
        isa: the CPU's ISA class.
    """

    artifacts: Mapping[Address, Artifact | None] = field(default_factory=dict)
    pointer: PointerState | None = None
    records: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    rerun: Mapping[str, str] = field(default_factory=dict)
    promotion_requested_generation: int | None = None
    command: PromoteCommand | RollbackCommand | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    isa: str = ""
