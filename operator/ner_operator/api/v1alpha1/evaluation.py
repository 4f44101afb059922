"""`spec.evaluation`: how predictions are decoded and scored, and the gates before a promotion."""

from typing import ClassVar, Literal

from pydantic import Field

from ner_jobs.task.parameters import Decoding, GateMetric
from ner_operator.api.base import ApiModel, Items
from ner_operator.api.field_types import Label
from ner_operator.api.v1alpha1 import rules


class Gate(ApiModel):
    """One requirement on a metric: a minimum, a maximum, or a maximum drop against another model."""

    metric: GateMetric = "f1"
    """The metric. f1 is seqeval's default mode, f1Strict its strict mode with IOB2, both micro-averaged over
    entities; accuracy counts tokens. p50Ms, p99Ms (latency) and sentencesPerSecond are measured by
    spec.benchmark, sizeMiB by compile. Default: f1."""
    entity_type: Label | None = None
    """Entity type that the metric is computed for, such as ORG. Absent: all types together."""
    min: float | None = Field(default=None, ge=0)
    """Minimum of the metric: in 0..1, or sentences per second."""
    max: float | None = Field(default=None, ge=0)
    """Maximum of p50Ms, p99Ms (milliseconds) or sizeMiB."""
    max_drop: float | None = Field(default=None, ge=0, le=100)
    """Maximum drop in points (1 point = 0.01) compared with `against`."""
    against: Literal["reference", "current"] | None = None
    """What maxDrop compares with: the reference variant of this revision, or the model in service (the gate
    passes if there is none)."""
    confidence: float | None = Field(default=None, gt=0.5, lt=1)
    """Confidence level of a one-sided bound that must hold: the lower bound for min, the upper bound for
    maxDrop. Absent: the measured value must hold."""

    rules: ClassVar = rules.GATE


class Evaluation(ApiModel):
    """How the variants are evaluated on the test set."""

    gates: Items[Gate] = Field(default=(), max_length=32)
    """Gates that a variant must pass to be promoted. Absent: every evaluated variant passes."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Confidence level of the intervals in the report, from a paired bootstrap over sentences."""
    decoding: Decoding = "constrained"
    """constrained: the best sequence of tags that the scheme allows. argmax: the best tag of each token, as
    in the reference scripts."""
