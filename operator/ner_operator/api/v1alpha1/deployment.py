"""NerDeployment: one model, from data to a promoted compiled form."""

from typing import ClassVar, Literal

from pydantic import Field

from ner_operator.api.base import ApiModel, Items, map_by
from ner_operator.api.meta import KubernetesObject
from ner_operator.api.strings import ObjectName
from ner_operator.api.v1alpha1 import rules
from ner_operator.api.v1alpha1.benchmark import Benchmark
from ner_operator.api.v1alpha1.data import Data
from ner_operator.api.v1alpha1.evaluation import Evaluation
from ner_operator.api.v1alpha1.finetune import Finetune
from ner_operator.api.v1alpha1.inference import Inference
from ner_operator.api.v1alpha1.model import Model
from ner_operator.api.v1alpha1.rerun import Rerun
from ner_operator.api.v1alpha1.rollout import Rollout
from ner_operator.api.v1alpha1.scheduling import Scheduling
from ner_operator.api.v1alpha1.status import NerDeploymentStatus
from ner_operator.api.v1alpha1.storage import Storage
from ner_operator.api.v1alpha1.variants import Variant


class NerDeploymentSpec(ApiModel):
    """What is wanted."""

    model: Model
    """The base model, its labels, and how text reaches it."""
    data: Data
    """The data sets."""
    finetune: Finetune | None = None
    """How the model is trained; {} takes every default. Absent: no training, the base must be a token
    classifier whose labels cover the data."""
    variants: Items[Variant] = Field(min_length=1, max_length=32, json_schema_extra=map_by("name"))
    """The compiled forms of the model; exactly one is the reference."""
    evaluation: Evaluation = Evaluation()
    """How the variants are scored and judged."""
    benchmark: Benchmark | None = None
    """How speed is measured; {} takes every default. Absent: it is not measured."""
    inference: Items[Inference] = Field(default=(), max_length=32, json_schema_extra=map_by("name"))
    """More data to run through the promoted model."""
    rollout: Rollout = Rollout()
    """Which variant is promoted, and by whom."""
    storage: Storage
    """Where artifacts and the pointer to the promoted model live."""
    runtime: ObjectName | None = None
    """The NerRuntime of the stages without a variant (prepare, finetune, export, evaluate, promote).
    Absent: that of the reference variant."""
    rerun: Rerun | None = None
    """Asks for results again, by stage."""
    scheduling: Scheduling = Scheduling()
    """How the stages' Jobs run in a cluster: queue, priority, deadlines, retries, resources, pod template."""
    suspend: bool = False
    """True stops every stage and keeps what it has saved; false goes on from there."""
    progress_deadline_seconds: int = Field(default=600, ge=1, le=31_536_000)
    """How long something may be missing (a runtime, a Secret, a bucket, a device) before the deployment
    counts as stalled. It goes on by itself all the same when that is there."""

    rules: ClassVar = rules.SPEC


class NerDeployment(KubernetesObject):
    """A named-entity recognition model: finetuned, compiled for each device and precision, evaluated,
    gated, and promoted.
    """

    api_version: Literal["nerd.dev/v1alpha1"]
    kind: Literal["NerDeployment"]
    spec: NerDeploymentSpec
    """What is wanted."""
    status: NerDeploymentStatus | None = None
    """What became of it; the operator writes it."""
