"""Joins paths that were read from a store.

A manifest and a checkpoint's record are objects that anyone with write access
to the bucket can change. Their types refuse a path that leaves its folder.
It is checked again here, because a record can be built without validation.
"""

from pathlib import Path

from ner_jobs.task import PermanentError
from ner_jobs.task.manifest import relative_path


def join_key(record: str, *parts: str) -> str:
    """The key of an object that a record names.

    Args:
        record: the record's object, for the message.
        parts: of the key.

    Raises:
        PermanentError: the key would be outside its folder.
    """
    try:
        return relative_path("/".join(parts))
    except ValueError as error:
        raise PermanentError(f"{record} is corrupt: {error}") from error


def join_inside(folder: Path, record: str, *parts: str) -> Path:
    """The local path of a file that a record names.

    Args:
        folder: that the path stays in.
        record: the record's object, for the message.
        parts: of the path.

    Raises:
        PermanentError: the path would be outside the folder.
    """
    return folder / join_key(record, *parts)
