"""The pointer, as the promote stage finds it and moves it.

A stage was planned on a generation; where the pointer is elsewhere, the last
words say where, so that whoever planned it can plan again without ever reading
the store.
"""

from dataclasses import dataclass

from ner_jobs.promotion.pointer import Action, Pointer, Promotion, move_pointer, read_pointer
from ner_jobs.stages.base import StageContext
from ner_jobs.store.artifacts import read_manifest
from ner_jobs.store.protocol import Store
from ner_jobs.task import RetryableError, Stage, Task
from ner_jobs.task.promote_headline import OF_THE_POINTER, PromoteHeadline, format_held

Figures = dict[str, float | int | str | bool | None]


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


def observe(context: StageContext, generation: int) -> Standing:
    """Read the pointer.

    Args:
        context: of the promote stage.
        generation: that the task was planned on; 0 where there was no pointer.

    Raises:
        RetryableError: it is at another generation by now, and not by an earlier attempt of this task.
    """
    pointer = read_pointer(context.store, context.task.owner)
    if pointer is None:
        if generation:
            raise RetryableError(
                "the pointer has vanished since this was planned; plan again", found(context.store, None)
            )
        return Standing(None, None, moved=False)
    ours = context.task.key in (pointer.promote_key, pointer.command_key)
    if ours and pointer.generation == generation + 1:
        return Standing(pointer, pointer.history[-1] if pointer.history else None, moved=True)
    if pointer.generation != generation:
        raise RetryableError(
            f"the pointer went from generation {generation} to {pointer.generation} since "
            "this was planned; plan again, so that candidates are held against what is in service now",
            found(context.store, pointer),
        )
    return Standing(pointer, pointer, moved=False)


def move(context: StageContext, pointer: Pointer, expected: Pointer | None) -> None:
    """Write the pointer.

    Raises:
        RetryableError: somebody moved it since it was read.
    """
    if not move_pointer(context.store, pointer, expected):
        raise RetryableError(
            "the pointer was moved by somebody else while the candidates were judged; plan again, so that "
            "they are held against what is in service now",
            found(context.store, read_pointer(context.store, context.task.owner)),
        )


def in_service(store: Store, pointer: Pointer | None) -> PromoteHeadline:
    """What the headline says of the pointer, and of the model that it names."""
    if pointer is None:
        return PromoteHeadline()
    compiled = read_manifest(store, Stage.COMPILE, pointer.compile_key)
    return PromoteHeadline(
        generation=pointer.generation,
        current_revision=pointer.revision,
        current_variant=pointer.variant,
        current_f1=pointer.f1,
        current_drop=pointer.drop,
        compile_key=pointer.compile_key,
        compiled=compiled[0].outputs.get("compiled", "") if compiled else "",
        backend=str(compiled[0].parameters.get("backend", "")) if compiled else "",
        promote_key=pointer.promote_key,
        held=format_held(pointer.taken_back),
        manual=pointer.action is not Action.PROMOTE,
    )


def found(store: Store, pointer: Pointer | None) -> Figures:
    """The headline of a stage that judged nothing."""
    return in_service(store, pointer).figures()


def of_this_moment(store: Store, task: Task) -> Figures:
    """The part of a headline that is not the artifact's: where the pointer stands now, whoever moved it."""
    now = in_service(store, read_pointer(store, task.owner))
    return now.model_dump(mode="json", by_alias=True, include=set(OF_THE_POINTER))
