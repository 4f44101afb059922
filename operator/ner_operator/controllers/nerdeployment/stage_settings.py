"""The settings of a step's pod: from the spec for its stage, else for all stages, else from its runtime."""

from dataclasses import dataclass

from ner_jobs.task import Stage, canonical_digest
from ner_operator.api.v1alpha1 import NerDeployment, NerRuntimeSpec
from ner_operator.api.v1alpha1.pod_settings import Resources
from ner_operator.api.v1alpha1.scheduling import StageScheduling
from ner_operator.planning.graph import Step

COMPILES_ON_DEVICE: frozenset[str] = frozenset()
"""Backends whose compiler needs the device; those for CPU need none."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a step's pod, as its manifest writes them; empty if there is no limit.

    Attributes:
        deadline: seconds.
        device: resource name of the accelerator.
    """

    memory: str = ""
    scratch: str = ""
    deadline: int | None = None
    device: str = ""


def uses_accelerator(step: Step) -> bool:
    """Whether the step's pod requests the accelerator of its runtime."""
    if step.stage is Stage.COMPILE:
        return step.backend in COMPILES_ON_DEVICE
    return step.stage in (Stage.INFER, Stage.BENCHMARK)


def stage_scheduling(deployment: NerDeployment, stage: Stage) -> StageScheduling:
    """The part of `spec.scheduling` for one stage."""
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
    """The limits of a step's pod, for messages about it."""
    resources = resources_of(deployment, step.stage, runtime)
    accelerator = runtime.accelerator if uses_accelerator(step) else None
    return Limits(
        memory=resources.limits.get("memory", ""),
        scratch=deployment.spec.scheduling.scratch_size,
        deadline=deadline_of(deployment, step.stage),
        device=accelerator.resource_name if accelerator else "",
    )


def spec_hash_of(deployment: NerDeployment, runtime: NerRuntimeSpec, image: str) -> str:
    """A short digest of what an attempt is made from besides its key."""
    return canonical_digest([deployment.metadata.generation or 0, runtime.written(), image])[:16]
