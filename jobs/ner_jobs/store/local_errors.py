"""Messages for errors of the file system: a full disk, a read-only folder, a missing file."""

import contextlib
import errno
import os
from collections.abc import Iterator

from ner_jobs.task import ExitCode, PermanentError, RetryableError, StageError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

CLOSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def explained(error: OSError, where: str) -> StageError:
    """The stage error for an error while writing.

    Args:
        error: of the file system.
        where: URI or path of the file.

    Returns:
        Permanent with exit code 73 if a person has to make room or give a right, else retryable.
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
    """Turn the block's OSErrors into stage errors about writing."""
    try:
        yield
    except OSError as error:
        raise explained(error, where) from error


@contextlib.contextmanager
def reading(where: str) -> Iterator[None]:
    """Turn the block's OSErrors into stage errors about reading."""
    try:
        yield
    except PermissionError as error:
        raise RetryableError(
            f"{where} cannot be read ({error.strerror}); check its owner and mode, and those of its folder"
        ) from error
    except OSError as error:
        raise RetryableError(f"{where} cannot be read: {error.strerror or error}") from error
