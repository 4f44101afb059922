"""What the pod of a step asks for: from the spec, its stage's own part first, then from the runtime."""

from ner_jobs.task import Stage, canonical_digest
from ner_operator.api.v1alpha1 import NerDeployment, NerRuntimeSpec
from ner_operator.api.v1alpha1.pod_settings import Resources
from ner_operator.api.v1alpha1.scheduling import StageScheduling
from ner_operator.controllers.nerdeployment.diagnosis import Limits
from ner_operator.planning.graph import Step

COMPILES_ON_DEVICE: frozenset[str] = frozenset()
"""Backends whose compiler needs the device; those for CPU need none."""


def on_device(step: Step) -> bool:
    """Whether the step asks for its runtime's accelerator."""
    if step.stage is Stage.COMPILE:
        return step.backend in COMPILES_ON_DEVICE
    return step.stage in (Stage.INFER, Stage.BENCHMARK)


def stage_scheduling(deployment: NerDeployment, stage: Stage) -> StageScheduling:
    """What the spec says of one stage alone."""
    stages = deployment.spec.scheduling.stages
    own: StageScheduling | None = getattr(stages, stage.value) if stages else None
    return own or StageScheduling()


def resources_of(deployment: NerDeployment, stage: Stage, runtime: NerRuntimeSpec) -> Resources:
    """Requests and limits, without the accelerator."""
    scheduling = deployment.spec.scheduling
    own = stage_scheduling(deployment, stage).resources
    return own or scheduling.resources or runtime.resources or Resources()


def deadline_of(deployment: NerDeployment, stage: Stage) -> int | None:
    """Seconds that the pod may run."""
    own = stage_scheduling(deployment, stage).deadline_seconds
    return own if own is not None else deployment.spec.scheduling.deadline_seconds


def limits_of(deployment: NerDeployment, step: Step, runtime: NerRuntimeSpec) -> Limits:
    """What bounds the pod, for sentences about it."""
    resources = resources_of(deployment, step.stage, runtime)
    accelerator = runtime.accelerator if on_device(step) else None
    return Limits(
        memory=resources.limits.get("memory", ""),
        scratch=deployment.spec.scheduling.scratch_size,
        deadline=deadline_of(deployment, step.stage),
        device=accelerator.resource_name if accelerator else "",
    )


def spec_hash_of(generation: int, runtime: NerRuntimeSpec, image: str) -> str:
    """A short digest of what an attempt is made from besides its key."""
    return canonical_digest([generation, runtime.written(), image])[:16]
