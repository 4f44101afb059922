"""A deployment in a folder, and stages that leave an artifact at once: the executor needs no model."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ner_jobs.promotion.pointer import Action, Promotion, move_pointer, promoted, read_pointer
from ner_jobs.store.artifacts import publish
from ner_jobs.store.directory import DirectoryStore
from ner_jobs.task import ExitCode, FileEntry, Manifest, Owner, Stage, StorageSettings, Task
from ner_jobs.task.manifest import outputs_of
from ner_jobs.task.parameters import (
    CompileParameters,
    Dataset,
    EvaluateParameters,
    ExportParameters,
    InferParameters,
    PrepareParameters,
)
from ner_operator.local.process import Ended, Event, LogLine, Progress
from ner_operator.local.store_view import StoreView
from ner_operator.local.workspace import Workspace
from ner_operator.planning.resolved import PromotionPolicy, ResolvedDeployment, Runtime, Variant

OUTPUTS = {
    Stage.PREPARE: ("base", "labels", "train", "validation", "test", "calibration"),
    Stage.FINETUNE: ("model",),
    Stage.EXPORT: ("model",),
    Stage.COMPILE: ("compiled",),
    Stage.INFER: ("predictions",),
    Stage.EVALUATE: ("counts",),
    Stage.BENCHMARK: ("benchmark",),
    Stage.PROMOTE: ("verdict", "model"),
}


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def deployment(store: DirectoryStore) -> ResolvedDeployment:
    runtime = Runtime("cpu-openvino", "openvino")
    data = Dataset(uri="file:///data", format="conll", content="1")
    return ResolvedDeployment(
        owner=Owner(namespace="nlp", name="small"),
        storage=StorageSettings(uri=store.uri),
        runtime=runtime,
        prepare=PrepareParameters(base="file:///base", base_content="1", test=data),
        finetune=None,
        export=ExportParameters(),
        variants=(
            Variant("reference", runtime, "fp32", CompileParameters(backend="openvino", precision="fp32")),
            Variant("int8", runtime, "int8", CompileParameters(backend="openvino", precision="int8")),
        ),
        infer=InferParameters(),
        evaluate=EvaluateParameters(),
        benchmark=None,
        promotion=PromotionPolicy(preference=("int8", "reference"), reference="reference"),
    )


@pytest.fixture
def workspace(deployment: ResolvedDeployment, store: DirectoryStore) -> Workspace:
    return Workspace(deployment, store, StoreView(deployment, store))


@dataclass
class FakeStages:
    """Stands for the processes: each leaves its artifact, or ends as it was told to.

    Attributes:
        ends: exit codes by step, one a try; what is left out ends well.
        hanging: steps that run until they are terminated.
    """

    store: DirectoryStore
    folder: Path
    ends: dict[str, list[int]] = field(default_factory=dict)
    hanging: frozenset[str] = frozenset()
    started: list[tuple[str, int]] = field(default_factory=list)
    terminated: list[str] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)

    def start(self, step: str, task: Task, emit: Callable[[Event], None]) -> "FakeProcess":
        self.started.append((step, task.threads))
        return FakeProcess(self, step, task, emit)

    def leave(self, task: Task, folder: Path) -> None:
        for output in OUTPUTS[task.stage]:
            (folder / output).mkdir(parents=True)
            (folder / output / "file").write_text(f"{task.key} {output}")
        headline: dict[str, float | int | str | bool | None] = {}
        if task.stage is Stage.PROMOTE:
            headline = {"verdict": "Promoted"}
            if "rollback" not in task.parameters:
                self._promote(task)

        def describe(files: tuple[FileEntry, ...]) -> Manifest:
            return Manifest(
                stage=task.stage,
                key=task.key,
                attempt=task.attempt,
                files=files,
                outputs=outputs_of(files),
                parameters=task.parameters,
                inputs=task.inputs,
                headline=headline,
                started=time.time(),
                finished=time.time(),
            )

        publish(self.store, task.stage, task.key, task.attempt, folder, describe)

    def _promote(self, task: Task) -> None:
        current, command = read_pointer(self.store, task.owner), task.parameters.get("command")
        promotion = Promotion(
            generation=0,
            revision=task.parameters["revision"],
            variant="int8",
            compile_key=task.inputs["compiled.int8"].key,
            manifest_digest="0" * 64,
            promote_key=task.key,
            promoted_at=0.0,
            by="promote",
            action=Action.MANUAL if command else Action.PROMOTE,
        )
        assert move_pointer(self.store, promoted(current, promotion, task.owner), current)


class FakeProcess:
    def __init__(self, stages: FakeStages, step: str, task: Task, emit: Callable[[Event], None]) -> None:
        self.step, self.task = step, task
        self._stages, self._emit = stages, emit
        if step not in stages.hanging:
            threading.Thread(target=self._run).start()

    def _run(self) -> None:
        ends = self._stages.ends.get(self.step, [])
        code = ends.pop(0) if ends else 0
        self._emit(LogLine(self.step, "working"))
        self._emit(Progress(self.step, 1, 2, "sentences"))
        if code == ExitCode.DONE:
            self._stages.leave(
                self.task, self._stages.folder / f"{self.step.replace('/', '-')}-{self.task.attempt}"
            )
        self._emit(Ended(self.step, code, f"{self.step} ended with {code}" if code else "", 0.1))

    def terminate(self) -> None:
        self._stages.terminated.append(self.step)
        if self.step in self._stages.hanging:
            self._emit(Ended(self.step, ExitCode.TERMINATED, "stopped", 0.1))

    def kill(self) -> None:
        self._stages.killed.append(self.step)


@pytest.fixture
def stages(store: DirectoryStore, tmp_path: Path) -> FakeStages:
    return FakeStages(store, tmp_path / "scratch")
