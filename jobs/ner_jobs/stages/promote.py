"""promote: judges the candidates of a revision, and moves the pointer.

The only stage that looks at what is promoted. A refusal is a result like any
other: the stage ends well, and the verdict says why. The pointer moves on the
condition that it still stands where it stood when the judgement began, so a
verdict never rests on a comparison that is no longer true.

Moving comes after everything that can fail in this process. Where the process
dies between the move and the manifest, the next attempt finds its own move
and leaves the same verdict.
"""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass

from ner_jobs.promotion import current_model, rollback
from ner_jobs.promotion.card import card_of
from ner_jobs.promotion.evidence import Distance, PairedComparison
from ner_jobs.promotion.gates import (
    Candidate,
    Outcome,
    VariantVerdict,
    Verdict,
    admission,
    choose,
    gates_of,
    judge,
)
from ner_jobs.promotion.manual import SOMEBODY, chosen_by_hand, message_by_hand, require_real
from ner_jobs.promotion.pointer import Action, Pointer, Promotion, promoted
from ner_jobs.promotion.standing import Standing, move, observe
from ner_jobs.promotion.verdict import left
from ner_jobs.report.model_card import model_card
from ner_jobs.report.words import signed
from ner_jobs.scoring.counts import Counts
from ner_jobs.scoring.judged import evaluations_of
from ner_jobs.scoring.summary import Draws
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.store.artifacts import read_manifest
from ner_jobs.task import ExitCode, PermanentError, RetryableError, Stage
from ner_jobs.task.parameters import PromoteCommand, PromoteParameters

EVALUATION = "evaluation."
COMPILED = "compiled."


@dataclass(frozen=True, slots=True)
class Choice:
    """What the verdicts, or a person, led to.

    Attributes:
        variant: None where all were refused.
        why: of a person's wish: that it was forced, or why it is refused; empty where the gates chose.
    """

    outcome: Outcome
    variant: str | None
    why: str = ""


def run(context: StageContext) -> StageResult:
    """Judge every variant alone, in order of preference; promote the first that passes.

    Where a person chooses, theirs is promoted, if the gates let it pass or the person says why not.
    """
    if "rollback" in context.task.parameters:
        return rollback.run(context)
    parameters = PromoteParameters.model_validate(context.task.parameters)
    _check_gates(parameters)
    standing = observe(context, parameters.current_generation)
    counts = _counts(context)
    current = current_model.counts_of(context, standing.before, counts, parameters)
    draws = Draws(resamples=parameters.resamples, seed=parameters.seed)
    court = PairedComparison(counts, parameters.reference, current, draws)
    verdicts = tuple(
        judge(
            variant,
            (
                *admission(_candidate(context, parameters, standing, variant), parameters.allow_emulated),
                *court.findings(variant, parameters.gates),
            ),
        )
        for variant in _candidates(context, parameters)
    )
    choice = _choice(context, parameters, standing, verdicts)
    distance = court.distance(choice.variant or verdicts[0].variant)
    verdict = Verdict(
        outcome=choice.outcome,
        message="",
        revision=parameters.revision,
        variant=choice.variant,
        generation=standing.pointer.generation if standing.pointer else 0,
        f1=distance.f1,
        drop=distance.drop.point if distance.drop else None,
        drop_upper=distance.upper,
        judged=_judged(context),
        test=_test(context),
        variants=verdicts,
    )
    verdict = verdict.model_copy(update={"message": _message(verdict, distance, choice, standing.before)})
    pointer = standing.pointer
    if verdict.outcome is Outcome.PROMOTED:
        _write_model(context, parameters, verdict, counts)
        if not standing.moved:
            pointer = _move(context, parameters, verdict, choice, standing.pointer)
            verdict = verdict.model_copy(update={"generation": pointer.generation})
    return left(context, verdict, pointer)


def _check_gates(parameters: PromoteParameters) -> None:
    for number, gate in enumerate(parameters.gates):
        try:
            gates_of(gate)
        except ValueError as error:
            raise PermanentError(f"spec.evaluation.gates[{number}]: {error}", ExitCode.USAGE) from error


def _counts(context: StageContext) -> dict[str, Counts]:
    found = {
        role.removeprefix(EVALUATION): Counts.load(folder)
        for role, folder in context.inputs.items()
        if role.startswith(EVALUATION)
    }
    if not found:
        raise PermanentError("promote was given no evaluation to judge", ExitCode.USAGE)
    return found


def _candidates(context: StageContext, parameters: PromoteParameters) -> tuple[str, ...]:
    """The variants to judge: the one that a person named first, then those in preference."""
    wished = parameters.command.variant if parameters.command else None
    known = _variants(context)
    for variant in parameters.preference:
        if variant not in known:
            raise PermanentError(
                f"spec.rollout.preference names {variant}, which was not evaluated; "
                f"there are {', '.join(sorted(known))}",
                ExitCode.USAGE,
            )
    return tuple(dict.fromkeys([*([wished] if wished in known else []), *parameters.preference]))


def _candidate(
    context: StageContext, parameters: PromoteParameters, standing: Standing, variant: str
) -> Candidate:
    manifests = [
        manifest
        for role in (COMPILED + variant, EVALUATION + variant)
        if (manifest := context.manifests.get(role)) is not None
    ]
    released = parameters.release_held or parameters.command is not None
    return Candidate(
        variant=variant,
        revision=parameters.revision,
        emulated=any(manifest.emulated for manifest in manifests),
        held=standing.pointer is not None and standing.pointer.holds(parameters.revision) and not released,
    )


def _choice(
    context: StageContext,
    parameters: PromoteParameters,
    standing: Standing,
    verdicts: tuple[VariantVerdict, ...],
) -> Choice:
    if parameters.command is None:
        chosen = choose(verdicts)
        variant, why = (chosen.variant if chosen else None), ""
    else:
        try:
            variant, why = _wished(context, parameters, parameters.command, standing, verdicts)
        except PermanentError as refused:
            return Choice(Outcome.REFUSED, None, f"the promotion is refused: {refused}")
    if variant is None:
        return Choice(Outcome.REFUSED, None)
    before = standing.before
    if standing.moved:
        outcome = Outcome.PROMOTED
    elif before and (before.revision, before.variant) == (parameters.revision, variant):
        outcome = Outcome.ALREADY_CURRENT
    elif parameters.mode == "Manual" and parameters.command is None:
        outcome = Outcome.AWAITING_APPROVAL
    else:
        outcome = Outcome.PROMOTED
    return Choice(outcome, variant, why)


def _wished(
    context: StageContext,
    parameters: PromoteParameters,
    wish: PromoteCommand,
    standing: Standing,
    verdicts: tuple[VariantVerdict, ...],
) -> tuple[str, str]:
    """The variant that a person's wish leads to, and in what words.

    Raises:
        PermanentError: it leads to none.
    """
    if not parameters.revision.startswith(wish.revision):
        raise PermanentError(
            f"revision {wish.revision[:12]} was to be promoted, and the spec makes "
            f"{parameters.revision[:12]} by now; look at that one, and ask again",
            ExitCode.USAGE,
        )
    judged = {verdict.variant: verdict for verdict in verdicts}
    variant = chosen_by_hand(
        judged, sorted(_variants(context)), parameters.preference, wish.variant, wish.force
    )
    require_real(_candidate(context, parameters, standing, variant), parameters.allow_emulated)
    return variant, message_by_hand(judged[variant].passed, wish.force)


def _message(verdict: Verdict, distance: Distance, choice: Choice, before: Promotion | None) -> str:
    figures = f"F1 {distance.f1:.4f}"
    if distance.drop is not None and distance.upper is not None:
        figures += (
            f", {signed(-distance.drop.point)} points against the reference "
            f"(95% sure: at worst {signed(-distance.upper)})"
        )
    match verdict.outcome:
        case Outcome.PROMOTED:
            instead = f" in place of {before.variant} of revision {before.revision[:12]}" if before else ""
            if choice.why:
                return f"{verdict.variant} is promoted{instead} ({choice.why}): {figures}"
            return f"{verdict.variant} passed every gate and is promoted{instead}: {figures}"
        case Outcome.ALREADY_CURRENT:
            return f"{verdict.variant} of this revision is in service already: nothing to do ({figures})"
        case Outcome.AWAITING_APPROVAL:
            return (
                f"{verdict.variant} passed every gate and waits for a person: nerd promote puts it into "
                f"service, as spec.rollout.mode is Manual ({figures})"
            )
        case _:
            if choice.why:
                return choice.why
            stays = "the current model stays in service" if before else "nothing is in service"
            why = "; ".join(f"{each.variant}: {each.reason}, {each.message}" for each in verdict.variants)
            return f"no variant may be promoted, {stays}. {why}"


def _move(
    context: StageContext,
    parameters: PromoteParameters,
    verdict: Verdict,
    choice: Choice,
    expected: Pointer | None,
) -> Pointer:
    """Move the pointer to the chosen variant.

    Raises:
        RetryableError: somebody moved it since the judgement began.
    """
    variant = str(verdict.variant)
    compile_key = context.task.inputs[COMPILED + variant].key
    compiled = read_manifest(context.store, Stage.COMPILE, compile_key)
    if compiled is None:
        raise RetryableError(f"compile {compile_key} has vanished from {context.store.uri}; plan again")
    wish = parameters.command
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
            drop=verdict.drop,
            promoted_at=time.time(),
            by=(wish.by or SOMEBODY) if wish else "promote",
            action=Action.MANUAL if wish else Action.PROMOTE,
            message=choice.why or verdict.message,
        ),
        context.task.owner,
        parameters.history_limit,
    )
    move(context, pointer, expected)
    return pointer


def _write_model(
    context: StageContext, parameters: PromoteParameters, verdict: Verdict, counts: Mapping[str, Counts]
) -> None:
    """The plain Hugging Face folder that the chosen variant was compiled from, with its card."""
    folder = context.output / "model"
    shutil.copytree(context.inputs["model"], folder, copy_function=shutil.copyfile)
    (folder / "README.md").write_text(
        model_card(card_of(context, parameters, verdict, counts)), encoding="utf-8"
    )


def _variants(context: StageContext) -> set[str]:
    return {role.removeprefix(EVALUATION) for role in context.inputs if role.startswith(EVALUATION)}


def _test(context: StageContext) -> str:
    reference = context.task.inputs["data"]
    return reference.digest or context.manifests["data"].outputs[reference.output]


def _judged(context: StageContext) -> int:
    known = {manifest.key for manifest in evaluations_of(context.store, _test(context))}
    ours = {reference.key for role, reference in context.task.inputs.items() if role.startswith(EVALUATION)}
    return len(known | ours)
