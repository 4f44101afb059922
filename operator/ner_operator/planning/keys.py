"""Keys: a key names a stage's result.

A key is the digest of everything that decides the result's bytes, and of
nothing else. The product's version and commit are not in it. If new code of a
stage changes its results, the stage's number in `RESULT_VERSIONS` is raised.
The ingredients of a key are kept in the plan's record, so that a later plan
can say which of them changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ner_jobs.task import Stage, canonical_digest
from ner_jobs.task.model import Contract
from ner_jobs.task.parameters import NOT_IN_KEY

RESULT_VERSIONS: Mapping[Stage, int] = {
    Stage.PREPARE: 3,
    Stage.FINETUNE: 4,
    Stage.EXPORT: 1,
    Stage.COMPILE: 8,
    Stage.INFER: 2,
    Stage.EVALUATE: 3,
    Stage.BENCHMARK: 1,
    Stage.PROMOTE: 4,
}
"""Raise a stage's number when, and only when, its code leaves other results for the same ingredients."""

COMPUTES: Mapping[Stage, tuple[str, ...]] = {
    Stage.PREPARE: (),
    Stage.FINETUNE: ("accelerate", "tokenizers", "torch", "transformers"),
    Stage.EXPORT: ("onnx", "tokenizers", "torch", "transformers"),
    Stage.COMPILE: ("tokenizers",),
    Stage.INFER: ("tokenizers",),
    Stage.EVALUATE: (),
    Stage.BENCHMARK: ("tokenizers",),
    Stage.PROMOTE: (),
}
"""Libraries whose arithmetic decides a stage's result; stages that copy and count depend on none."""

COMPILERS: Mapping[str, tuple[str, ...]] = {
    "torchscript": ("torch",),
    "onnxruntime": ("onnx", "onnxruntime"),
    "openvino": ("nncf", "openvino"),
}
"""What compiles a variant, by backend."""

ENGINES: Mapping[str, tuple[str, ...]] = {
    "torchscript": ("torch",),
    "onnxruntime": ("onnxruntime",),
    "openvino": ("openvino",),
}
"""What runs a variant, by backend."""

ON_A_DEVICE = frozenset({Stage.FINETUNE, Stage.EXPORT, Stage.COMPILE, Stage.INFER, Stage.BENCHMARK})
"""Stages whose result depends on the kind of device, since they compute with floating-point numbers."""

PACKAGES = tuple(
    sorted({name for table in (COMPUTES, COMPILERS, ENGINES) for names in table.values() for name in names})
)
"""Every library whose version may be in a key; an observer has to find these versions."""


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What a key is made of.

    Attributes:
        version: the stage's number in `RESULT_VERSIONS`.
        parameters: JSON values, without those that change no result.
        rerun: the tokens of people who requested the step again; empty for the first result.
        inputs: digest of each input's output, by role.
        versions: of the libraries that compute, and what the runtime states of its compiler.
        device: the accelerator's resource name, or the CPU's ISA class; empty if neither matters.
    """

    stage: Stage
    version: int
    parameters: Mapping[str, object]
    rerun: str
    inputs: Mapping[str, str]
    versions: Mapping[str, str]
    device: str
    image: str

    def key(self) -> str:
        """64 hexadecimal digits."""
        return canonical_digest(self.record())

    def record(self) -> dict[str, object]:
        """As JSON values. The digest is of these, and they are kept to explain the next change."""
        return {
            "stage": self.stage.value,
            "version": self.version,
            "parameters": dict(self.parameters),
            "rerun": self.rerun,
            "inputs": dict(self.inputs),
            "versions": dict(self.versions),
            "device": self.device,
            "image": self.image,
        }


def parameters_in_key(stage: Stage, parameters: Contract) -> dict[str, object]:
    """The parameters as JSON values, without absent ones and those that change no result."""
    dumped: dict[str, object] = parameters.model_dump(mode="json", by_alias=True, exclude_none=True)
    if stage is Stage.BENCHMARK:
        return dumped
    return {name: value for name, value in dumped.items() if name not in NOT_IN_KEY}


def libraries_of(stage: Stage, backend: str) -> tuple[str, ...]:
    """The libraries whose versions are in the key of a stage on a backend, sorted."""
    of_backend = COMPILERS if stage is Stage.COMPILE else ENGINES
    on_backend = stage in (Stage.COMPILE, Stage.INFER, Stage.BENCHMARK)
    return tuple(sorted({*COMPUTES[stage], *(of_backend.get(backend, ()) if on_backend else ())}))


def revision_of(compile_keys: Mapping[str, str]) -> str:
    """The digest that names a revision.

    It contains the variants' names, since the pointer names the variant in service.

    Args:
        compile_keys: key of the compile stage, by variant.
    """
    return canonical_digest(dict(compile_keys))
