"""The promote stage's rollback: it judges nothing and moves the pointer to a former position.

A rollback that is refused is a result, like a gate's refusal: the stage
succeeds, and the verdict says why.
"""

import time

from ner_jobs.promotion.gates import Outcome, Verdict
from ner_jobs.promotion.manual import SOMEBODY
from ner_jobs.promotion.pointer import Pointer, Promotion, never_promoted, rolled_back
from ner_jobs.promotion.standing import move, observe
from ner_jobs.promotion.verdict import left
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.store.artifacts import require_whole
from ner_jobs.task import ExitCode, PermanentError, Stage
from ner_jobs.task.parameters import RollbackParameters


def run(context: StageContext) -> StageResult:
    """Move the pointer to a former position."""
    parameters = RollbackParameters.model_validate(context.task.parameters)
    standing = observe(context, parameters.current_generation)
    if standing.moved and standing.pointer and standing.before:
        return left(context, _done(standing.pointer, standing.before), standing.pointer)
    current = standing.pointer
    try:
        if current is None:
            raise PermanentError(never_promoted(context.task.owner), ExitCode.USAGE)
        pointer = _back(context, parameters, current)
    except PermanentError as refused:
        return left(context, _refused(current, str(refused)), current)
    move(context, pointer, current)
    return left(context, _done(pointer, current), pointer)


def _back(context: StageContext, parameters: RollbackParameters, current: Pointer) -> Pointer:
    command = parameters.rollback
    if command.leaving is not None and command.leaving != current.generation:
        raise PermanentError(
            f"generation {command.leaving} was to be left, and generation {current.generation} came into "
            "service since; check that one, and ask again",
            ExitCode.USAGE,
        )
    pointer = rolled_back(
        current,
        time.time(),
        command.by or SOMEBODY,
        generation=command.generation,
        message=command.reason or "rolled back",
        history_limit=parameters.history_limit,
        command_key=context.task.key,
    )
    require_whole(context.store, Stage.COMPILE, pointer.compile_key)
    return pointer


def _done(pointer: Pointer, before: Promotion) -> Verdict:
    held = (
        f", which is held: only a person promotes revision {before.revision[:12]} again"
        if pointer.held
        else ""
    )
    return Verdict(
        outcome=Outcome.ROLLED_BACK,
        message=f"{pointer.variant} of revision {pointer.revision[:12]} is in service again, in place of "
        f"{before.variant} of revision {before.revision[:12]}{held} ({pointer.by}: {pointer.message})",
        revision=pointer.revision,
        variant=pointer.variant,
        generation=pointer.generation,
        f1=pointer.f1,
        drop=pointer.drop,
        drop_upper=None,
        judged=0,
        test=pointer.test_digest,
        variants=(),
    )


def _refused(current: Pointer | None, why: str) -> Verdict:
    return Verdict(
        outcome=Outcome.REFUSED,
        message=f"the rollback is refused: {why}",
        revision=current.revision if current else "",
        variant=None,
        generation=current.generation if current else 0,
        f1=current.f1 if current else None,
        drop=current.drop if current else None,
        drop_upper=None,
        judged=0,
        test=current.test_digest if current else "",
        variants=(),
    )
