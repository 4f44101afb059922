"""From storage settings to a store."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ner_jobs.store.directory import DirectoryStore
from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, PermanentError, StorageSettings


def open_store(settings: StorageSettings, log: Callable[[str], None] = lambda line: None) -> Store:
    """The store of a URI; it is not accessed yet.

    Args:
        settings: of the task.
        log: takes a line about an optional right that is missing.

    Raises:
        PermanentError: the URI has another scheme than s3 or file.
    """
    parts = urlsplit(settings.uri)
    if parts.scheme == "file" and parts.path:
        return DirectoryStore(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        # Imported here: boto3 takes a quarter of a second.
        from ner_jobs.store.s3 import S3Store

        return S3Store(settings, log=log)
    raise PermanentError(
        f"spec.storage.uri is {settings.uri!r}; write s3://BUCKET/PREFIX or file:///FOLDER",
        ExitCode.USAGE,
    )
