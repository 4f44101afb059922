"""The promote stage's rollback: it judges nothing and moves the pointer to a former position.

A rollback that is refused is a result, like a gate's refusal: the stage
succeeds, and the verdict says why.
"""

import time

from ner_jobs.promotion.manual import SOMEBODY
from ner_jobs.promotion.pointer import Pointer, Promotion, never_promoted, rolled_back
from ner_jobs.promotion.pointer_state import observe_pointer, require_move
from ner_jobs.promotion.verdict import Outcome, Verdict
from ner_jobs.store.artifacts import require_whole
from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, PermanentError, Stage, Task
from ner_jobs.task.parameters import RollbackParameters


def roll_back(store: Store, task: Task) -> tuple[Verdict, Pointer | None]:
    """Move the pointer to a former position; returns the verdict and the pointer afterwards."""
    parameters = RollbackParameters.model_validate(task.parameters)
    state = observe_pointer(store, task, parameters.current_generation)
    if state.moved and state.pointer and state.before:
        return _done(state.pointer, state.before), state.pointer
    current = state.pointer
    try:
        if current is None:
            raise PermanentError(never_promoted(task.owner), ExitCode.USAGE)
        pointer = _back(store, task.key, parameters, current)
    except PermanentError as refused:
        return _refused(current, str(refused)), current
    require_move(store, pointer, current)
    return _done(pointer, current), pointer


def _back(store: Store, key: str, parameters: RollbackParameters, current: Pointer) -> Pointer:
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
        command_key=key,
    )
    require_whole(store, Stage.COMPILE, pointer.compile_key)
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
