"""A NerDeployment with every default filled in: what graph, keys and plan work on.

The kinds (`ner_operator.api`) say what a user may write; these classes say
what it means. Keys rest on this form alone, so two specs that mean the same
have the same keys.
"""

from dataclasses import dataclass

from ner_jobs.task import Owner, StorageSettings
from ner_jobs.task.parameters import (
    BenchmarkParameters,
    CompileParameters,
    EvaluateParameters,
    ExportParameters,
    FinetuneParameters,
    GateParameters,
    InferParameters,
    PrepareParameters,
)


@dataclass(frozen=True, slots=True)
class Runtime:
    """How stages run on one kind of device.

    Attributes:
        image: as the runtime writes it; empty in a local run.
        device: the accelerator's resource name; empty on a CPU, where the ISA class takes its place.
        compiler: versions that the runtime states (`compilerVersion`, `sdkVersion`), by name.
    """

    name: str
    backend: str
    image: str = ""
    device: str = ""
    emulated: bool = False
    compiler: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Variant:
    """One compiled form of the model."""

    name: str
    runtime: Runtime
    compile: CompileParameters


@dataclass(frozen=True, slots=True)
class Inference:
    """More data for the promoted model."""

    name: str
    parameters: InferParameters


@dataclass(frozen=True, slots=True)
class PromotionPolicy:
    """What `promote` is told beyond the revision and the pointer."""

    preference: tuple[str, ...]
    gates: tuple[GateParameters, ...] = ()
    mode: str = "Automatic"
    allow_emulated: bool = False
    history_limit: int = 10
    seed: int = 42
    resamples: int = 2000


@dataclass(frozen=True, slots=True)
class ResolvedDeployment:
    """Everything that the spec means.

    Attributes:
        runtime: of the stages without a variant.
        reference: name of the reference variant.
        benchmark: None where the spec asks for none.
        rerun: tokens by stage (`finetune`) or step (`compile/int8`).
    """

    owner: Owner
    storage: StorageSettings
    runtime: Runtime
    prepare: PrepareParameters
    finetune: FinetuneParameters | None
    export: ExportParameters
    variants: tuple[Variant, ...]
    reference: str
    infer: InferParameters
    evaluate: EvaluateParameters
    benchmark: BenchmarkParameters | None
    promotion: PromotionPolicy
    inference: tuple[Inference, ...] = ()
    rerun: tuple[tuple[str, str], ...] = ()
