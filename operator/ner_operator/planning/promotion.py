"""What promote is told beyond its inputs, and when a person's decision keeps it from being asked. Pure.

Its parameters are the only ones that the spec does not hold in full: the
revision comes from the plan, the generation from the pointer. So what
changed of them is not always something that somebody changed.
"""

from collections.abc import Mapping

from ner_jobs.task import Stage, canonical_digest
from ner_jobs.task.parameters import PromoteParameters
from ner_operator.planning.inputs import PointerState
from ner_operator.planning.resolved import PromotionPolicy, ResolvedDeployment

PLANNED = frozenset({"revision", "currentGeneration", "releaseHeld"})
"""Parameters that come from the plan and the pointer, not from the spec."""


def promote_parameters(
    policy: PromotionPolicy, resolved: ResolvedDeployment, revision: str, generation: int, release: bool
) -> PromoteParameters:
    """The parameters in full.

    Args:
        policy: what the spec says of it.
        resolved: the deployment.
        revision: that would be promoted.
        generation: of the pointer that is compared with.
        release: whether a person asked to judge a revision again that was rolled back.
    """
    return PromoteParameters.model_validate(
        {
            "revision": revision,
            "preference": policy.preference,
            "reference": resolved.reference,
            "gates": policy.gates,
            "current_generation": generation,
            "mode": policy.mode,
            "allow_emulated": policy.allow_emulated,
            "release_held": release,
            "history_limit": policy.history_limit,
            "resamples": policy.resamples,
            "seed": policy.seed,
        }
    )


def hold(pointer: PointerState | None, revision: str) -> str:
    """Why the pointer stays where a person put it, or empty."""
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
    """The record of a verdict as if it had not moved the pointer itself: that is nobody's change."""
    if pointer is None or not pointer.promote_key or canonical_digest(record) != pointer.promote_key:
        return record
    return _with_parameters(record, {**_parameters(record), "currentGeneration": pointer.generation})


def without_what_is_not_known(record: Mapping[str, object]) -> Mapping[str, object]:
    """A record without the parameters that are known only when promote's inputs are; others as they are."""
    if record.get("stage") != Stage.PROMOTE.value:
        return record
    known = {name: value for name, value in _parameters(record).items() if name not in PLANNED}
    return _with_parameters(record, known)


def _parameters(record: Mapping[str, object]) -> Mapping[str, object]:
    parameters = record.get("parameters")
    return parameters if isinstance(parameters, Mapping) else {}


def _with_parameters(record: Mapping[str, object], parameters: Mapping[str, object]) -> Mapping[str, object]:
    return {**record, "parameters": parameters}
