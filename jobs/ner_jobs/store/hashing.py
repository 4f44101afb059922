"""Hashing of files, and the check against the size and digest in a manifest."""

import hashlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from ner_jobs.store.protocol import Transferred
from ner_jobs.task import ExitCode, PermanentError

BLOCK = 1 << 20
"""Bytes read and hashed at a time."""


def blocks(file: FileIO) -> Iterator[memoryview]:
    """The file's bytes, a block at a time; each view is valid until the next one is taken."""
    buffer = bytearray(BLOCK)
    view = memoryview(buffer)
    while count := file.readinto(buffer):
        yield view[:count]


def hash_file(path: Path, transferred: Transferred | None = None) -> tuple[int, str]:
    """Size in bytes and SHA-256 (hex) of a file, never held whole in memory."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        for block in blocks(file):
            digest.update(block)
            size += len(block)
            if transferred:
                transferred(len(block))
    return size, digest.hexdigest()


def check_bytes(where: str, found: tuple[int, str], stated: tuple[int, str]) -> None:
    """Compare received bytes with the manifest.

    Args:
        where: URI of the object, for the message.
        found: size in bytes and SHA-256 (hex) of the received bytes.
        stated: the same in the manifest.

    Raises:
        PermanentError: they differ; the object is named.
    """
    if found != stated:
        raise PermanentError(corrupt(where, found, stated), ExitCode.DATA)


def corrupt(where: str, found: tuple[int, str], stated: tuple[int, str]) -> str:
    """The message for bytes that differ from the manifest."""
    if found[0] != stated[0]:
        difference = f"it has {found[0]:,} bytes, its manifest says {stated[0]:,}"
    else:
        difference = f"its SHA-256 is {found[1][:16]}…, its manifest says {stated[1][:16]}…"
    return (
        f"{where} is corrupt: {difference}; restore it, or compute it again under a new key with "
        "nerd run --rerun STAGE (the stage is the first part of its path)"
    )
