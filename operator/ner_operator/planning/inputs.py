"""What a plan is made from beside the spec: whoever plans looks, and says it in these words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ner_jobs.task import Stage
from ner_jobs.task.parameters import PromoteCommand, RollbackCommand

Address = tuple[Stage, str]
"""A stage and a key: where an artifact is, if it is."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """What was observed of a finished step.

    Attributes:
        outputs: digest of each output.
        missing: files that its manifest lists and the store lacks, or has in another size.
        backend: of a compiled variant.
        outcome: of a promotion: what the verdict led to.
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
        promote_key: of the verdict that moved it here; empty where a person did.
        held: the revisions that people took back and did not promote again.
        manual: whether the last move was a person's choice of this revision and variant.
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
    """What a plan is made from beside the spec.

    Attributes:
        artifacts: by address; None says that it was looked for and is not there.
        records: ingredients of each step's last result, by name: they explain what changed.
        rerun: tokens by stage or step, of people who asked for a step again.
        promotion_requested_generation: the pointer's generation when a person last asked to judge again.
            It lifts what holds the promotion at that generation, and nothing later.
        command: what a person asks of the pointer, and has not got yet.
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
