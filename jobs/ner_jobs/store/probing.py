"""Does this store obey conditional writes? Checked once, before the first result is written.

Two runners may finish one key at once, and two people may move one pointer:
create-only and compare-and-swap writes decide who was first. A server that
does not know these headers answers 200 and overwrites, so it must be detected
before.
"""

import contextlib
import secrets

from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, PermanentError, StageError

PROBE_FOLDER = ".nerd-probe"


def probe_conditions(store: Store, name: str) -> None:
    """Write an object with a random name, under conditions that are true and that are false.

    Args:
        store: to check.
        name: of it, for messages.

    Raises:
        PermanentError: it ignores a condition; store and condition are named.
        RetryableError: it cannot be written or read now.
    """
    key = f"{PROBE_FOLDER}/{secrets.token_hex(16)}"
    try:
        if not store.create(key, b"first"):
            raise _unfit(name, "says that a new object already exists (If-None-Match: *)")
        if store.create(key, b"second"):
            raise _unfit(name, "ignores If-None-Match: of two attempts at one result the last would win")
        found = store.get(key)
        if found is None or found[0] != b"first":
            raise _unfit(name, "does not return an object that was just written")
        if not store.replace(key, b"third", found[1]):
            raise _unfit(name, "refuses If-Match with the version that it has just returned")
        if store.replace(key, b"fourth", found[1]):
            raise _unfit(name, "ignores If-Match: of two moves of the promoted pointer one would be lost")
    finally:
        with contextlib.suppress(StageError):
            store.delete(key)


def _unfit(name: str, what: str) -> PermanentError:
    return PermanentError(
        f"{name} {what}; use a store with conditional writes (AWS S3, MinIO, Ceph and versitygw have them)",
        ExitCode.CONFIGURATION,
    )
