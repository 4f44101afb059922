"""NerDeployment: one model, from its data to the promoted variant."""

from typing import ClassVar, Literal

from pydantic import Field

from ner_operator.api.base import ApiModel, Items, map_by
from ner_operator.api.field_types import ObjectName
from ner_operator.api.meta import KubernetesObject
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
    """The desired state."""

    model: Model
    """The base model, its labels, and how text is split into tokens."""
    data: Data
    """The data sets for training, validation, test and calibration."""
    finetune: Finetune | None = None
    """How the model is trained; {} applies all defaults. Absent: no training; the base must then be a token
    classifier whose labels cover the data."""
    variants: Items[Variant] = Field(min_length=1, max_length=32, json_schema_extra=map_by("name"))
    """The compiled forms of the model; exactly one is the reference."""
    evaluation: Evaluation = Evaluation()
    """How predictions are scored, and the gates that a variant must pass."""
    benchmark: Benchmark | None = None
    """How speed is measured; {} applies all defaults. Absent: speed is not measured."""
    inference: Items[Inference] = Field(default=(), max_length=32, json_schema_extra=map_by("name"))
    """Batch inference with the promoted model."""
    rollout: Rollout = Rollout()
    """Which variant is promoted, and whether a person approves it."""
    storage: Storage
    """The store of artifacts, logs and the pointer to the promoted model."""
    runtime: ObjectName | None = None
    """The NerRuntime of the stages without a variant (prepare, finetune, export, evaluate, promote).
    Absent: the runtime of the reference variant."""
    rerun: Rerun | None = None
    """Tokens that request new results, by stage."""
    scheduling: Scheduling = Scheduling()
    """How the stages' Jobs run in a cluster: queue, priority, deadlines, retries, resources, pod template."""
    suspend: bool = False
    """True stops all stages; their checkpoints are kept. False resumes from the checkpoints."""
    progress_deadline_seconds: int = Field(default=600, ge=1, le=31_536_000)
    """Seconds that something may be missing (a runtime, a Secret, a bucket, a device) before the condition
    Stalled is True. When it appears, the deployment continues by itself."""

    rules: ClassVar = rules.SPEC


class NerDeployment(KubernetesObject):
    """A named-entity recognition model: finetuned, compiled for each device and precision, evaluated,
    gated, and promoted.
    """

    api_version: Literal["nerd.dev/v1alpha1"]
    kind: Literal["NerDeployment"]
    spec: NerDeploymentSpec
    """The desired state."""
    status: NerDeploymentStatus | None = None
    """The observed state, written by the operator."""
