"""promote: judges the candidates of a revision, and moves the pointer.

The only stage that looks at what is promoted. A refusal is a result like any
other: the stage ends well, and the verdict says why. The pointer moves on the
condition that it still stands where it stood when the judgement began, so a
verdict never rests on a comparison that is no longer true.

Moving comes after everything that can fail in this process. Where the process
dies between the move and the manifest, the next attempt finds its own move
and leaves the same verdict.
"""

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ner_jobs.gates import Candidate, Outcome, VariantVerdict, Verdict, admission, choose, gates_of, judge
from ner_jobs.report.model_card import model_card
from ner_jobs.report.words import signed
from ner_jobs.scoring.counts import Counts
from ner_jobs.scoring.evidence import Court, Distance
from ner_jobs.scoring.judged import evaluations_of
from ner_jobs.scoring.summary import Draws
from ner_jobs.stages import current_model
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.stages.promotion_card import card_of
from ner_jobs.store.artifacts import read_manifest
from ner_jobs.store.pointer import Action, Pointer, Promotion, move_pointer, promoted, read_pointer
from ner_jobs.task import ExitCode, PermanentError, RetryableError, Stage
from ner_jobs.task.parameters import PromoteParameters

EVALUATION = "evaluation."
COMPILED = "compiled."


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the pointer stands.

    Attributes:
        pointer: as read, the condition of the move.
        before: what the candidates are held against: the same, or the position before our own move.
        moved: an earlier attempt of this very task has moved it already.
    """

    pointer: Pointer | None
    before: Promotion | None
    moved: bool


def run(context: StageContext) -> StageResult:
    """Judge every variant alone, in order of preference; promote the first that passes."""
    parameters = PromoteParameters.model_validate(context.task.parameters)
    _check_gates(parameters)
    standing = _observe(context, parameters)
    counts = _counts(context)
    current = current_model.counts_of(context, standing.before, counts, parameters)
    draws = Draws(resamples=parameters.resamples, seed=parameters.seed)
    court = Court(counts, parameters.reference, current, draws)
    held = standing.pointer is not None and standing.pointer.holds(parameters.revision)
    verdicts = tuple(
        _judge(context, parameters, court, variant, held and not parameters.release_held)
        for variant in parameters.preference
    )
    chosen = choose(verdicts)
    shown = chosen.variant if chosen else parameters.preference[0]
    distance = court.distance(shown)
    verdict = Verdict(
        outcome=_outcome(parameters, standing, chosen),
        message="",
        revision=parameters.revision,
        variant=chosen.variant if chosen else None,
        generation=standing.pointer.generation if standing.pointer else 0,
        f1=distance.f1,
        drop=distance.drop.point if distance.drop else None,
        drop_upper=distance.upper,
        judged=_judged(context),
        test=_test(context),
        variants=verdicts,
    )
    verdict = verdict.model_copy(update={"message": _message(verdict, distance, standing.before)})
    if chosen and verdict.outcome is Outcome.PROMOTED:
        _write_model(context, parameters, verdict, counts)
        if not standing.moved:
            verdict = verdict.model_copy(
                update={"generation": _move(context, parameters, verdict, standing.pointer)}
            )
    _write(context.output / "verdict", verdict)
    _tell(context, verdict)
    return StageResult(
        metrics=verdict.model_dump(mode="json", by_alias=True),
        headline={
            "verdict": str(verdict.outcome),
            "variant": verdict.variant,
            "f1": _rounded(verdict.f1, 6),
            "drop": _rounded(verdict.drop, 4),
            "generation": verdict.generation,
        },
    )


def _check_gates(parameters: PromoteParameters) -> None:
    for number, gate in enumerate(parameters.gates):
        try:
            gates_of(gate)
        except ValueError as error:
            raise PermanentError(f"spec.evaluation.gates[{number}]: {error}", ExitCode.USAGE) from error


def _observe(context: StageContext, parameters: PromoteParameters) -> Standing:
    pointer = read_pointer(context.store, context.task.owner)
    if pointer is None:
        if parameters.current_generation:
            raise RetryableError("the pointer has vanished since this was planned; plan again")
        return Standing(None, None, moved=False)
    if pointer.promote_key == context.task.key and pointer.generation == parameters.current_generation + 1:
        return Standing(pointer, pointer.history[-1] if pointer.history else None, moved=True)
    if pointer.generation != parameters.current_generation:
        raise RetryableError(
            f"the pointer went from generation {parameters.current_generation} to {pointer.generation} since "
            "this was planned; plan again, so that candidates are held against what is in service now"
        )
    return Standing(pointer, pointer, moved=False)


def _counts(context: StageContext) -> dict[str, Counts]:
    found = {
        role.removeprefix(EVALUATION): Counts.load(folder)
        for role, folder in context.inputs.items()
        if role.startswith(EVALUATION)
    }
    if not found:
        raise PermanentError("promote was given no evaluation to judge", ExitCode.USAGE)
    return found


def _judge(
    context: StageContext, parameters: PromoteParameters, court: Court, variant: str, held: bool
) -> VariantVerdict:
    manifests = [
        manifest
        for role in (COMPILED + variant, EVALUATION + variant)
        if (manifest := context.manifests.get(role)) is not None
    ]
    if EVALUATION + variant not in context.inputs or COMPILED + variant not in context.inputs:
        raise PermanentError(
            f"spec.rollout.preference names {variant}, which was not evaluated; "
            f"there are {', '.join(sorted(_variants(context)))}",
            ExitCode.USAGE,
        )
    candidate = Candidate(
        variant=variant,
        revision=parameters.revision,
        emulated=any(manifest.emulated for manifest in manifests),
        held=held,
    )
    findings = (
        *admission(candidate, parameters.allow_emulated),
        *court.findings(variant, parameters.gates),
    )
    return judge(variant, findings)


def _outcome(parameters: PromoteParameters, standing: Standing, chosen: VariantVerdict | None) -> Outcome:
    if chosen is None:
        return Outcome.REFUSED
    if standing.moved:
        return Outcome.PROMOTED
    before = standing.before
    if before and (before.revision, before.variant) == (parameters.revision, chosen.variant):
        return Outcome.ALREADY_CURRENT
    if parameters.mode == "Manual":
        return Outcome.AWAITING_APPROVAL
    return Outcome.PROMOTED


def _message(verdict: Verdict, distance: Distance, before: Promotion | None) -> str:
    figures = f"F1 {distance.f1:.4f}"
    if distance.drop is not None and distance.upper is not None:
        figures += (
            f", {signed(-distance.drop.point)} points against the reference "
            f"(95% sure: at worst {signed(-distance.upper)})"
        )
    match verdict.outcome:
        case Outcome.PROMOTED:
            instead = f" in place of {before.variant} of revision {before.revision[:12]}" if before else ""
            return f"{verdict.variant} passed every gate and is promoted{instead}: {figures}"
        case Outcome.ALREADY_CURRENT:
            return f"{verdict.variant} of this revision is in service already: nothing to do ({figures})"
        case Outcome.AWAITING_APPROVAL:
            return (
                f"{verdict.variant} passed every gate and waits for a person: nerd promote puts it into "
                f"service, as spec.rollout.mode is Manual ({figures})"
            )
        case Outcome.REFUSED:
            stays = "the current model stays in service" if before else "nothing is in service"
            why = "; ".join(f"{each.variant}: {each.reason}, {each.message}" for each in verdict.variants)
            return f"no variant may be promoted, {stays}. {why}"


def _move(
    context: StageContext, parameters: PromoteParameters, verdict: Verdict, expected: Pointer | None
) -> int:
    """Move the pointer to the chosen variant.

    Returns:
        The new generation.

    Raises:
        RetryableError: somebody moved it since the judgement began.
    """
    variant = str(verdict.variant)
    compile_key = context.task.inputs[COMPILED + variant].key
    compiled = read_manifest(context.store, Stage.COMPILE, compile_key)
    if compiled is None:
        raise RetryableError(f"compile {compile_key} has vanished from {context.store.uri}; plan again")
    pointer = promoted(
        expected,
        Promotion(
            generation=0,
            revision=parameters.revision,
            variant=variant,
            compile_key=compile_key,
            manifest_digest=compiled[1],
            evaluation_key=context.task.inputs[EVALUATION + variant].key,
            test_digest=verdict.test,
            promote_key=context.task.key,
            f1=verdict.f1,
            promoted_at=time.time(),
            by="promote",
            action=Action.PROMOTE,
            message=verdict.message,
        ),
        context.task.owner,
        parameters.history_limit,
    )
    if not move_pointer(context.store, pointer, expected):
        raise RetryableError(
            "the pointer was moved by somebody else while the candidates were judged; plan again, so that "
            "they are held against what is in service now"
        )
    return pointer.generation


def _write_model(
    context: StageContext, parameters: PromoteParameters, verdict: Verdict, counts: Mapping[str, Counts]
) -> None:
    """The plain Hugging Face folder that the chosen variant was compiled from, with its card."""
    folder = context.output / "model"
    shutil.copytree(context.inputs["model"], folder, copy_function=shutil.copyfile)
    (folder / "README.md").write_text(
        model_card(card_of(context, parameters, verdict, counts)), encoding="utf-8"
    )


def _write(folder: Path, verdict: Verdict) -> None:
    folder.mkdir(parents=True)
    figures = verdict.model_dump(mode="json", by_alias=True)
    (folder / "verdict.json").write_text(
        json.dumps(figures, ensure_ascii=False, indent=1, sort_keys=True), encoding="utf-8"
    )


def _tell(context: StageContext, verdict: Verdict) -> None:
    for each in verdict.variants:
        context.log(f"{each.variant}: {'passed' if each.passed else each.reason}")
        for finding in each.findings:
            context.log(f"  {'ok' if finding.passed else 'no'}  {finding.gate}: {finding.message}")
    context.log(f"{verdict.outcome}: {verdict.message}")


def _variants(context: StageContext) -> set[str]:
    return {role.removeprefix(EVALUATION) for role in context.inputs if role.startswith(EVALUATION)}


def _test(context: StageContext) -> str:
    reference = context.task.inputs["data"]
    return reference.digest or context.manifests["data"].outputs[reference.output]


def _judged(context: StageContext) -> int:
    known = {manifest.key for manifest in evaluations_of(context.store, _test(context))}
    ours = {reference.key for role, reference in context.task.inputs.items() if role.startswith(EVALUATION)}
    return len(known | ours)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
