"""A NerDeployment with every default filled in. The graph, the keys and the plan work on this form alone.

The classes of `ner_operator.api` say what a user may write. These classes say
what it means. Two specs that mean the same have the same keys.
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
        image: as the runtime states it; empty in a local run.
        device: resource name of the accelerator; empty on a CPU, whose ISA class is in the keys instead.
        compiler: versions that the runtime states (`compilerVersion`, `sdkVersion`), by name.
        missing: empty if the runtime exists. Otherwise which field names it and which runtimes exist;
            only the name is known then.
    """

    name: str
    backend: str = ""
    image: str = ""
    device: str = ""
    emulated: bool = False
    compiler: tuple[tuple[str, str], ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """One compiled form of the model.

    Attributes:
        compile: None if the runtime is missing, since the backend is one of the parameters.
    """

    name: str
    runtime: Runtime
    precision: str
    compile: CompileParameters | None


@dataclass(frozen=True, slots=True)
class Inference:
    """More data for the promoted model."""

    name: str
    parameters: InferParameters


@dataclass(frozen=True, slots=True)
class PromotionPolicy:
    """The parameters of `promote` that the spec decides; the revision and the pointer decide the others.

    Attributes:
        reference: name of the reference variant.
    """

    preference: tuple[str, ...]
    reference: str
    gates: tuple[GateParameters, ...] = ()
    mode: str = "Automatic"
    allow_emulated: bool = False
    history_limit: int = 10


@dataclass(frozen=True, slots=True)
class ResolvedDeployment:
    """Everything that the spec means.

    Attributes:
        runtime: of the stages that have no variant.
        benchmark: None if the spec has no benchmark.
        rerun: tokens by stage (`finetune`) or step (`compile/int8`).
    """

    owner: Owner
    storage: StorageSettings
    runtime: Runtime
    prepare: PrepareParameters
    finetune: FinetuneParameters | None
    export: ExportParameters
    variants: tuple[Variant, ...]
    infer: InferParameters
    evaluate: EvaluateParameters
    benchmark: BenchmarkParameters | None
    promotion: PromotionPolicy
    inference: tuple[Inference, ...] = ()
    rerun: tuple[tuple[str, str], ...] = ()

    @property
    def reference(self) -> str:
        """Name of the reference variant."""
        return self.promotion.reference

    @property
    def missing_runtimes(self) -> tuple[str, ...]:
        """A message for each field that names a missing runtime, in the order of the spec."""
        runtimes = (self.runtime, *(variant.runtime for variant in self.variants))
        return tuple(runtime.missing for runtime in runtimes if runtime.missing)
