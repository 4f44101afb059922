"""Promotion by a person: the same verdicts, another hand."""

import time

from ner_jobs.gates import VariantVerdict
from ner_jobs.store.artifacts import read_manifest
from ner_jobs.store.pointer import Action, Pointer, Promotion, promoted
from ner_jobs.task import ExitCode, PermanentError, RetryableError, Stage
from ner_operator.local.comparing import verdict_of
from ner_operator.local.workspace import Workspace, person
from ner_operator.planning.plan import Cached, Plan


def by_hand(here: Workspace, variant: str | None, force: str | None) -> Pointer:
    """The pointer after a person's promotion; not written yet.

    Args:
        here: the deployment; its observer's pointer is what this was decided on.
        variant: its name, or None for the first in preference that passed every gate.
        force: why, although a gate refused it; None obeys the gates.

    Raises:
        PermanentError: the revision is not there yet, or a gate refused it.
    """
    plan = here.observer.look()
    verdicts = _verdicts(here, plan)
    chosen = _choose(here, verdicts, variant, force)
    compiled, evaluated = plan.state(f"compile/{chosen}"), plan.state(f"evaluate/{chosen}")
    if plan.revision is None or not isinstance(compiled, Cached) or not isinstance(evaluated, Cached):
        raise PermanentError(
            f"variant {chosen} of this spec is not compiled and evaluated yet; nerd run does it",
            ExitCode.USAGE,
        )
    current = here.observer.pointer
    if current and (current.revision, current.variant) == (plan.revision, chosen):
        raise PermanentError(
            f"variant {chosen} of revision {plan.revision[:12]} is in service already", ExitCode.USAGE
        )
    found = read_manifest(here.store, Stage.COMPILE, compiled.key)
    if found is None:
        raise RetryableError(f"compile {compiled.key} has just vanished from {here.store.uri}")
    data = here.observer.manifests[Stage.EVALUATE, evaluated.key].inputs["data"]
    f1 = evaluated.artifact.headline.get("f1")
    passed = chosen in verdicts and verdicts[chosen].passed
    promotion = Promotion(
        generation=0,
        revision=plan.revision,
        variant=chosen,
        compile_key=compiled.key,
        manifest_digest=found[1],
        evaluation_key=evaluated.key,
        test_digest=data.digest,
        f1=float(f1) if isinstance(f1, int | float) else None,
        promoted_at=time.time(),
        by=person(),
        action=Action.MANUAL,
        message="passed every gate, promoted by hand" if passed else f"forced: {force}",
    )
    return promoted(current, promotion, here.owner, here.resolved.promotion.history_limit)


def _verdicts(here: Workspace, plan: Plan) -> dict[str, VariantVerdict]:
    """By variant, of the last verdict on this revision, however the pointer has moved since."""
    verdict = verdict_of(here, plan)
    if verdict is None or verdict.revision != plan.revision:
        return {}
    return {found.variant: found for found in verdict.variants}


def _choose(
    here: Workspace, verdicts: dict[str, VariantVerdict], variant: str | None, force: str | None
) -> str:
    names = [known.name for known in here.resolved.variants]
    if variant is not None and variant not in names:
        raise PermanentError(f"there is no variant {variant}; there are {', '.join(names)}", ExitCode.USAGE)
    if force is not None:
        return variant or here.resolved.promotion.preference[0]
    if variant is None:
        passed = [
            name for name in here.resolved.promotion.preference if name in verdicts and verdicts[name].passed
        ]
        if passed:
            return passed[0]
        variant = here.resolved.promotion.preference[0]
    if variant not in verdicts:
        raise PermanentError(
            f"no gate has judged variant {variant} of this revision; nerd run does, "
            "or say why with --force REASON",
            ExitCode.USAGE,
        )
    judged = verdicts[variant]
    if not judged.passed:
        raise PermanentError(
            f"{variant} is refused, {judged.reason}: {judged.message}; --force REASON promotes it anyway",
            ExitCode.SOFTWARE,
        )
    return variant
