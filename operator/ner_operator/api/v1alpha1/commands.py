"""What people ask of a NerDeployment by annotation: written by `kubectl nerd`, read by the operator.

A command is an annotation and no field of the spec, so that a repository that
holds the spec never drifts. Each carries a token: the status says which tokens
were carried out, so an annotation that stays, goes or comes back changes
nothing.

    nerd.dev/rerun:    finetune=TOKEN,compile/int8=TOKEN
    nerd.dev/promote:  int8@TOKEN      *@TOKEN          (the first in preference that passes)
    nerd.dev/rollback: 4@TOKEN         previous@TOKEN   (a generation of the pointer)

Behind a target may stand `by=NAME` and the reason as `force="…"` (promote:
although a gate refuses) or `reason="…"` (rollback), and what the person saw:
`revision=DIGEST` (promote) or `leaving=GENERATION` (rollback), so that a wish
never falls upon another model than it was meant for. Words are quoted as in a
shell.
"""

import re
import shlex
from collections.abc import Mapping

from ner_jobs.task.parameters import PromoteCommand, RollbackCommand
from ner_operator.api.meta import GROUP

RERUN = f"{GROUP}/rerun"
PROMOTE = f"{GROUP}/promote"
ROLLBACK = f"{GROUP}/rollback"

PREFERRED = "*"
PREVIOUS = "previous"

LONGEST_REASON = 512

_TOKEN = re.compile(r"[A-Za-z0-9._:-]{1,63}")
_STEP = re.compile(r"[a-z]+(/[a-z0-9][a-z0-9-]*)?")


class CommandError(ValueError):
    """An annotation that says nothing that can be carried out; the message says what to write."""


def read_rerun(text: str) -> dict[str, str]:
    """Tokens by stage (`finetune`) or step (`compile/int8`).

    Raises:
        CommandError: some part is no STAGE=TOKEN.
    """
    tokens: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        step, _, token = part.partition("=")
        if not _STEP.fullmatch(step) or not _TOKEN.fullmatch(token):
            raise CommandError(
                f"annotation {RERUN}: {part!r} asks for nothing; write STAGE=TOKEN or STAGE/VARIANT=TOKEN, "
                "separated by commas"
            )
        tokens[step] = token
    return tokens


def write_rerun(tokens: Mapping[str, str]) -> str:
    """The annotation of these tokens."""
    return ",".join(f"{step}={token}" for step, token in sorted(tokens.items()))


def read_promote(text: str) -> PromoteCommand:
    """The wish of a `nerd.dev/promote` annotation.

    Raises:
        CommandError: it is none.
    """
    target, token, told = _read(
        PROMOTE, text, f"VARIANT@TOKEN or {PREFERRED}@TOKEN", ("revision", "force", "by")
    )
    return PromoteCommand(token=token, variant=None if target == PREFERRED else target, **told)


def write_promote(command: PromoteCommand) -> str:
    """The annotation of a wish."""
    told = {"revision": command.revision, "by": command.by, "force": command.force}
    return _write(command.variant or PREFERRED, command.token, told)


def read_rollback(text: str) -> RollbackCommand:
    """The wish of a `nerd.dev/rollback` annotation.

    Raises:
        CommandError: it is none.
    """
    wanted = f"GENERATION@TOKEN or {PREVIOUS}@TOKEN"
    target, token, told = _read(ROLLBACK, text, wanted, ("leaving", "reason", "by"))
    leaving = told.pop("leaving", None)
    return RollbackCommand(
        token=token,
        generation=None if target == PREVIOUS else _generation(ROLLBACK, target, wanted),
        leaving=None if leaving is None else _generation(ROLLBACK, leaving, "leaving=GENERATION"),
        **told,
    )


def write_rollback(command: RollbackCommand) -> str:
    """The annotation of a wish."""
    target = PREVIOUS if command.generation is None else str(command.generation)
    leaving = "" if command.leaving is None else str(command.leaving)
    return _write(target, command.token, {"leaving": leaving, "by": command.by, "reason": command.reason})


def _read(annotation: str, text: str, wanted: str, names: tuple[str, ...]) -> tuple[str, str, dict[str, str]]:
    """Target, token, and what stands behind them."""
    try:
        first, *words = shlex.split(text)
    except ValueError:
        raise CommandError(f"annotation {annotation}: {text!r} asks for nothing; write {wanted}") from None
    target, _, token = first.partition("@")
    if not target or not _TOKEN.fullmatch(token):
        raise CommandError(f"annotation {annotation}: {first!r} asks for nothing; write {wanted}")
    told: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name not in names or not value:
            raise CommandError(
                f"annotation {annotation}: {word!r} means nothing here; behind {wanted} may stand "
                f"{', '.join(f'{name}=…' for name in names)}"
            )
        told[name] = value[:LONGEST_REASON]
    return target, token, told


def _write(target: str, token: str, told: Mapping[str, str]) -> str:
    words = [f"{name}={shlex.quote(value[:LONGEST_REASON])}" for name, value in told.items() if value]
    return " ".join([f"{target}@{token}", *words])


def _generation(annotation: str, text: str, wanted: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise CommandError(
            f"annotation {annotation}: {text!r} is no generation of the pointer; write {wanted}"
        )
    return int(text)
