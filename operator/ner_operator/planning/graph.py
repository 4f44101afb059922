"""The graph: which steps a deployment has, and which outputs of other steps each one takes.

A step is a stage for one variant, or for none. The steps are returned in an
order in which they can run: each comes after its producers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ner_jobs.task import Stage
from ner_jobs.task.model import Contract
from ner_jobs.task.parameters import BENCHMARK_METRICS
from ner_operator.planning.resolved import PromotionPolicy, ResolvedDeployment, Runtime, Variant

PROMOTED = "promoted"
"""As a producer: the compiled model that the pointer names, which any earlier spec may have made."""

COMMAND = "command"
"""Name of the step that carries out a command (promote, rollback). It exists only while one is requested."""


@dataclass(frozen=True, slots=True)
class Source:
    """An output of another step: a top-level folder of its artifact."""

    step: str
    output: str


@dataclass(frozen=True, slots=True)
class Step:
    """One stage to run.

    Attributes:
        name: `prepare`, `compile/int8`, `inference/archive`: unique in the deployment.
        parameters: of the stage. For promote it is the policy, which the plan completes. None for a
            compile step whose runtime is missing.
        backend: the engine that computes it, or empty.
        inputs: by role.
        after: steps that must end first although no input comes from them.
        rerun: the spec's rerun tokens for this step.
    """

    name: str
    stage: Stage
    parameters: Contract | PromotionPolicy | None
    runtime: Runtime
    variant: str | None = None
    backend: str = ""
    inputs: Mapping[str, Source] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    rerun: tuple[str, ...] = ()

    @property
    def producers(self) -> tuple[str, ...]:
        """Names of the steps that it waits for, each once, in order."""
        return tuple(dict.fromkeys([*(source.step for source in self.inputs.values()), *self.after]))

    def tokens(self, rerun: Mapping[str, str]) -> tuple[str, ...]:
        """Those of these rerun tokens that are for this step: by its stage, then by its name."""
        return tuple(rerun[name] for name in dict.fromkeys((self.stage.value, self.name)) if name in rerun)


def steps_of(resolved: ResolvedDeployment) -> tuple[Step, ...]:
    """All steps of the deployment, in an order in which they can run."""
    model = Source("finetune", "model") if resolved.finetune else Source("prepare", "base")
    steps = [Step("prepare", Stage.PREPARE, resolved.prepare, resolved.runtime)]
    if resolved.finetune:
        steps.append(
            Step(
                "finetune",
                Stage.FINETUNE,
                resolved.finetune,
                resolved.runtime,
                inputs=_of_prepare("base", "labels", "train", "validation"),
            )
        )
    steps.append(
        Step(
            "export",
            Stage.EXPORT,
            resolved.export,
            resolved.runtime,
            inputs={"model": model, **_of_prepare("labels", "calibration")},
        )
    )
    # The reference comes first: the others are measured against it.
    variants = sorted(resolved.variants, key=lambda variant: variant.name != resolved.reference)
    steps += [_compile(variant) for variant in variants]
    steps += [_infer(variant, resolved) for variant in variants]
    steps += [_evaluate(variant, resolved) for variant in variants]
    benchmark = resolved.benchmark
    speeds = [_benchmark(variant, benchmark) for variant in variants] if benchmark else []
    judges_speed = any(gate.metric in BENCHMARK_METRICS for gate in resolved.promotion.gates)
    promote = _promote(variants, model, resolved, speeds if judges_speed else [])
    steps += [*speeds, promote] if judges_speed else [promote, *speeds]
    steps += [
        Step(
            f"inference/{entry.name}",
            Stage.INFER,
            entry.parameters,
            resolved.runtime,
            inputs={"compiled": Source(PROMOTED, "compiled")},
            after=("promote",),
        )
        for entry in resolved.inference
    ]
    rerun = dict(resolved.rerun)
    return tuple(replace(step, rerun=step.tokens(rerun)) for step in steps)


def _of_prepare(*outputs: str) -> dict[str, Source]:
    return {output: Source("prepare", output) for output in outputs}


def _compile(variant: Variant) -> Step:
    inputs = {"exported": Source("export", "model")}
    if variant.precision == "int8":
        inputs |= _of_prepare("calibration", "validation")
    return Step(
        f"compile/{variant.name}",
        Stage.COMPILE,
        variant.compile,
        variant.runtime,
        variant.name,
        variant.runtime.backend,
        inputs,
    )


def _infer(variant: Variant, resolved: ResolvedDeployment) -> Step:
    return Step(
        f"infer/{variant.name}",
        Stage.INFER,
        resolved.infer,
        variant.runtime,
        variant.name,
        variant.runtime.backend,
        {"compiled": Source(f"compile/{variant.name}", "compiled"), "data": Source("prepare", "test")},
    )


def _evaluate(variant: Variant, resolved: ResolvedDeployment) -> Step:
    inputs = {
        "predictions": Source(f"infer/{variant.name}", "predictions"),
        "data": Source("prepare", "test"),
        "labels": Source("prepare", "labels"),
    }
    if variant.name != resolved.reference:
        inputs["reference"] = Source(f"infer/{resolved.reference}", "predictions")
    return Step(
        f"evaluate/{variant.name}",
        Stage.EVALUATE,
        resolved.evaluate,
        resolved.runtime,
        variant.name,
        inputs=inputs,
    )


def _benchmark(variant: Variant, parameters: Contract) -> Step:
    return Step(
        f"benchmark/{variant.name}",
        Stage.BENCHMARK,
        parameters,
        variant.runtime,
        variant.name,
        variant.runtime.backend,
        {"compiled": Source(f"compile/{variant.name}", "compiled"), "data": Source("prepare", "test")},
    )


def _promote(
    variants: list[Variant], model: Source, resolved: ResolvedDeployment, benchmarks: list[Step]
) -> Step:
    inputs: dict[str, Source] = {}
    for variant in variants:
        inputs[f"evaluation.{variant.name}"] = Source(f"evaluate/{variant.name}", "counts")
        inputs[f"compiled.{variant.name}"] = Source(f"compile/{variant.name}", "compiled")
    inputs |= {f"benchmark.{step.variant}": Source(step.name, "benchmark") for step in benchmarks}
    inputs |= {"model": model, "data": Source("prepare", "test"), "labels": Source("prepare", "labels")}
    return Step("promote", Stage.PROMOTE, resolved.promotion, resolved.runtime, inputs=inputs)
