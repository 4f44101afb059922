"""Exit codes: what the end of a stage means for its caller.

The permanent ones are those of BSD's sysexits.h; a Job's podFailurePolicy
fails at once on them. 75 (EX_TEMPFAIL) asks for a new attempt later. Anything
else is retried within the Job's limit.
"""

from collections.abc import Mapping
from enum import IntEnum

Headline = Mapping[str, float | int | str | bool | None]


class ExitCode(IntEnum):
    """The exit codes that stages use on purpose."""

    DONE = 0
    USAGE = 64
    """The task itself is wrong: a field, a value, a combination."""
    DATA = 65
    """An input is wrong: a corpus line, a label, a corrupt artifact."""
    NO_INPUT = 66
    """What the spec names does not exist and will not by itself: a file, a base model."""
    SOFTWARE = 70
    """A check of our own failed: parity, a precision that is not what was asked."""
    CANNOT_CREATE = 73
    """The result cannot be written: the disk is full, the folder is read-only."""
    TRY_AGAIN = 75
    """Retryable: a store that does not answer, a missing bucket, a vanished input."""
    CONFIGURATION = 78
    """The store or the host is not fit: no conditional writes, no such backend."""
    TERMINATED = 143
    """SIGTERM was obeyed, and the checkpoint saved."""


class StageError(Exception):
    """An end that a person can act on: the message says what, where, and what to do.

    Attributes:
        headline: figures for the caller; they are part of the termination message.
    """

    code: ExitCode

    def __init__(self, message: str, code: ExitCode, headline: Headline | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.headline = headline or {}


class PermanentError(StageError):
    """Running it again changes nothing until a person changes something."""

    def __init__(self, message: str, code: ExitCode = ExitCode.DATA) -> None:
        super().__init__(message, code)


class RetryableError(StageError):
    """The same attempt may succeed later."""

    def __init__(self, message: str, headline: Headline | None = None) -> None:
        super().__init__(message, ExitCode.TRY_AGAIN, headline)
