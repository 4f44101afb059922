"""The parameters of the promote stage, and when a person's decision keeps it from running. Pure.

Promote is the only stage whose parameters are not all in the spec: the
revision comes from the plan and the generation from the pointer. So a changed
parameter does not always mean that somebody changed the spec.
"""

from collections.abc import Mapping

from ner_jobs.task import Stage, canonical_digest
from ner_jobs.task.parameters import PromoteParameters
from ner_operator.planning.inputs import PointerState
from ner_operator.planning.resolved import PromotionPolicy

PLANNED = frozenset({"revision", "currentGeneration", "releaseHeld"})
"""Parameters that come from the plan and the pointer, not from the spec."""


def promote_parameters(
    policy: PromotionPolicy, revision: str, generation: int, release: bool
) -> PromoteParameters:
    """The complete parameters.

    Args:
        policy: the part that the spec decides.
        revision: the one to promote.
        generation: of the pointer that the stage will find.
        release: whether a person asked to judge again a revision that was rolled back.
    """
    return PromoteParameters.model_validate(
        {
            "revision": revision,
            "preference": policy.preference,
            "reference": policy.reference,
            "gates": policy.gates,
            "current_generation": generation,
            "mode": policy.mode,
            "allow_emulated": policy.allow_emulated,
            "release_held": release,
            "history_limit": policy.history_limit,
        }
    )


def hold(pointer: PointerState | None, revision: str) -> str:
    """Why promote does not run, because a person moved the pointer; empty if it may run."""
    if pointer is None:
        return ""
    if revision in pointer.held and revision != pointer.revision:
        return (
            f"revision {revision[:12]} was rolled back and is held: nerd promote takes it back into service, "
            "nerd run --rerun promote judges it again, a changed spec makes a new revision"
        )
    if pointer.manual and pointer.revision == revision:
        return (
            f"revision {revision[:12]}, variant {pointer.variant}, was put into service by hand and stays; "
            "nerd run --rerun promote lets the gates choose again"
        )
    return ""


def without_own_move(record: Mapping[str, object], pointer: PointerState | None) -> Mapping[str, object]:
    """The record of the verdict that moved the pointer, with the generation after that move.

    The verdict itself raised the generation, so a plan must not report that as a change.
    """
    if pointer is None or not pointer.promote_key or canonical_digest(record) != pointer.promote_key:
        return record
    return _with_parameters(record, {**_parameters(record), "currentGeneration": pointer.generation})


def without_planned_parameters(record: Mapping[str, object]) -> Mapping[str, object]:
    """Promote's record without the parameters in `PLANNED`; the records of other stages unchanged."""
    if record.get("stage") != Stage.PROMOTE.value:
        return record
    known = {name: value for name, value in _parameters(record).items() if name not in PLANNED}
    return _with_parameters(record, known)


def _parameters(record: Mapping[str, object]) -> Mapping[str, object]:
    parameters = record.get("parameters")
    return parameters if isinstance(parameters, Mapping) else {}


def _with_parameters(record: Mapping[str, object], parameters: Mapping[str, object]) -> Mapping[str, object]:
    return {**record, "parameters": parameters}
