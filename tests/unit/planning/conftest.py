"""A small deployment, and a world in which steps can be finished: planning needs no store."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from ner_jobs.task import Owner, Stage, StorageSettings, canonical_digest
from ner_jobs.task.parameters import (
    BenchmarkParameters,
    CompileParameters,
    Dataset,
    EvaluateParameters,
    ExportParameters,
    FinetuneParameters,
    GateParameters,
    InferParameters,
    PrepareParameters,
)
from ner_operator.planning.graph import steps_of
from ner_operator.planning.inputs import Artifact, Observed, PointerState
from ner_operator.planning.plan import Cached, Held, Plan, Run, plan
from ner_operator.planning.resolved import PromotionPolicy, ResolvedDeployment, Runtime, Variant

OPENVINO = Runtime("cpu-openvino", "openvino")
ONNXRUNTIME = Runtime("cpu-onnxruntime", "onnxruntime")
VERSIONS = {
    "torch": "2.13.0",
    "transformers": "5.23.0",
    "tokenizers": "0.22",
    "accelerate": "1.15.0",
    "openvino": "2026.4",
    "nncf": "3.4.0",
    "onnx": "1.23",
    "onnxruntime": "1.27",
}
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
def deployment() -> ResolvedDeployment:
    dataset = Dataset(uri="file:///data/train", format="conll", content="train-1")
    return ResolvedDeployment(
        owner=Owner(namespace="nlp", name="small"),
        storage=StorageSettings(uri="file:///store"),
        runtime=OPENVINO,
        prepare=PrepareParameters(
            base="file:///base",
            base_content="base-1",
            train=dataset,
            test=dataset.model_copy(update={"uri": "file:///data/test", "content": "test-1"}),
        ),
        finetune=FinetuneParameters(),
        export=ExportParameters(),
        variants=(
            Variant("int8", OPENVINO, "int8", CompileParameters(backend="openvino", precision="int8")),
            Variant("reference", OPENVINO, "fp32", CompileParameters(backend="openvino", precision="fp32")),
            Variant("ort", ONNXRUNTIME, "int8", CompileParameters(backend="onnxruntime", precision="int8")),
        ),
        infer=InferParameters(),
        evaluate=EvaluateParameters(),
        benchmark=BenchmarkParameters(instances=2),
        promotion=PromotionPolicy(
            preference=("int8", "reference"), reference="reference", gates=(GateParameters(min=0.8),)
        ),
    )


@dataclass
class World:
    """What a store would hold; `finish` does what running a step would."""

    artifacts: dict[tuple[Stage, str], Artifact | None] = field(default_factory=dict)
    records: dict[str, Mapping[str, object]] = field(default_factory=dict)
    observed: Observed = field(default_factory=lambda: Observed(versions=VERSIONS, isa="x86_64-avx512"))
    content: Callable[[Run, str], str] = lambda run, output: f"{run.key}/{output}"

    def plan(self, deployment: ResolvedDeployment) -> Plan:
        return plan(steps_of(deployment), self.observe())

    def observe(self) -> Observed:
        return replace(self.observed, artifacts=dict(self.artifacts), records=dict(self.records))

    def finish(self, name: str, run: Run, stage: Stage) -> None:
        outputs = {output: canonical_digest(self.content(run, output)) for output in OUTPUTS[stage]}
        outcome = ""
        if stage is Stage.PROMOTE:
            outcome = "Promoted"
            pointer = self.observed.pointer
            self.observed = replace(
                self.observed,
                pointer=PointerState(
                    generation=(pointer.generation if pointer else 0) + 1,
                    revision=str(run.ingredients.parameters["revision"]),
                    variant="int8",
                    compile_key=run.inputs["compiled.int8"].key,
                    promote_key=run.key,
                ),
            )
        backend = str(run.ingredients.parameters.get("backend", ""))
        self.artifacts[stage, run.key] = Artifact(outputs, outcome=outcome, backend=backend)
        self.records[name] = run.ingredients.record()

    def run(self, deployment: ResolvedDeployment) -> list[str]:
        """Run until nothing is left; returns the steps in the order in which they ran."""
        ran: list[str] = []
        while ready := self.plan(deployment).ready:
            for planned in ready:
                assert isinstance(planned.state, Run)
                self.finish(planned.step.name, planned.state, planned.step.stage)
                ran.append(planned.step.name)
        assert all(isinstance(planned.state, Cached | Held) for planned in self.plan(deployment))
        return ran


@pytest.fixture
def world() -> World:
    return World()
