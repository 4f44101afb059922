"""The pointer to the promoted model: one small object a deployment, moved by compare-and-swap.

The generation only grows, so a rollback to the same bytes is a new state. Pure
functions decide what the next pointer is; others read and write it.

A revision that a person rolled back is held: the pointer remembers it until a
person promotes it again.
"""

import json
from enum import StrEnum

from pydantic import ValidationError

from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, Owner, PermanentError, RetryableError
from ner_jobs.task.model import Contract

TAKEN_BACK_LIMIT = 100
"""Held revisions that are remembered; the oldest are forgotten."""


class Action(StrEnum):
    """Who moved the pointer, and how."""

    PROMOTE = "Promote"
    """The promote stage: every gate passed."""
    MANUAL = "Manual"
    """A person chose, with `nerd promote`."""
    ROLLBACK = "Rollback"
    """A person, with `nerd rollback`."""


class Promotion(Contract):
    """One position of the pointer.

    Attributes:
        generation: 1 for the first; each move adds 1.
        compile_key: of the compiled model in service; manifest_digest is that of its manifest.
        evaluation_key: of its evaluation; test_digest names the test set of that evaluation.
        promote_key: of the verdict, whose artifact holds the model as a Hugging Face folder.
        command_key: of the task that rolled back; empty otherwise.
        f1: in 0..1, on that test set; drop: points below the reference variant of its revision.
        promoted_at: seconds since the epoch.
        by: who moved it: `promote`, or a person's name.
        message: why, in a sentence.
    """

    generation: int
    revision: str
    variant: str
    compile_key: str
    manifest_digest: str
    evaluation_key: str = ""
    test_digest: str = ""
    promote_key: str = ""
    command_key: str = ""
    f1: float | None = None
    drop: float | None = None
    promoted_at: float
    by: str
    action: Action
    message: str = ""


class Pointer(Promotion):
    """The present position of a deployment's pointer, and its former ones.

    Attributes:
        held: the revision that the last move rolled back, or empty.
        taken_back: all held revisions, newest last; only a person can promote them.
        history: former positions, oldest first.
    """

    owner: Owner
    held: str = ""
    taken_back: tuple[str, ...] = ()
    history: tuple[Promotion, ...] = ()

    def holds(self, revision: str) -> bool:
        """Whether the revision was rolled back, so that only a person can promote it."""
        return revision in self.taken_back

    def position(self) -> Promotion:
        """The present position without the history."""
        return Promotion.model_validate({name: getattr(self, name) for name in Promotion.model_fields})


def pointer_key(owner: Owner) -> str:
    """Key of the object that holds the pointer."""
    return f"promoted/{owner.namespace}/{owner.name}"


def promoted(current: Pointer | None, promotion: Promotion, owner: Owner, history_limit: int = 10) -> Pointer:
    """The pointer after a promotion. The caller has checked `Pointer.holds`.

    Args:
        current: the present pointer, or None.
        promotion: the new position; its generation is set here.
        owner: of the pointer; without a UID, the owner of the present pointer is kept.
        history_limit: former positions that are kept.
    """
    position = promotion.model_copy(update={"generation": current.generation + 1 if current else 1})
    return Pointer(
        owner=current.owner if current and not owner.uid else owner,
        taken_back=_without(current.taken_back, position.revision) if current else (),
        history=_history(current, history_limit),
        **_fields(position),
    )


def rolled_back(
    current: Pointer,
    at: float,
    by: str,
    revision: str | None = None,
    generation: int | None = None,
    message: str = "",
    history_limit: int = 10,
    command_key: str = "",
) -> Pointer:
    """The pointer after a rollback, which is a new generation.

    Args:
        current: the present pointer.
        at: now, in seconds since the epoch.
        by: the person.
        revision: a prefix of the revision to go back to.
        generation: of the position to go back to. Without either, it is the newest position whose
            revision is not held.
        message: why.
        history_limit: former positions that are kept.
        command_key: of the task that does it, or empty.

    Raises:
        PermanentError: there is no such position in the history, or the prefix fits several revisions.
    """
    former = rollback_target(current, revision, generation)
    position = former.model_copy(
        update={
            "generation": current.generation + 1,
            "promoted_at": at,
            "by": by,
            "action": Action.ROLLBACK,
            "message": message,
            "command_key": command_key,
        }
    )
    back = current.revision if former.revision != current.revision else ""
    kept = _without(_without(current.taken_back, former.revision), back)
    return Pointer(
        owner=current.owner,
        held=back,
        taken_back=(*kept, back)[-TAKEN_BACK_LIMIT:] if back else kept,
        history=_history(current, history_limit),
        **_fields(position),
    )


def rollback_target(current: Pointer, revision: str | None, generation: int | None) -> Promotion:
    """The position of the history that a rollback goes back to, for the arguments of `rolled_back`.

    Raises:
        PermanentError: as for `rolled_back`.
    """
    others = [
        former
        for former in reversed(current.history)
        if (former.revision, former.variant) != (current.revision, current.variant)
    ]
    if generation is not None:
        fitting = [former for former in others if former.generation == generation]
        wanted, known = f"no generation {generation}", [str(former.generation) for former in others]
    elif revision is not None:
        fitting = [former for former in others if former.revision.startswith(revision)]
        several = sorted({former.revision for former in fitting})
        if len(several) > 1:
            raise PermanentError(
                f"revision {revision} may be any of {', '.join(each[:12] for each in several)}; write more "
                "of it",
                ExitCode.USAGE,
            )
        wanted, known = f"no revision {revision}", [former.revision[:12] for former in others]
    else:
        fitting = [former for former in others if not current.holds(former.revision)]
        wanted, known = (
            "no earlier model that was not rolled back itself",
            [former.revision[:12] for former in others],
        )
    if fitting:
        return fitting[0]
    there = ", ".join(dict.fromkeys(known)) or "nothing else"
    raise PermanentError(
        f"the history of {current.owner.namespace}/{current.owner.name} holds {wanted}; it holds {there}: "
        "name one of these, or promote another revision",
        ExitCode.USAGE,
    )


def never_promoted(owner: Owner) -> str:
    """The message if there is no pointer."""
    return f"nothing was ever promoted for {owner.namespace}/{owner.name}"


def read_pointer(store: Store, owner: Owner) -> Pointer | None:
    """The pointer of a deployment, or None if nothing was ever promoted.

    Raises:
        PermanentError: it cannot be read, or it belongs to another deployment.
    """
    found = _read(store, owner)
    return found[0] if found else None


def move_pointer(store: Store, pointer: Pointer, expected: Pointer | None) -> bool:
    """Write the pointer if nobody has moved it since it was read.

    Args:
        store: that has it.
        pointer: the new one.
        expected: the pointer that was read before deciding; None if there was none.

    Returns:
        False if it was moved: read and decide again.
    """
    key, data = pointer_key(pointer.owner), _bytes(pointer)
    if expected is None:
        return store.create(key, data)
    found = _read(store, pointer.owner)
    if found is None or found[0].generation != expected.generation:
        return False
    return store.replace(key, data, found[1])


def adopt_pointer(store: Store, owner: Owner) -> Pointer | None:
    """Give the pointer of a deleted deployment to the deployment that has its name now.

    Args:
        store: that has it.
        owner: the new one, with its UID.

    Returns:
        The pointer, or None if there is none.

    Raises:
        RetryableError: somebody moved it at the same moment.
    """
    found = _read(store, owner.model_copy(update={"uid": ""}))
    if found is None:
        return None
    pointer = found[0].model_copy(update={"owner": owner})
    if not store.replace(pointer_key(owner), _bytes(pointer), found[1]):
        raise RetryableError("somebody else moved the pointer at the same time; try again")
    return pointer


def _read(store: Store, owner: Owner) -> tuple[Pointer, str] | None:
    key = pointer_key(owner)
    found = store.get(key)
    if found is None:
        return None
    try:
        pointer = Pointer.model_validate(json.loads(found[0]))
    except (ValueError, ValidationError) as error:
        raise PermanentError(
            f"{store.uri}/{key} is no pointer ({type(error).__name__}); restore it from a backup, "
            "or delete it to start without a promoted model"
        ) from error
    theirs = pointer.owner
    another = (theirs.namespace, theirs.name) != (owner.namespace, owner.name)
    if another or (theirs.uid and owner.uid and theirs.uid != owner.uid):
        raise PermanentError(
            f"{store.uri}/{key} belongs to {theirs.namespace}/{theirs.name} (UID {theirs.uid or 'none'}), "
            f"not to {owner.namespace}/{owner.name} (UID {owner.uid or 'none'}); give each deployment "
            "a spec.storage.uri of its own, or take the pointer over with kubectl nerd adopt if its owner is "
            "gone",
            ExitCode.CONFIGURATION,
        )
    return pointer, found[1]


def _without(revisions: tuple[str, ...], revision: str) -> tuple[str, ...]:
    return tuple(each for each in revisions if each != revision)


def _history(current: Pointer | None, limit: int) -> tuple[Promotion, ...]:
    return (*current.history, current.position())[-limit:] if current else ()


def _fields(position: Promotion) -> dict[str, object]:
    return {name: getattr(position, name) for name in Promotion.model_fields}


def _bytes(pointer: Pointer) -> bytes:
    return pointer.model_dump_json(by_alias=True, indent=1).encode()
