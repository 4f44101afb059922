"""Commands that people give by annotation: `kubectl nerd` writes them, the operator reads them.

A command is an annotation and not a field of the spec, so that a spec in Git
does not drift. Each command has a token. The status keeps the tokens of
handled commands, so an annotation that stays, or that is removed and written
again, changes nothing.

    nerd.dev/rerun:    finetune=TOKEN,compile/int8=TOKEN
    nerd.dev/promote:  int8@TOKEN      *@TOKEN          (the first in preference that passes)
    nerd.dev/rollback: 4@TOKEN         previous@TOKEN   (a generation of the pointer)

After the target may follow: `by=NAME`; the reason, as `force="…"` (promote
although a gate failed) or `reason="…"` (rollback); and the state that the
person saw, as `revision=DIGEST` (promote) or `leaving=GENERATION` (rollback).
The command is refused if that state has changed. Values are quoted as in a
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
    """The annotation is not a command; the message says what to write."""


def read_rerun(text: str) -> dict[str, str]:
    """Tokens by stage (`finetune`) or step (`compile/int8`).

    Raises:
        CommandError: a part is not STAGE=TOKEN.
    """
    tokens: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        step, _, token = part.partition("=")
        if not _STEP.fullmatch(step) or not _TOKEN.fullmatch(token):
            raise CommandError(
                f"annotation {RERUN}: {part!r} is not a command; write STAGE=TOKEN or STAGE/VARIANT=TOKEN, "
                "separated by commas"
            )
        tokens[step] = token
    return tokens


def write_rerun(tokens: Mapping[str, str]) -> str:
    """The text of the annotation."""
    return ",".join(f"{step}={token}" for step, token in sorted(tokens.items()))


def read_promote(text: str) -> PromoteCommand:
    """The command of a `nerd.dev/promote` annotation.

    Raises:
        CommandError: the text is not such a command.
    """
    target, token, values = _read(
        PROMOTE, text, f"VARIANT@TOKEN or {PREFERRED}@TOKEN", ("revision", "force", "by")
    )
    return PromoteCommand(token=token, variant=None if target == PREFERRED else target, **values)


def write_promote(command: PromoteCommand) -> str:
    """The text of the annotation."""
    values = {"revision": command.revision, "by": command.by, "force": command.force}
    return _write(command.variant or PREFERRED, command.token, values)


def read_rollback(text: str) -> RollbackCommand:
    """The command of a `nerd.dev/rollback` annotation.

    Raises:
        CommandError: the text is not such a command.
    """
    expected = f"GENERATION@TOKEN or {PREVIOUS}@TOKEN"
    target, token, values = _read(ROLLBACK, text, expected, ("leaving", "reason", "by"))
    leaving = values.pop("leaving", None)
    return RollbackCommand(
        token=token,
        generation=None if target == PREVIOUS else _generation(ROLLBACK, target, expected),
        leaving=None if leaving is None else _generation(ROLLBACK, leaving, "leaving=GENERATION"),
        **values,
    )


def write_rollback(command: RollbackCommand) -> str:
    """The text of the annotation."""
    target = PREVIOUS if command.generation is None else str(command.generation)
    leaving = "" if command.leaving is None else str(command.leaving)
    return _write(target, command.token, {"leaving": leaving, "by": command.by, "reason": command.reason})


def _read(
    annotation: str, text: str, expected: str, names: tuple[str, ...]
) -> tuple[str, str, dict[str, str]]:
    """The target, the token, and the named values that follow."""
    try:
        first, *words = shlex.split(text)
    except ValueError:
        raise CommandError(f"annotation {annotation}: {text!r} is not a command; write {expected}") from None
    target, _, token = first.partition("@")
    if not target or not _TOKEN.fullmatch(token):
        raise CommandError(f"annotation {annotation}: {first!r} is not a command; write {expected}")
    values: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name not in names or not value:
            raise CommandError(
                f"annotation {annotation}: {word!r} is not known; after {expected} write only "
                f"{', '.join(f'{name}=…' for name in names)}"
            )
        values[name] = value[:LONGEST_REASON]
    return target, token, values


def _write(target: str, token: str, values: Mapping[str, str]) -> str:
    words = [f"{name}={shlex.quote(value[:LONGEST_REASON])}" for name, value in values.items() if value]
    return " ".join([f"{target}@{token}", *words])


def _generation(annotation: str, text: str, expected: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise CommandError(
            f"annotation {annotation}: {text!r} is not a generation of the pointer; write {expected}"
        )
    return int(text)
