"""Where the pointer is when a promote stage starts, and its move at the end.

A stage is planned for one generation of the pointer. If the pointer is at
another one, the stage fails and its headline says where the pointer is. So the
operator can plan again without reading the store.
"""

from dataclasses import dataclass

from ner_jobs.promotion.headline import pointer_headline
from ner_jobs.promotion.pointer import Pointer, Promotion, move_pointer, read_pointer
from ner_jobs.store.protocol import Store
from ner_jobs.task import RetryableError, Task


@dataclass(frozen=True, slots=True)
class PointerState:
    """Where the pointer was found.

    Attributes:
        pointer: as it was read; the move is conditional on it.
        before: what candidates are compared with: the pointer, or its position before our own move.
        moved: whether an earlier attempt of this task has moved it already.
    """

    pointer: Pointer | None
    before: Promotion | None
    moved: bool = False


def observe_pointer(store: Store, task: Task, generation: int) -> PointerState:
    """Read the pointer.

    Args:
        store: that has it.
        task: of the promote stage.
        generation: that the task was planned for; 0 if there was no pointer.

    Raises:
        RetryableError: the pointer is at another generation, and no earlier attempt of this task moved it.
    """
    pointer = read_pointer(store, task.owner)
    if pointer is None:
        if generation:
            raise _plan_again(store, None, "the pointer has vanished since this was planned; plan again")
        return PointerState(None, None)
    ours = task.key in (pointer.promote_key, pointer.command_key)
    if ours and pointer.generation == generation + 1:
        return PointerState(pointer, pointer.history[-1] if pointer.history else None, moved=True)
    if pointer.generation != generation:
        raise _plan_again(
            store,
            pointer,
            f"the pointer went from generation {generation} to {pointer.generation} since this was planned; "
            "plan again, so that candidates are held against what is in service now",
        )
    return PointerState(pointer, pointer)


def require_move(store: Store, pointer: Pointer, expected: Pointer | None) -> None:
    """Write the pointer.

    Raises:
        RetryableError: somebody moved it since it was read.
    """
    if not move_pointer(store, pointer, expected):
        raise _plan_again(
            store,
            read_pointer(store, pointer.owner),
            "the pointer was moved by somebody else while the candidates were judged; plan again, so that "
            "they are held against what is in service now",
        )


def _plan_again(store: Store, pointer: Pointer | None, message: str) -> RetryableError:
    return RetryableError(message, pointer_headline(store, pointer).figures())
