"""The place that a command works on: a spec on this machine, or a NerDeployment of a cluster.

A command parses its options, opens its place, calls it and shows what it
returns. As with kubectl's own commands, `-f FILE` and a NAME exclude each
other: a file is worked on here, a name is one of the cluster.
"""

import getpass
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ner_jobs.promotion.pointer import Pointer
    from ner_jobs.report.comparison import Comparison
    from ner_operator.planning.plan import Plan


@dataclass(frozen=True, slots=True)
class StageLog:
    """The log of a stage's last attempt."""

    step: str
    key: str
    log: str


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a promotion or rollback led to: moved here, requested in a cluster.

    Attributes:
        lines: for people.
        document: for programs, as JSON values.
    """

    lines: tuple[str, ...]
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Results:
    """The variants of a revision.

    Attributes:
        comparison: the variants side by side.
        page: the path of the HTML page, which the results decide: the same path, the same page.
        held: why nothing is promoted, whatever the verdict says; empty if nothing holds it.
        in_service: the model in service, as a phrase.
    """

    comparison: "Comparison"
    page: Path
    held: str
    in_service: str


class Place(Protocol):
    """What commands do on either place. Each method raises a `StageError` that says what to do."""

    @property
    def has_keys(self) -> bool:
        """Whether the keys of `plan` are those of the store."""

    def plan(self, rerun: Sequence[str]) -> "Plan":
        """What would run, as if these stages or steps were requested again. Writes nothing."""

    def rerun(self, steps: Sequence[str]) -> str:
        """Request stages or steps again; returns the new token."""

    def promote(self, variant: str | None, force: str) -> CommandResult:
        """Promote by hand.

        Args:
            variant: its name; None takes the first in preference that passes every gate.
            force: the reason to promote although a gate refuses; empty obeys the gates.
        """

    def rollback(self, revision: str | None, generation: int | None, reason: str) -> CommandResult:
        """Put an earlier model back into service.

        Args:
            revision: the beginning of its digest.
            generation: its generation; without either, the newest that was not rolled back itself.
            reason: for the history.
        """

    def pointer(self) -> "Pointer | None":
        """The pointer with its history; None if nothing was ever promoted."""

    def results(self) -> Results:
        """The variants that are compiled or evaluated."""

    def logs(self, step: str | None) -> Sequence[StageLog]:
        """The logs of a stage or step; None takes all."""

    def follow(self, step: str | None) -> int:
        """Print the log of a running stage until it ends; returns an exit code."""


def open_place(
    target: str | None,
    file: str | None,
    settings: Sequence[str],
    storage: str | None,
    name: str | None,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    endpoint_url: str | None = None,
) -> Place:
    """The place that the common options name.

    Raises:
        StageError: both a NAME and a file are given, or neither, or the spec cannot be used.
    """
    if (target is None) == (file is None):
        from ner_jobs.task import ExitCode, PermanentError

        wrong = "-f FILE and NAME exclude each other" if file else "give -f FILE or NAME"
        raise PermanentError(f"{wrong}: -f FILE works here, NAME in the cluster", ExitCode.USAGE)
    if target is not None:
        from ner_operator.cli.cluster.place import open_cluster

        return open_cluster(target, namespace, context, kubeconfig, storage, endpoint_url)
    from ner_operator.cli.here import open_here

    return open_here(file or "", settings, storage, name)


def in_service(pointer: "Pointer | None") -> str:
    """The model in service, as a phrase."""
    if pointer is None:
        return "nothing"
    return f"variant {pointer.variant} of revision {pointer.revision[:12]}, generation {pointer.generation}"


def position_of(pointer: "Pointer") -> CommandResult:
    """The position of a pointer that has just moved."""
    lines = [f"in service: {in_service(pointer)}"]
    if pointer.held:
        lines.append(f"held: revision {pointer.held[:12]} is not promoted again by itself")
    return CommandResult(tuple(lines), pointer.position().model_dump(mode="json", by_alias=True))


def require_variant(variant: str | None, variants: Sequence[str]) -> None:
    """Check the name of a variant; None is always right.

    Raises:
        PermanentError: there is no such variant; the message lists those that there are.
    """
    if variant is not None and variant not in variants:
        from ner_jobs.task import ExitCode, PermanentError

        raise PermanentError(
            f"there is no variant {variant}; there are {', '.join(variants)}", ExitCode.USAGE
        )


def new_token() -> str:
    """A token that no other request has; tokens sort by time."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}"


def local_user() -> str:
    """The user's name on this machine, or empty."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
