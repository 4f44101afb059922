"""`spec.evaluation`: how predictions are decoded and scored, and the gates before promotion."""

from typing import ClassVar, Literal

from pydantic import Field

from ner_jobs.task.parameters import Decoding
from ner_operator.api.base import ApiModel, Items
from ner_operator.api.strings import Label
from ner_operator.api.v1alpha1 import rules


class Gate(ApiModel):
    """One condition on the measured figures: a minimum, or a largest drop against another model."""

    metric: Literal["f1", "f1Strict", "precision", "recall", "accuracy"] = "f1"
    """The figure. f1 is seqeval's default mode, f1Strict strict IOB2, both micro over entities; accuracy
    counts tokens. Default: f1."""
    entity_type: Label | None = None
    """Looks at one entity type alone, such as ORG. Absent: all together."""
    min: float | None = Field(default=None, ge=0, le=1)
    """The least value, in 0..1."""
    max_drop: float | None = Field(default=None, ge=0, le=100)
    """The most points (1 point = 0.01) that may be lost against `against`."""
    against: Literal["reference", "current"] | None = None
    """What maxDrop compares with: the reference variant of this revision, or the model in service (passes
    where there is none)."""
    confidence: float | None = Field(default=None, gt=0.5, lt=1)
    """With it the one-sided bound at this confidence decides: min asks it of the lower bound, maxDrop of
    the upper one. Absent: the measured point decides."""

    rules: ClassVar = rules.GATE


class Evaluation(ApiModel):
    """How the variants are judged on the test set."""

    gates: Items[Gate] = Field(default=(), max_length=32)
    """What a variant must pass before it is promoted. Absent: every evaluated variant passes."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Of the intervals in the report, by a paired bootstrap over sentences."""
    decoding: Decoding = "constrained"
    """constrained: the best sequence of tags that the scheme allows. argmax: each token's best tag, as the
    reference scripts do."""
