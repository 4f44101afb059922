"""A cluster, as far as a decision depends on it: Jobs, the store that they fill, a pointer, a clock.

Nothing here knows how the operator decides. The result of a stage depends on
its key only, so two histories can be compared. Promote moves the pointer as
the real stage does: only if the pointer has the expected generation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ner_jobs.task import ExitCode, Stage, Task, canonical_digest
from ner_jobs.task.promote_headline import PromoteHeadline
from ner_operator.api.v1alpha1 import NerDeployment, NerRuntimeSpec
from ner_operator.api.v1alpha1.status import NerDeploymentStatus, StageStatus
from ner_operator.controllers.nerdeployment.decide import decide
from ner_operator.controllers.nerdeployment.decision import Decision, JobOrder
from ner_operator.controllers.nerdeployment.snapshot import ClusterSettings, JobPhase, JobSnapshot, Snapshot
from ner_operator.controllers.nerdeployment.termination_message import TerminationMessage

UID = "4c7b5f0e-0b6c-4f0e-9b1a-6d1f6f5a7c11"
OUTPUTS = {
    Stage.PREPARE: ("base", "labels", "train", "validation", "test", "calibration"),
    Stage.FINETUNE: ("model",),
    Stage.EXPORT: ("model",),
    Stage.COMPILE: ("compiled",),
    Stage.INFER: ("predictions",),
    Stage.EVALUATE: ("counts",),
    Stage.BENCHMARK: ("benchmark",),
    Stage.PROMOTE: ("model", "verdict"),
}
SPEC: Mapping[str, Any] = {
    "model": {"base": "s3://models/base"},
    "data": {
        "train": {"uri": "s3://data/train"},
        "validation": {"uri": "s3://data/dev"},
        "test": {"uri": "s3://data/test"},
    },
    "finetune": {},
    "variants": [
        {"name": "reference", "runtime": "cpu-openvino", "precision": "fp32", "reference": True},
        {"name": "int8", "runtime": "va16", "precision": "int8"},
    ],
    "storage": {"uri": "s3://ner/small", "credentialsSecret": "s3-credentials"},
}
VA16 = NerRuntimeSpec.model_validate(
    {
        "backend": "openvino",
        "image": "registry/va:1",
        "accelerator": {"resourceName": "vastaitech.com/va"},
        "resources": {"limits": {"memory": "8Gi"}},
    }
)


@dataclass
class Cluster:
    """One deployment with its Jobs and its store.

    Attributes:
        store: outputs by stage and key.
        runs: how often a stage was computed, by stage and key; verifying a result does not count.
        verdict: the outcome of a promote task.
    """

    spec: dict[str, Any] = field(default_factory=lambda: dict(SPEC))
    annotations: dict[str, str] = field(default_factory=dict)
    generation: int = 1
    status: NerDeploymentStatus = field(default_factory=NerDeploymentStatus)
    jobs: dict[str, JobSnapshot] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    settings: ClusterSettings = field(
        default_factory=lambda: ClusterSettings({"va16": VA16}, "registry/jobs:1", {"torch": "2.13"})
    )
    now: float = 1_000_000.0
    store: dict[tuple[Stage, str], dict[str, str]] = field(default_factory=dict)
    headlines: dict[tuple[Stage, str], dict[str, object]] = field(default_factory=dict)
    runs: dict[tuple[Stage, str], int] = field(default_factory=dict)
    pointer: PromoteHeadline = field(default_factory=PromoteHeadline)
    verdict: Callable[[Task], str] = lambda task: "Promoted"
    listed: bool = True
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def deployment(self) -> NerDeployment:
        return NerDeployment.model_validate(
            {
                "apiVersion": "nerd.dev/v1alpha1",
                "kind": "NerDeployment",
                "metadata": {
                    "name": "small",
                    "namespace": "nlp",
                    "uid": UID,
                    "generation": self.generation,
                    "annotations": dict(self.annotations),
                },
                "spec": self.spec,
            }
        )

    def change(self, **spec: Any) -> None:
        """Change the spec and raise its generation, as the API server does."""
        self.spec = {**self.spec, **spec}
        self.generation += 1

    def snapshot(self) -> Snapshot:
        return Snapshot(
            self.deployment,
            self.status,
            tuple(self.jobs.values()),
            self.settings,
            self.listed,
            refused=self.refused,
        )

    def decide(self) -> Decision:
        return decide(self.snapshot(), self.now)

    def step(self) -> Decision:
        """One pass of the operator, with all its writes."""
        decision = self.decide()
        self.apply(decision)
        return decision

    def apply(self, decision: Decision) -> None:
        for job in decision.delete:
            self.jobs.pop(job.name, None)
        for order in decision.create:
            self.create(order)
        self.write(decision)

    def create(self, order: JobOrder) -> None:
        if order.name in self.jobs:
            return
        self.tasks[order.name] = order.task
        self.jobs[order.name] = JobSnapshot(
            name=order.name,
            uid=order.name,
            step=order.step,
            key=order.task.key,
            attempt=order.attempt,
            phase=JobPhase.QUEUED,
            created=self.now,
            spec_hash=order.spec_hash,
        )

    def write(self, decision: Decision) -> None:
        """Write the status, and read it back from JSON."""
        self.status = NerDeploymentStatus.of(decision.status.on_the_wire())

    def job(self, step: str) -> JobSnapshot:
        """The latest Job of a step."""
        return max((job for job in self.jobs.values() if job.step == step), key=lambda job: job.attempt)

    def stage(self, name: str) -> StageStatus:
        entry = self.status.stage(name)
        assert entry is not None
        return entry

    def condition(self, type_: str) -> tuple[str, str] | None:
        condition = self.status.condition(type_)
        return None if condition is None else (condition.status, condition.reason)

    def check_conditions(self) -> None:
        """True in every state: Ready, or else exactly one of Reconciling and Stalled."""
        found = {each.type: each.status for each in self.status.conditions}
        progress = [found[name] for name in ("Reconciling", "Stalled") if name in found]
        assert progress == ([] if found["Ready"] == "True" else ["True"])
        assert self.status.conditions[0].type == "Ready"
        assert all(each.observed_generation == self.generation for each in self.status.conditions)

    def start(self, step: str) -> None:
        job = self.job(step)
        self.jobs[job.name] = replace(job, phase=JobPhase.RUNNING, started=self.now)

    def hinder(self, step: str, reason: str, message: str = "") -> None:
        job = self.job(step)
        self.jobs[job.name] = replace(job, reason=reason, message=message)

    def finish(self, step: str) -> None:
        """The stage runs: it leaves its result, or finds it, or an input is missing."""
        job = self.job(step)
        task = self.tasks[job.name]
        for reference in task.inputs.values():
            there = self.store.get((Stage(reference.stage), reference.key))
            if there is None or there.get(reference.output) != reference.digest:
                return self.fail(
                    step,
                    ExitCode.TRY_AGAIN,
                    f"input artifact {reference.stage} {reference.key} has vanished from s3://ner/small; "
                    "its producer has to run again (nerd run does)",
                )
        if (task.stage, task.key) not in self.store:
            if task.stage is Stage.PROMOTE and (why := self._judge(task)):
                return self.fail(step, ExitCode.TRY_AGAIN, why, self.pointer.figures())
            self.runs[task.stage, task.key] = self.runs.get((task.stage, task.key), 0) + 1
            self.store[task.stage, task.key] = {
                output: canonical_digest([task.key, output]) for output in OUTPUTS[task.stage]
            }
            figures: dict[str, object] = {"f1": 0.9}
            if task.stage is Stage.PROMOTE:
                figures = dict(self.pointer.figures())
            self.headlines[task.stage, task.key] = figures
        return self.end(
            step,
            TerminationMessage(
                key=task.key,
                manifest_digest=canonical_digest(["manifest", task.key]),
                outputs=self.store[task.stage, task.key],
                headline=self.headlines[task.stage, task.key],
                emulated=task.emulated,
            ),
        )

    def _judge(self, task: Task) -> str:
        """Move the pointer as the promote stage does; returns why it could not, or an empty text."""
        parameters, before = task.parameters, self.pointer
        if parameters["currentGeneration"] != before.generation:
            self.pointer = before.model_copy(update={"verdict": "", "message": "", "revision": ""})
            return "the pointer was moved since this was planned; plan again"
        if "rollback" in parameters:
            self.pointer = before.model_copy(
                update={
                    "verdict": "RolledBack",
                    "generation": before.generation + 1,
                    "current_revision": "0" * 64,
                    "held": before.current_revision,
                    "manual": True,
                    "promote_key": "",
                }
            )
            return ""
        command = parameters.get("command")
        outcome = "Promoted" if command else self.verdict(task)
        variant = (command or {}).get("variant") or parameters["preference"][0]
        revision = parameters["revision"]
        if outcome == "Promoted" and (before.current_revision, before.current_variant) == (revision, variant):
            outcome = "AlreadyCurrent"
        update: dict[str, object] = {
            "verdict": outcome,
            "message": f"{outcome}: {variant}",
            "revision": revision,
            "variant": variant,
        }
        if outcome == "Promoted":
            update |= {
                "generation": before.generation + 1,
                "current_revision": revision,
                "current_variant": variant,
                "current_f1": 0.9,
                "current_drop": 0.1,
                "compile_key": task.inputs[f"compiled.{variant}"].key,
                "promote_key": "" if command else task.key,
                "manual": bool(command),
            }
        self.pointer = before.model_copy(update=update)
        return ""

    def end(self, step: str, message: TerminationMessage | None) -> None:
        """The Job succeeds with this termination message."""
        job = self.job(step)
        started = job.started if job.started is not None else self.now
        self.jobs[job.name] = replace(
            job,
            phase=JobPhase.SUCCEEDED,
            started=started,
            finished=self.now,
            termination_message=message,
            exit_code=0,
            reason="",
        )

    def fail(
        self,
        step: str,
        code: int | None,
        message: str = "",
        headline: Mapping[str, object] | None = None,
        job_message: str = "",
        **job_fields: Any,
    ) -> None:
        """The Job fails, as the Job controller and the kubelet report it."""
        job = self.job(step)
        termination_message = (
            TerminationMessage(key=job.key, code=code, message=message, headline=headline or {})
            if message
            else None
        )
        self.jobs[job.name] = replace(
            job,
            phase=JobPhase.FAILED,
            started=self.now,
            finished=self.now,
            exit_code=code,
            termination_message=termination_message,
            message=job_message,
            **{"reason": "PodFailurePolicy", **job_fields},
        )

    def run(self, passes: int = 200) -> list[str]:
        """Repeat passes in which every Job succeeds, until nothing changes.

        Returns:
            The steps whose Jobs ended, in order.
        """
        ended: list[str] = []
        for _ in range(passes):
            decision = self.step()
            working = self.working()
            for job in working:
                self.now += 1.0
                self.finish(job.step)
                ended.append(job.step)
            if not working:
                if decision.requeue_after is None:
                    return ended
                self.now += decision.requeue_after
        raise AssertionError(f"it does not come to rest: {self.status.on_the_wire()}")

    def run_until(self, step: str) -> None:
        """Run until a step's Job is created; it has not started."""
        for _ in range(30):
            self.step()
            if any(job.step == step for job in self.working()):
                return
            for job in self.working():
                self.now += 1.0
                self.finish(job.step)
        raise AssertionError(f"no Job is created for {step}")

    def wait(self, seconds: float) -> Decision:
        """Let time pass, then make one pass."""
        self.now += seconds
        return self.step()

    def working(self) -> list[JobSnapshot]:
        """The Jobs that are queued or running."""
        return [job for job in self.jobs.values() if job.phase in (JobPhase.QUEUED, JobPhase.RUNNING)]

    def outcome(self) -> object:
        """The end of a history, without its attempts and times."""
        return (
            [(stage.name, stage.state, stage.message, stage.result) for stage in self.status.stages],
            self.status.promotion,
            [(each.type, each.status, each.reason, each.message) for each in self.status.conditions],
            self.status.revision,
            self.status.candidate,
        )


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()
