"""`spec.variants[]`: the compiled forms of the model, and how int8 is found."""

from typing import Annotated, ClassVar

from pydantic import Field

from ner_jobs.task.parameters import Precision
from ner_operator.api.base import ApiModel
from ner_operator.api.strings import DNS_LABEL, Name, ObjectName
from ner_operator.api.v1alpha1 import rules


class Quantization(ApiModel):
    """The search for an int8 recipe that loses no more than allowed, on validation."""

    recipe: str | None = Field(default=None, min_length=1, max_length=63, pattern=DNS_LABEL)
    """One recipe by name instead of the search; naive shows the collapse that the search avoids."""
    max_drop: float = Field(default=0.5, ge=0, le=100)
    """Points of F1 (1 point = 0.01 F1) that a recipe may lose on validation, by the upper bound of its
    confidence interval."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Of that one-sided bound."""
    fallback: Precision | None = None
    """What is compiled when no recipe passes: a precision that the runtime's backend has. Absent: the
    variant fails."""


class Variant(ApiModel):
    """One compiled form of the model: a runtime and a precision."""

    name: Name
    """Names the variant in gates, preference, reports and the store."""
    runtime: ObjectName
    """The NerRuntime that compiles and runs it. Built in: cpu-torchscript, cpu-onnxruntime, cpu-openvino."""
    precision: Precision
    """What it runs in: fp32, bf16, fp16 or int8, as far as the runtime's backend has it."""
    reference: bool | None = None
    """True on exactly one variant: the one that the others' drops are measured against."""
    quantization: Quantization | None = None
    """How int8 is found; with precision int8 only. Absent: the search with its defaults."""
    options: dict[str, Annotated[str, Field(max_length=256)]] | None = Field(default=None, max_length=16)
    """Settings of the backend by name; an unknown one is refused when the variant is compiled."""

    rules: ClassVar = rules.VARIANT
