"""The commands that people request by annotation, compared with those that were handled already.

A command is handled once. The status keeps its text, so an annotation that
stays, is removed or comes back changes nothing. Rerun tokens add up. The
commands promote and rollback run a promote stage of their own, one at a time.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

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
from ner_operator.api.v1alpha1.status import HandledCommands, NerDeploymentStatus, StageStatus

LONGEST = 1024
"""Characters of an annotation that are read."""

_STAGES = frozenset(stage.value for stage in Stage)

Command = PromoteCommand | RollbackCommand


@dataclass(frozen=True, slots=True)
class RequestedCommands:
    """What people request now.

    Attributes:
        rerun: all tokens that were ever requested, by stage or step.
        promotion_requested_generation: the pointer's generation when a person last requested a verdict.
        handled: for the status.
        command: to promote or to roll back; None if there is none, or if it has been carried out.
        field: of `handled` for this command, and of the annotation's name.
        text: of this command's annotation.
        more: whether another command waits behind this one.
        refused: why requests cannot be carried out, as sentences.
    """

    rerun: Mapping[str, str]
    promotion_requested_generation: int | None
    handled: HandledCommands
    command: Command | None = None
    field: str = ""
    text: str = ""
    more: bool = False
    refused: tuple[str, ...] = ()


def read_commands(
    annotations: Mapping[str, str], status: NerDeploymentStatus, steps: Collection[str], generation: int
) -> RequestedCommands:
    """What the annotations request.

    Args:
        annotations: of the deployment.
        status: as it was last written.
        steps: names of the deployment's steps.
        generation: of the pointer; 0 if nothing is promoted.
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
    readers: tuple[tuple[str, str, Callable[[str], Command]], ...] = (
        ("rollback", ROLLBACK, read_rollback),
        ("promote", PROMOTE, read_promote),
    )
    found: list[tuple[str, str, Command]] = []
    for field, annotation, read in readers:
        text = annotations.get(annotation, "")[:LONGEST]
        if not text or text == getattr(handled, field):
            continue
        try:
            found.append((field, text, read(text)))
        except CommandError as error:
            refused.append(str(error))
            handled = handled.model_copy(update={field: text})
    requested = RequestedCommands(rerun, promotion_requested_generation, handled, refused=tuple(refused))
    if not found:
        return requested
    field, text, command = found[0]
    return replace(requested, command=command, field=field, text=text, more=len(found) > 1)


def after_step(requested: RequestedCommands, entry: StageStatus | None) -> RequestedCommands:
    """The requests after the command's step: if the step has ended, its command has been handled.

    Args:
        requested: before.
        entry: of the command's step; None if there is no command.
    """
    if entry is None or entry.state not in ("Succeeded", "Failed"):
        return requested
    refused = requested.refused
    verdict = entry.result.headline.get("verdict") if entry.result else ""
    if entry.state == "Failed" or verdict == "Refused":
        refused = (*refused, f"{requested.field}: {entry.message}")
    handled = requested.handled.model_copy(update={requested.field: requested.text})
    return replace(requested, handled=handled, command=None, refused=refused)
