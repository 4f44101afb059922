"""What a store must do; S3 and a folder do it, and one test suite holds both.

Keys are relative to the storage URI, with forward slashes. A version is an
opaque string (an ETag, a digest) that changes whenever the bytes change.
Errors are `PermanentError` or `RetryableError`, with the URI in the message.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Transferred = Callable[[int], None]
"""Called with the number of bytes that have just been moved, from any thread."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of a listing."""

    key: str
    size: int
    modified: float
    """Seconds since the epoch, by the store's clock."""


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
        """The whole small object and its version, or None where there is none."""

    def create(self, key: str, data: bytes) -> bool:
        """Write it unless the key exists. True where these bytes were written by this call."""

    def replace(self, key: str, data: bytes, version: str) -> bool:
        """Write it if the object still has this version. False where it changed or vanished."""

    def put(self, key: str, data: bytes) -> None:
        """Write a small object, whatever is there (heartbeats, logs)."""

    def upload(self, source: Path, key: str, transferred: Transferred | None = None) -> tuple[int, str]:
        """Stream a file in; returns its size and SHA-256 (hex), computed on the bytes that were sent."""

    def download(
        self, key: str, target: Path, size: int, sha256: str, transferred: Transferred | None = None
    ) -> None:
        """Stream an object to a file that appears only when size and SHA-256 are right.

        Raises:
            PermanentError: the bytes are not what the manifest says (the object is named).
            RetryableError: the object has vanished.
        """

    def download_unstated(
        self, key: str, target: Path, transferred: Transferred | None = None
    ) -> tuple[int, str]:
        """Stream an object whose bytes nobody has stated (a user's data, a base model) to a file.

        The counterpart of `upload`: returns size and SHA-256 (hex), computed on the bytes that came; the
        file appears only when it is whole.

        Raises:
            RetryableError: there is no such object, or it cannot be read.
        """

    def fingerprint(self, key: str, transferred: Transferred | None = None) -> tuple[int, str] | None:
        """Size and SHA-256 (hex) of the stored bytes, read through and kept nowhere, or None."""

    def size(self, key: str) -> int | None:
        """Size in bytes, or None where there is no such object."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """All objects whose key starts with the prefix, in any order."""

    def delete(self, key: str) -> None:
        """Remove it; nothing happens where there is none."""

    def forget_unfinished(self, prefix: str) -> None:
        """Free what killed processes have left of uploads under the prefix: half files, parts without end."""

    def local_path(self, key: str) -> Path | None:
        """Where the object lies on this machine (a folder store), or None: read in place, never write."""
