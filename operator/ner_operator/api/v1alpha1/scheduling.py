"""`spec.scheduling`: where and how the stages' Jobs run in a cluster; a local run passes it over."""

from typing import Annotated

from pydantic import Field

from ner_operator.api.base import ApiModel
from ner_operator.api.strings import Name, ObjectName
from ner_operator.api.v1alpha1.pod_settings import PodTemplate, Quantity, Resources

Seconds = Annotated[int, Field(ge=1, le=31_536_000)]
"""At most a year."""


class StageScheduling(ApiModel):
    """What one stage has otherwise than the others."""

    resources: Resources | None = None
    """Instead of scheduling.resources; the runtime's accelerator is added by itself."""
    deadline_seconds: Seconds | None = None
    """Instead of scheduling.deadlineSeconds."""


class StagesScheduling(ApiModel):
    """By stage."""

    prepare: StageScheduling | None = None
    """Reading data and base model."""
    finetune: StageScheduling | None = None
    """Training on the train split."""
    export: StageScheduling | None = None
    """Export to TorchScript and ONNX."""
    compile: StageScheduling | None = None
    """Compiling each variant."""
    infer: StageScheduling | None = None
    """Inference of each variant, and of every entry of inference."""
    evaluate: StageScheduling | None = None
    """Scoring each variant."""
    benchmark: StageScheduling | None = None
    """Measuring each variant."""
    promote: StageScheduling | None = None
    """Judging, and moving the pointer."""


class Scheduling(ApiModel):
    """How the stages' Jobs run. Nothing here is part of a key: a change computes nothing again."""

    queue_name: Name | None = None
    """The Kueue LocalQueue that admits the Jobs. Absent: they start at once."""
    priority_class_name: ObjectName | None = None
    """The PriorityClass of the pods."""
    service_account_name: ObjectName | None = None
    """The service account of the pods, for an identity that the store knows; the platform team has to
    allow it. Absent: default. Its API token is never mounted."""
    deadline_seconds: Seconds | None = None
    """How long a stage's pod may run; waiting in a queue does not count. Absent: for ever."""
    queue_deadline_seconds: Seconds | None = None
    """How long a Job may wait before the conditions say so. Nothing is stopped."""
    retries: int = Field(default=2, ge=0, le=10)
    """How often a stage that fails for no known reason is tried again. What a stage itself calls
    retryable (a store that does not answer) is tried again as often as it takes."""
    ttl_seconds_after_finished: int = Field(default=3600, ge=0, le=31_536_000)
    """How long a finished Job stays; its result and its log stay in the store."""
    grace_period_seconds: int = Field(default=120, ge=1, le=3600)
    """How long a stage has to save its checkpoint when it is stopped."""
    scratch_size: Quantity = "20Gi"
    """The most that a stage may write to its scratch folder (inputs, checkpoints, results before they are
    stored). Default: 20Gi."""
    shared_memory_size: Quantity = "1Gi"
    """Size of /dev/shm, which counts as memory. Default: 1Gi."""
    resources: Resources | None = None
    """What every stage's pod asks for. Absent: the runtime's."""
    stages: StagesScheduling | None = None
    """What single stages have otherwise."""
    pod_template: PodTemplate | None = None
    """What is added to the pods: volumes, mounts, variables, labels, node selectors, tolerations."""
