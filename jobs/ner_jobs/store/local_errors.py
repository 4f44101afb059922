"""What a file system's refusal means to a person: a full disk, a read-only folder, a file that is gone."""

import contextlib
import errno
import os
from collections.abc import Iterator

from ner_jobs.task import ExitCode, PermanentError, RetryableError, StageError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

CLOSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def explained(error: OSError, where: str) -> StageError:
    """Words for an error of writing there.

    Args:
        error: of the file system.
        where: the URI or the path that was to be written.

    Returns:
        Permanent with exit code 73 where somebody has to make room or give a right, else retryable.
    """
    if error.errno in FULL:
        return PermanentError(
            f"no space left to write {where} ({os.strerror(error.errno or 0)}); free some, or choose another "
            "place (spec.storage.uri; TMPDIR for scratch)",
            ExitCode.CANNOT_CREATE,
        )
    if error.errno in CLOSED:
        return PermanentError(
            f"{where} cannot be written ({os.strerror(error.errno or 0)}); check the folder's owner and "
            "mode, or choose another spec.storage.uri",
            ExitCode.CANNOT_CREATE,
        )
    if error.errno in (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST):
        return PermanentError(
            f"{where} cannot be written ({os.strerror(error.errno or 0)}): a part of its path is a file, or "
            "too long a name; choose another spec.storage.uri",
            ExitCode.CANNOT_CREATE,
        )
    return RetryableError(f"{where} cannot be written: {error.strerror or error}")


@contextlib.contextmanager
def writing(where: str) -> Iterator[None]:
    """Errors of the block are those of writing there."""
    try:
        yield
    except OSError as error:
        raise explained(error, where) from error


@contextlib.contextmanager
def reading(where: str) -> Iterator[None]:
    """Errors of the block are those of reading there."""
    try:
        yield
    except PermissionError as error:
        raise RetryableError(
            f"{where} cannot be read ({error.strerror}); check its owner and mode, and those of its folder"
        ) from error
    except OSError as error:
        raise RetryableError(f"{where} cannot be read: {error.strerror or error}") from error
