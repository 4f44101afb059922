"""What a store must do; one test suite checks both stores, S3 and a folder.

Keys are relative to the storage URI, with forward slashes. A version is an
opaque string (an ETag, a digest) that changes whenever the bytes change.
Errors are `PermanentError` or `RetryableError`, with the URI in the message.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Transferred = Callable[[int], None]
"""Called with the number of transferred bytes, from any thread."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of a listing."""

    key: str
    size: int
    modified: float
    """Seconds since the epoch, of the store's clock."""


class Store(Protocol):
    """Objects under one storage URI."""

    uri: str

    def probe(self) -> None:
        """Check that the store is reachable, writable and obeys conditional writes.

        Raises:
            PermanentError: it ignores If-None-Match or If-Match (named), or the settings are wrong.
            RetryableError: the bucket is missing, access is denied, nothing answers.
        """

    def get(self, key: str) -> tuple[bytes, str] | None:
        """The whole small object and its version, or None if there is none."""

    def create(self, key: str, data: bytes) -> bool:
        """Write it unless the key exists. True if this call wrote these bytes."""

    def replace(self, key: str, data: bytes, version: str) -> bool:
        """Write it if the object still has this version. False if it changed or vanished."""

    def put(self, key: str, data: bytes) -> None:
        """Write a small object, whether it exists or not (leases, logs)."""

    def upload(self, source: Path, key: str, transferred: Transferred | None = None) -> tuple[int, str]:
        """Upload a file; returns size and SHA-256 (hex) of the sent bytes."""

    def download(
        self, key: str, target: Path, size: int, sha256: str, transferred: Transferred | None = None
    ) -> None:
        """Download an object to a file, which appears only if size and SHA-256 are right.

        Raises:
            PermanentError: the bytes differ from the manifest; the object is named.
            RetryableError: the object has vanished.
        """

    def download_unstated(
        self, key: str, target: Path, transferred: Transferred | None = None
    ) -> tuple[int, str]:
        """Download an object of unknown size and digest (a user's data, a base model) to a file.

        Returns size and SHA-256 (hex) of the received bytes; the file appears only if it is complete.

        Raises:
            RetryableError: there is no such object, or it cannot be read.
        """

    def fingerprint(self, key: str, transferred: Transferred | None = None) -> tuple[int, str] | None:
        """Size and SHA-256 (hex) of the stored bytes, or None; nothing is written."""

    def size(self, key: str) -> int | None:
        """Size in bytes, or None if there is no such object."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """All objects whose key starts with the prefix, in any order."""

    def delete(self, key: str) -> None:
        """Remove it, if it exists."""

    def forget_unfinished(self, prefix: str) -> None:
        """Remove unfinished uploads of killed processes under the prefix, as far as the store permits it."""

    def local_path(self, key: str) -> Path | None:
        """Path of the object on this machine (a folder store), or None. It must not be written to."""
