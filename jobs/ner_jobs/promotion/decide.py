"""The decision of a promote stage: from all that was observed to a verdict. Pure.

Every variant is judged alone, in order of preference; the first that passes is
promoted. If a person asks for a promotion, their variant is promoted if the
gates let it pass, or if the person gives a reason to overrule them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ner_jobs.promotion.gates import Evidence, Performance, judge_gate
from ner_jobs.promotion.manual import chosen_by_hand, message_by_hand, require_real
from ner_jobs.promotion.pointer import Promotion
from ner_jobs.promotion.pointer_state import PointerState
from ner_jobs.promotion.verdict import (
    Candidate,
    Outcome,
    VariantScores,
    VariantVerdict,
    Verdict,
    admission,
    choose,
    judge,
)
from ner_jobs.scoring.estimate import signed
from ner_jobs.task import ExitCode, PermanentError
from ner_jobs.task.parameters import PromoteCommand, PromoteParameters


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that a decision rests on.

    Attributes:
        pointer: where the pointer was found.
        emulated: variants that some stage made on a stand-in for the device.
        evidence: by evaluated variant, one for each gate of the parameters, in their order.
        scores: by evaluated variant.
        judged: how many candidates the test snapshot has judged so far, these included.
        test: digest of the test snapshot.
    """

    parameters: PromoteParameters
    pointer: PointerState
    emulated: frozenset[str]
    evidence: Mapping[str, tuple[Evidence | Performance, ...]]
    scores: Mapping[str, VariantScores]
    judged: int
    test: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do.

    Attributes:
        verdict: its generation is that of the pointer afterwards.
        reason: why a person's command was obeyed or refused; empty if no person asked.
    """

    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Choice:
    outcome: Outcome
    variant: str | None
    reason: str = ""


def decide(observed: Observed) -> Decision:
    """Judge every variant alone and choose one.

    Raises:
        PermanentError: the preference names a variant that was not evaluated.
    """
    verdicts = tuple(_judge(observed, variant) for variant in _variants_to_judge(observed))
    choice = _choose(observed, verdicts)
    scores = observed.scores[choice.variant or verdicts[0].variant]
    state = observed.pointer
    generation = state.pointer.generation if state.pointer else 0
    moves = choice.outcome is Outcome.PROMOTED and not state.moved
    verdict = Verdict(
        outcome=choice.outcome,
        message=_message(choice, verdicts, scores, state.before),
        revision=observed.parameters.revision,
        variant=choice.variant,
        generation=generation + 1 if moves else generation,
        f1=scores.f1.point,
        drop=scores.drop.point if scores.drop else None,
        drop_upper=scores.drop.upper if scores.drop else None,
        judged=observed.judged,
        test=observed.test,
        variants=verdicts,
    )
    return Decision(verdict, choice.reason)


def _variants_to_judge(observed: Observed) -> tuple[str, ...]:
    """The variant that a person named, then those in order of preference."""
    parameters, known = observed.parameters, observed.evidence.keys()
    for variant in parameters.preference:
        if variant not in known:
            raise PermanentError(
                f"spec.rollout.preference names {variant}, which was not evaluated; "
                f"there are {', '.join(sorted(known))}",
                ExitCode.USAGE,
            )
    named = parameters.command.variant if parameters.command else None
    return tuple(dict.fromkeys([*([named] if named in known else []), *parameters.preference]))


def _judge(observed: Observed, variant: str) -> VariantVerdict:
    parameters = observed.parameters
    findings = [*admission(_candidate(observed, variant), parameters.allow_emulated)]
    for gate, evidence in zip(parameters.gates, observed.evidence[variant], strict=True):
        findings += judge_gate(gate, evidence)
    return judge(variant, findings)


def _candidate(observed: Observed, variant: str) -> Candidate:
    parameters, pointer = observed.parameters, observed.pointer.pointer
    released = parameters.release_held or parameters.command is not None
    return Candidate(
        variant=variant,
        revision=parameters.revision,
        emulated=variant in observed.emulated,
        held=pointer is not None and pointer.holds(parameters.revision) and not released,
    )


def _choose(observed: Observed, verdicts: tuple[VariantVerdict, ...]) -> _Choice:
    parameters, state = observed.parameters, observed.pointer
    reason = ""
    if parameters.command is None:
        chosen = choose(verdicts)
        variant = chosen.variant if chosen else None
    else:
        try:
            variant, reason = _choose_by_command(observed, parameters.command, verdicts)
        except PermanentError as refused:
            return _Choice(Outcome.REFUSED, None, f"the promotion is refused: {refused}")
    if variant is None:
        return _Choice(Outcome.REFUSED, None)
    before = state.before
    if state.moved:
        outcome = Outcome.PROMOTED
    elif before and (before.revision, before.variant) == (parameters.revision, variant):
        outcome = Outcome.ALREADY_CURRENT
    elif parameters.mode == "Manual" and parameters.command is None:
        outcome = Outcome.AWAITING_APPROVAL
    else:
        outcome = Outcome.PROMOTED
    return _Choice(outcome, variant, reason)


def _choose_by_command(
    observed: Observed, command: PromoteCommand, verdicts: tuple[VariantVerdict, ...]
) -> tuple[str, str]:
    """The variant that a person's command leads to, and why, for the pointer's history.

    Raises:
        PermanentError: it leads to none.
    """
    parameters = observed.parameters
    if not parameters.revision.startswith(command.revision):
        raise PermanentError(
            f"revision {command.revision[:12]} was to be promoted, and the spec makes "
            f"{parameters.revision[:12]} by now; look at that one, and ask again",
            ExitCode.USAGE,
        )
    judged = {verdict.variant: verdict for verdict in verdicts}
    variant = chosen_by_hand(
        judged, sorted(observed.evidence), parameters.preference, command.variant, command.force
    )
    require_real(_candidate(observed, variant), parameters.allow_emulated)
    return variant, message_by_hand(judged[variant].passed, command.force)


def _message(
    choice: _Choice, verdicts: tuple[VariantVerdict, ...], scores: VariantScores, before: Promotion | None
) -> str:
    figures = f"F1 {scores.f1.point:.4f}"
    if scores.drop is not None:
        figures += (
            f", {signed(-scores.drop.point)} points against the reference "
            f"(95% sure: at worst {signed(-scores.drop.upper)})"
        )
    match choice.outcome:
        case Outcome.PROMOTED:
            instead = f" in place of {before.variant} of revision {before.revision[:12]}" if before else ""
            if choice.reason:
                return f"{choice.variant} is promoted{instead} ({choice.reason}): {figures}"
            return f"{choice.variant} passed every gate and is promoted{instead}: {figures}"
        case Outcome.ALREADY_CURRENT:
            return f"{choice.variant} of this revision is in service already: nothing to do ({figures})"
        case Outcome.AWAITING_APPROVAL:
            return (
                f"{choice.variant} passed every gate and waits for a person: nerd promote puts it into "
                f"service, as spec.rollout.mode is Manual ({figures})"
            )
        case _:
            if choice.reason:
                return choice.reason
            stays = "the current model stays in service" if before else "nothing is in service"
            why = "; ".join(
                f"{each.variant}: {each.outcome}, {each.reason}: {each.message}" for each in verdicts
            )
            return f"no variant may be promoted, {stays}. {why}"
