"""Promotion by a person, on this machine: of what the gates have judged already."""

import time

from ner_jobs.promotion.gates import Candidate, VariantVerdict
from ner_jobs.promotion.manual import chosen_by_hand, require_real, words_by_hand
from ner_jobs.promotion.pointer import Action, Pointer, Promotion, promoted
from ner_jobs.store.artifacts import require_whole
from ner_jobs.task import ExitCode, PermanentError, Stage
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
    chosen = chosen_by_hand(
        verdicts,
        [known.name for known in here.resolved.variants],
        here.resolved.promotion.preference,
        variant,
        force or "",
    )
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
    emulated = compiled.artifact.emulated or evaluated.artifact.emulated
    require_real(Candidate(chosen, plan.revision, emulated), here.resolved.promotion.allow_emulated)
    _, digest = require_whole(here.store, Stage.COMPILE, compiled.key)
    data = here.observer.manifests[Stage.EVALUATE, evaluated.key].inputs["data"]
    f1, drop = (evaluated.artifact.headline.get(name) for name in ("f1", "drop"))
    passed = chosen in verdicts and verdicts[chosen].passed
    promotion = Promotion(
        generation=0,
        revision=plan.revision,
        variant=chosen,
        compile_key=compiled.key,
        manifest_digest=digest,
        evaluation_key=evaluated.key,
        test_digest=data.digest,
        f1=float(f1) if isinstance(f1, int | float) else None,
        drop=float(drop) if isinstance(drop, int | float) else None,
        promoted_at=time.time(),
        by=person(),
        action=Action.MANUAL,
        message=words_by_hand(passed, force or ""),
    )
    return promoted(current, promotion, here.owner, here.resolved.promotion.history_limit)


def _verdicts(here: Workspace, plan: Plan) -> dict[str, VariantVerdict]:
    """By variant, of the last verdict on this revision, however the pointer has moved since."""
    verdict = verdict_of(here, plan)
    if verdict is None or verdict.revision != plan.revision:
        return {}
    return {found.variant: found for found in verdict.variants}
