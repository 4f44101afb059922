"""The headline of a promote stage: what it tells the operator, which never reads the store."""

from ner_jobs.promotion.pointer import Action, Pointer, read_pointer
from ner_jobs.promotion.verdict import Verdict
from ner_jobs.store.artifacts import read_manifest
from ner_jobs.store.protocol import Store
from ner_jobs.task import Stage, Task
from ner_jobs.task.promote_headline import OF_THE_POINTER, PromoteHeadline, cut, format_held

Figures = dict[str, float | int | str | bool | None]


def pointer_headline(store: Store, pointer: Pointer | None) -> PromoteHeadline:
    """The part of the headline about the pointer and the model that it names."""
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


def verdict_headline(store: Store, verdict: Verdict, pointer: Pointer | None) -> Figures:
    """The whole headline.

    Args:
        store: that has the artifacts.
        verdict: of the stage.
        pointer: as it is afterwards.
    """
    verdict_part = {
        "verdict": str(verdict.outcome),
        "message": cut(verdict.message),
        "revision": verdict.revision,
        "variant": verdict.variant,
        "f1": verdict.f1,
        "drop": verdict.drop,
    }
    return pointer_headline(store, pointer).model_copy(update=verdict_part).figures()


def pointer_figures_now(store: Store, task: Task) -> Figures:
    """The figures about the pointer as it is now: an artifact that is found again may hold older ones."""
    now = pointer_headline(store, read_pointer(store, task.owner))
    return now.model_dump(mode="json", by_alias=True, include=set(OF_THE_POINTER))
