"""`spec.variants[]`: the compiled forms of the model, and the search for an int8 recipe."""

from typing import Annotated, ClassVar

from pydantic import Field

from ner_jobs.task.parameters import Precision
from ner_operator.api.base import ApiModel
from ner_operator.api.field_types import DNS_LABEL, Name, ObjectName
from ner_operator.api.v1alpha1 import rules


class Quantization(ApiModel):
    """The search for an int8 recipe whose loss on validation is acceptable."""

    recipe: str | None = Field(default=None, min_length=1, max_length=63, pattern=DNS_LABEL)
    """Name of the only recipe to use, without a search; naive shows the collapse that the search avoids."""
    max_drop: float = Field(default=0.5, ge=0, le=100)
    """Maximum drop of a recipe on validation, in points of F1 (1 point = 0.01). It is compared with the
    one-sided upper bound of the drop."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Confidence level of that one-sided bound."""
    fallback: Precision | None = None
    """Precision to compile if no recipe passes; the runtime's backend must support it. Absent: the variant
    fails."""


class Variant(ApiModel):
    """One compiled form of the model: a runtime and a precision."""

    name: Name
    """Name of the variant in gates, preference, reports and the store."""
    runtime: ObjectName
    """NerRuntime that compiles and runs it. Built in: cpu-torchscript, cpu-onnxruntime, cpu-openvino."""
    precision: Precision
    """Precision of the compiled model: fp32, bf16, fp16 or int8, if the runtime's backend supports it."""
    reference: bool | None = None
    """True on exactly one variant, which the drops of the others are measured against."""
    quantization: Quantization | None = None
    """Search for an int8 recipe; only with precision int8. Absent: the search with its defaults."""
    options: dict[str, Annotated[str, Field(max_length=256)]] | None = Field(default=None, max_length=16)
    """Settings of the backend by name; compile refuses an unknown setting."""

    rules: ClassVar = rules.VARIANT
