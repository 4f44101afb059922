"""`spec.scheduling`: where and how the Jobs of the stages run in a cluster; a local run ignores it."""

from typing import Annotated

from pydantic import Field

from ner_operator.api.base import ApiModel
from ner_operator.api.field_types import Name, ObjectName
from ner_operator.api.v1alpha1.pod_settings import PodTemplate, Quantity, Resources

Seconds = Annotated[int, Field(ge=1, le=31_536_000)]
"""At most a year."""


class StageScheduling(ApiModel):
    """Settings of one stage."""

    resources: Resources | None = None
    """Replaces scheduling.resources for this stage; the runtime's accelerator is added automatically."""
    deadline_seconds: Seconds | None = None
    """Replaces scheduling.deadlineSeconds for this stage."""


class StagesScheduling(ApiModel):
    """Settings by stage."""

    prepare: StageScheduling | None = None
    """Reads the data and the base model."""
    finetune: StageScheduling | None = None
    """Trains the model."""
    export: StageScheduling | None = None
    """Exports the model to TorchScript and ONNX."""
    compile: StageScheduling | None = None
    """Compiles each variant."""
    infer: StageScheduling | None = None
    """Runs each variant, and every entry of inference."""
    evaluate: StageScheduling | None = None
    """Scores each variant."""
    benchmark: StageScheduling | None = None
    """Measures the speed of each variant."""
    promote: StageScheduling | None = None
    """Checks the gates and moves the pointer."""


class Scheduling(ApiModel):
    """How the Jobs of the stages run. Nothing here is part of a key, so a change recomputes nothing."""

    queue_name: Name | None = None
    """Kueue LocalQueue that admits the Jobs. Absent: they start immediately."""
    priority_class_name: ObjectName | None = None
    """PriorityClass of the pods."""
    service_account_name: ObjectName | None = None
    """Service account of the pods, such as one with access to the store; the platform team must allow it.
    Absent: default. Its API token is never mounted."""
    deadline_seconds: Seconds | None = None
    """Seconds that a stage's pod may run; time in a queue does not count. Absent: no limit."""
    queue_deadline_seconds: Seconds | None = None
    """Seconds that a Job may wait before the conditions report it. Nothing is stopped."""
    retries: int = Field(default=2, ge=0, le=10)
    """Number of retries of a stage that fails for an unknown reason. An error that the stage itself reports
    as retryable (such as an unreachable store) is retried without limit."""
    ttl_seconds_after_finished: int = Field(default=3600, ge=0, le=31_536_000)
    """Seconds until a finished Job is deleted; its result and its log stay in the store."""
    grace_period_seconds: int = Field(default=120, ge=1, le=3600)
    """Seconds that a stage has to save its checkpoint when it is stopped."""
    scratch_size: Quantity = "20Gi"
    """Size of a stage's scratch folder, which holds inputs, checkpoints, and results before they are stored.
    Default: 20Gi."""
    shared_memory_size: Quantity = "1Gi"
    """Size of /dev/shm, which counts as memory of the pod. Default: 1Gi."""
    resources: Resources | None = None
    """Resources of every stage's pod. Absent: the runtime's."""
    stages: StagesScheduling | None = None
    """Settings of single stages."""
    pod_template: PodTemplate | None = None
    """Additions to the pods: volumes, mounts, variables, labels, node selectors, tolerations."""
