"""promote: judges the candidates of a revision, and moves the pointer.

Observes counts, manifests and the pointer; decides (`ner_jobs.promotion.decide`);
applies the decision. A refusal is a result like any other: the stage exits 0
and the verdict says why. The pointer moves only if it is still where it was
when the stage started, so a verdict never rests on an outdated comparison.

The move comes after everything that can fail in this process. If the process
dies between the move and the manifest, the next attempt finds its own move and
writes the same verdict.
"""

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace

from ner_jobs.promotion.current_model import count_predictions, find_counts
from ner_jobs.promotion.decide import Decision, Observed, decide
from ner_jobs.promotion.evidence import PairedComparison
from ner_jobs.promotion.gates import Evidence, Performance, check_gate
from ner_jobs.promotion.headline import verdict_headline
from ner_jobs.promotion.manual import SOMEBODY
from ner_jobs.promotion.performance import performance_of
from ner_jobs.promotion.pointer import Action, Pointer, Promotion, promoted
from ner_jobs.promotion.pointer_state import observe_pointer, require_move
from ner_jobs.promotion.rollback import roll_back
from ner_jobs.promotion.verdict import Outcome, Verdict
from ner_jobs.report.model_card import card_of, model_card
from ner_jobs.scoring.candidates import count_candidates
from ner_jobs.scoring.counts import Counts
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.stages.registry import function_of
from ner_jobs.store.artifacts import read_manifest
from ner_jobs.task import ExitCode, InputReference, PermanentError, RetryableError, Stage
from ner_jobs.task.parameters import PERFORMANCE_METRICS, GateParameters, InferParameters, PromoteParameters

EVALUATION = "evaluation."
BENCHMARK = "benchmark."
COMPILED = "compiled."


def run(context: StageContext) -> StageResult:
    """Promote the first variant that passes every gate, or carry out a person's command."""
    if "rollback" in context.task.parameters:
        return _result(context, *roll_back(context.store, context.task))
    parameters = PromoteParameters.model_validate(context.task.parameters)
    _check_gates(parameters.gates)
    counts = _read_counts(context)
    observed = _observe(context, parameters, counts)
    decision = decide(observed)
    pointer = observed.pointer.pointer
    if decision.verdict.outcome is Outcome.PROMOTED:
        _write_model(context, observed, decision.verdict, counts)
        if not observed.pointer.moved:
            pointer = _move(context, parameters, decision, pointer)
    return _result(context, decision.verdict, pointer)


def _check_gates(gates: Sequence[GateParameters]) -> None:
    for number, gate in enumerate(gates):
        try:
            check_gate(gate)
        except ValueError as error:
            raise PermanentError(f"spec.evaluation.gates[{number}]: {error}", ExitCode.USAGE) from error


def _read_counts(context: StageContext) -> dict[str, Counts]:
    """Counts by variant."""
    found = {
        role.removeprefix(EVALUATION): Counts.load(folder)
        for role, folder in context.inputs.items()
        if role.startswith(EVALUATION)
    }
    if not found:
        raise PermanentError("promote was given no evaluation to judge", ExitCode.USAGE)
    return found


def _observe(context: StageContext, parameters: PromoteParameters, counts: dict[str, Counts]) -> Observed:
    state = observe_pointer(context.store, context.task, parameters.current_generation)
    data = context.task.inputs["data"]
    test = data.digest or context.manifests["data"].outputs[data.output]
    current = None
    if state.before and any(gate.against == "current" for gate in parameters.gates):
        current = _current_counts(context, state.before, test, counts)
    types = tuple(gate.entity_type for gate in parameters.gates if gate.entity_type is not None)
    comparison = PairedComparison(counts, parameters.reference, current, types)
    evaluations = [context.task.inputs[EVALUATION + variant].key for variant in counts]
    return Observed(
        parameters=parameters,
        pointer=state,
        emulated=frozenset(variant for variant in counts if _is_emulated(context, variant)),
        evidence={
            variant: tuple(_evidence(context, comparison, variant, gate) for gate in parameters.gates)
            for variant in counts
        },
        scores={variant: comparison.scores(variant) for variant in counts},
        judged=count_candidates(context.store, test, evaluations),
        test=test,
    )


def _evidence(
    context: StageContext, comparison: PairedComparison, variant: str, gate: GateParameters
) -> Evidence | Performance:
    if gate.metric not in PERFORMANCE_METRICS:
        return comparison.evidence(variant, gate)
    benchmark, compiled = (context.manifests.get(role + variant) for role in (BENCHMARK, COMPILED))
    return performance_of(
        gate, benchmark.metrics if benchmark else None, compiled.metrics if compiled else None
    )


def _is_emulated(context: StageContext, variant: str) -> bool:
    manifests = (context.manifests.get(role + variant) for role in (COMPILED, EVALUATION))
    return any(manifest.emulated for manifest in manifests if manifest)


def _current_counts(
    context: StageContext, current: Promotion, test: str, counts: dict[str, Counts]
) -> Counts:
    """Counts of the model in service, from the store or measured now."""
    by_key = {context.task.inputs[COMPILED + variant].key: own for variant, own in counts.items()}
    found = find_counts(current, test, by_key, context.fetch, context.log)
    return _measure(context, current) if found is None else found


def _measure(context: StageContext, current: Promotion) -> Counts:
    """Run the infer stage on the model in service and this test set."""
    # Imported here: most promotions compare stored counts and need no engine.
    from ner_jobs.inference.compiled_model import CompiledModel

    context.log(
        f"the current model ({current.variant}, revision {current.revision[:12]}) was measured on other "
        "data: it is inferred on this test set first"
    )
    compiled = context.fetch(InputReference(stage=Stage.COMPILE, key=current.compile_key, output="compiled"))
    model = CompiledModel.read(compiled)
    parameters = InferParameters(
        segmentation=model.segmentation, decoding=model.decoding, max_length=model.max_length
    )
    task = context.task.model_copy(
        update={"stage": Stage.INFER, "parameters": parameters.model_dump(mode="json", by_alias=True)}
    )
    data, output = context.inputs["data"], context.scratch / "current"
    output.mkdir(parents=True)
    infer = function_of(Stage.INFER)
    infer(replace(context, task=task, inputs={"compiled": compiled, "data": data}, output=output))
    return count_predictions(data, output / "predictions")


def _write_model(
    context: StageContext, observed: Observed, verdict: Verdict, counts: dict[str, Counts]
) -> None:
    """Write the Hugging Face folder that the chosen variant was compiled from, with its card."""
    folder = context.output / "model"
    shutil.copytree(context.inputs["model"], folder, copy_function=shutil.copyfile)
    own = counts[str(verdict.variant)]
    card = card_of(context.task, context.inputs, context.manifests, observed, verdict, own)
    (folder / "README.md").write_text(model_card(card), encoding="utf-8")


def _move(
    context: StageContext, parameters: PromoteParameters, decision: Decision, expected: Pointer | None
) -> Pointer:
    """Move the pointer to the chosen variant.

    Raises:
        RetryableError: somebody moved it since it was observed, or the compiled model has vanished.
    """
    verdict, command = decision.verdict, parameters.command
    compile_key = context.task.inputs[f"{COMPILED}{verdict.variant}"].key
    compiled = read_manifest(context.store, Stage.COMPILE, compile_key)
    if compiled is None:
        raise RetryableError(f"compile {compile_key} has vanished from {context.store.uri}; plan again")
    pointer = promoted(
        expected,
        Promotion(
            generation=verdict.generation,
            revision=verdict.revision,
            variant=str(verdict.variant),
            compile_key=compile_key,
            manifest_digest=compiled[1],
            evaluation_key=context.task.inputs[f"{EVALUATION}{verdict.variant}"].key,
            test_digest=verdict.test,
            promote_key=context.task.key,
            f1=verdict.f1,
            drop=verdict.drop,
            promoted_at=time.time(),
            by=(command.by or SOMEBODY) if command else "promote",
            action=Action.MANUAL if command else Action.PROMOTE,
            message=decision.reason or verdict.message,
        ),
        context.task.owner,
        parameters.history_limit,
    )
    require_move(context.store, pointer, expected)
    return pointer


def _result(context: StageContext, verdict: Verdict, pointer: Pointer | None) -> StageResult:
    """Write the verdict into the artifact and the log.

    Args:
        context: of the stage.
        verdict: complete.
        pointer: as it is afterwards.
    """
    figures = verdict.model_dump(mode="json", by_alias=True)
    folder = context.output / "verdict"
    folder.mkdir(parents=True)
    (folder / "verdict.json").write_text(
        json.dumps(figures, ensure_ascii=False, indent=1, sort_keys=True), encoding="utf-8"
    )
    for each in verdict.variants:
        context.log(f"{each.variant}: {each.outcome}, {each.reason}")
        for finding in each.findings:
            context.log(f"  {finding.outcome}  {finding.gate}: {finding.message}")
    context.log(f"{verdict.outcome}: {verdict.message}")
    return StageResult(metrics=figures, headline=verdict_headline(context.store, verdict, pointer))
