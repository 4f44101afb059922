"""What people ask by annotation, held against what has been carried out already.

A command is handled once: the status keeps its text, so that an annotation
that stays, goes or comes back changes nothing. Tokens of reruns add up; a wish
to promote or to roll back becomes a promote stage of its own, one at a time.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from ner_jobs.task import Stage
from ner_jobs.task.parameters import PromoteCommand, RollbackCommand
from ner_operator.api.v1alpha1.commands import (
    PROMOTE,
    RERUN,
    ROLLBACK,
    CommandError,
    read_promote,
    read_rerun,
    read_rollback,
)
from ner_operator.api.v1alpha1.status import HandledCommands, NerDeploymentStatus

LONGEST = 1024
"""Characters of an annotation that are looked at."""

_STAGES = frozenset(stage.value for stage in Stage)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for now.

    Attributes:
        rerun: tokens by stage or step, all that were ever asked for.
        promotion_requested_generation: the pointer's generation when a person last asked to judge again.
        handled: as the status shall hold it, before the wish is carried out.
        wish: to promote or to roll back, and not carried out yet.
        wish_field: of `handled`, for the wish; wish_text: what it becomes once that is carried out.
        more: whether another wish waits behind it.
        refused: what asks for nothing that can be done, as sentences.
    """

    rerun: Mapping[str, str]
    promotion_requested_generation: int | None
    handled: HandledCommands
    wish: PromoteCommand | RollbackCommand | None = None
    wish_field: str = ""
    wish_text: str = ""
    more: bool = False
    refused: tuple[str, ...] = ()

    @property
    def handled_with_wish(self) -> HandledCommands:
        """`handled` once the wish is carried out, or refused."""
        return self.handled.model_copy(update={self.wish_field: self.wish_text})


def asked(
    annotations: Mapping[str, str], status: NerDeploymentStatus, steps: Collection[str], generation: int
) -> Asked:
    """What the annotations ask for.

    Args:
        annotations: of the deployment.
        status: as it was last written.
        steps: names of the deployment's steps.
        generation: of the pointer; 0 where nothing is promoted.
    """
    handled, refused = status.last_handled_commands, []
    rerun = {name: token for name, token in status.rerun.items() if name in _STAGES or name in steps}
    promotion_requested_generation = status.promotion_requested_generation
    text = annotations.get(RERUN, "")[:LONGEST]
    if text and text != handled.rerun:
        try:
            tokens = read_rerun(text)
        except CommandError as error:
            refused.append(str(error))
            tokens = {}
        unknown = sorted(name for name in tokens if name not in _STAGES and name not in steps)
        if unknown:
            refused.append(f"annotation {RERUN}: there is no stage {', '.join(unknown)}")
        if "promote" in tokens and rerun.get("promote") != tokens["promote"]:
            promotion_requested_generation = generation
        rerun |= {name: token for name, token in tokens.items() if name not in unknown}
        handled = handled.model_copy(update={"rerun": text})
    readers: tuple[tuple[str, str, Callable[[str], PromoteCommand | RollbackCommand]], ...] = (
        ("rollback", ROLLBACK, read_rollback),
        ("promote", PROMOTE, read_promote),
    )
    wishes: list[tuple[str, str, PromoteCommand | RollbackCommand]] = []
    for field, annotation, read in readers:
        text = annotations.get(annotation, "")[:LONGEST]
        if not text or text == getattr(handled, field):
            continue
        try:
            wishes.append((field, text, read(text)))
        except CommandError as error:
            refused.append(str(error))
            handled = handled.model_copy(update={field: text})
    if not wishes:
        return Asked(rerun, promotion_requested_generation, handled, refused=tuple(refused))
    field, text, wish = wishes[0]
    return Asked(
        rerun, promotion_requested_generation, handled, wish, field, text, len(wishes) > 1, tuple(refused)
    )
