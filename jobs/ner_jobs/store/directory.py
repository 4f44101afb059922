"""A store in a folder: for a laptop, a test, or a volume that pods share.

An object is a file. It is written under a temporary name in the same folder,
synced to disk, and moved to its name when it is complete: a reader never sees
half of it. Create-only is `link`, which fails if the name exists. Every move
happens under one advisory lock, so that compare-and-swap is safe against all
writers. Artifacts are read in place.

A writer locks its temporary file. The kernel drops the lock of a killed
process, so a temporary file without a lock will never be finished.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from ner_jobs.store.hashing import blocks, check_bytes, hash_file
from ner_jobs.store.local_errors import reading, writing
from ner_jobs.store.probing import probe_conditions
from ner_jobs.store.protocol import StoredObject, Transferred
from ner_jobs.task import ExitCode, PermanentError, RetryableError

TEMPORARY = ".nerd-tmp-"
"""Prefix of files that are still being written; not an object."""

LOCK = ".nerd-lock"

NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""Error numbers of a file system without hard links."""


class DirectoryStore:
    """Objects as files in a folder, which is created by the first write.

    Args:
        root: an absolute path.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.uri = root.as_uri()

    def probe(self) -> None:
        """Check that the folder can be written and that conditional writes work.

        Raises:
            PermanentError: it cannot be created or written, or conditional writes do not work.
        """
        probe_conditions(self, f"the folder {self.root}")

    def get(self, key: str) -> tuple[bytes, str] | None:
        """The object and its version, or None."""
        with reading(f"{self.uri}/{key}"):
            try:
                data = self._path(key).read_bytes()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None
            return data, _version(data)

    def create(self, key: str, data: bytes) -> bool:
        """Write it unless the key exists."""
        path = self._path(key)
        with writing(f"{self.uri}/{key}"), self._written(path, data) as temporary, self._locked():
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                if path.exists():
                    return False
                temporary.replace(path)
        return True

    def replace(self, key: str, data: bytes, version: str) -> bool:
        """Write it if the object still has this version."""
        path = self._path(key)
        found = self.get(key)
        if found is None or found[1] != version:
            return False
        with writing(f"{self.uri}/{key}"), self._written(path, data) as temporary, self._locked():
            found = self.get(key)
            if found is None or found[1] != version:
                return False
            temporary.replace(path)
        return True

    def put(self, key: str, data: bytes) -> None:
        """Write it, whether it exists or not."""
        path = self._path(key)
        with writing(f"{self.uri}/{key}"), self._written(path, data) as temporary, self._locked():
            temporary.replace(path)

    def upload(self, source: Path, key: str, transferred: Transferred | None = None) -> tuple[int, str]:
        """Copy a file into the store; returns size and SHA-256 of the written bytes."""
        path = self._path(key)
        with (
            reading(str(source)),
            source.open("rb", buffering=0) as reader,
            writing(f"{self.uri}/{key}"),
            self._temporary(path) as (temporary, file),
        ):
            found = _copy(reader, file, transferred)
            os.fsync(file.fileno())
            with self._locked():
                temporary.replace(path)
            return found

    def download(
        self, key: str, target: Path, size: int, sha256: str, transferred: Transferred | None = None
    ) -> None:
        """Copy an object to a file, which appears only if size and SHA-256 are right."""
        with self._opened(key) as reader, writing(str(target)), self._temporary(target) as (temporary, file):
            found = _copy(reader, file, transferred)
            check_bytes(f"{self.uri}/{key}", found, (size, sha256))
            temporary.replace(target)

    def download_unstated(
        self, key: str, target: Path, transferred: Transferred | None = None
    ) -> tuple[int, str]:
        """Copy an object of unknown size and digest to a file; returns its size and SHA-256."""
        with self._opened(key) as reader, writing(str(target)), self._temporary(target) as (temporary, file):
            found = _copy(reader, file, transferred)
            temporary.replace(target)
            return found

    def fingerprint(self, key: str, transferred: Transferred | None = None) -> tuple[int, str] | None:
        """Size and SHA-256 of the stored bytes, or None; nothing is written."""
        with reading(f"{self.uri}/{key}"):
            try:
                return hash_file(self._path(key), transferred)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None

    def size(self, key: str) -> int | None:
        """Bytes, or None."""
        with reading(f"{self.uri}/{key}"):
            path = self._path(key)
            return path.stat().st_size if path.is_file() else None

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """All objects whose key starts with the prefix."""
        for path in self._files(prefix):
            if path.name.startswith(TEMPORARY) or path.name == LOCK:
                continue
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                yield StoredObject(path.relative_to(self.root).as_posix(), found.st_size, found.st_mtime)

    def delete(self, key: str) -> None:
        """Remove it, and the folders that become empty."""
        path = self._path(key)
        with writing(f"{self.uri}/{key}"):
            if not path.exists():
                return
            with self._locked():
                path.unlink(missing_ok=True)
            self._remove_empty(path)

    def forget_unfinished(self, prefix: str) -> None:
        """Remove files under the prefix whose writers were killed."""
        for path in self._files(prefix):
            if not path.name.startswith(TEMPORARY):
                continue
            with contextlib.suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
                self._remove_empty(path)

    def local_path(self, key: str) -> Path | None:
        """Path of the object."""
        return self._path(key)

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if not key or "\0" in key or any(part in ("", ".", "..") for part in parts):
            raise PermanentError(f"{key!r} is no key of {self.uri}", ExitCode.USAGE)
        return self.root / key

    def _files(self, prefix: str) -> Iterator[Path]:
        folder = prefix.rpartition("/")[0]
        for parent, _, names in os.walk(self._path(folder) if folder else self.root):
            for name in names:
                path = Path(parent, name)
                if path.relative_to(self.root).as_posix().startswith(prefix):
                    yield path

    @contextlib.contextmanager
    def _opened(self, key: str) -> Iterator[FileIO]:
        with reading(f"{self.uri}/{key}"):
            try:
                file = self._path(key).open("rb", buffering=0)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise RetryableError(f"{self.uri}/{key} does not exist (any more)") from None
            with file:
                yield file

    @contextlib.contextmanager
    def _written(self, path: Path, data: bytes) -> Iterator[Path]:
        """The bytes in a temporary file, which is removed at the end."""
        with self._temporary(path) as (temporary, file):
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            yield temporary

    @contextlib.contextmanager
    def _temporary(self, path: Path) -> Iterator[tuple[Path, BinaryIO]]:
        """A temporary file in the path's folder, locked; it is removed at the end unless it was moved."""
        temporary, file = _new_temporary(path)
        try:
            yield temporary, file
            _sync_folder(path.parent)
        finally:
            file.close()
            temporary.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.root / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _remove_empty(self, path: Path) -> None:
        for parent in path.parents:
            if parent == self.root:
                return
            try:
                parent.rmdir()
            except OSError:
                return


def _new_temporary(path: Path) -> tuple[Path, BinaryIO]:
    """A new file in the path's folder, locked by this process."""
    while True:
        temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
        file = _opened_in_made_folder(temporary)
        # Without locks, only the cleanup after a killed process does not work.
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        # `forget_unfinished` may have removed it before it was locked.
        if os.fstat(file.fileno()).st_nlink:
            return temporary, file
        file.close()


def _opened_in_made_folder(path: Path) -> BinaryIO:
    """Open a new file and make its folder, which a concurrent delete may remove in between."""
    for _ in range(100):
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            return path.open("xb")
    return path.open("xb")


def _copy(reader: FileIO, writer: BinaryIO, transferred: Transferred | None) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    for block in blocks(reader):
        writer.write(block)
        digest.update(block)
        size += len(block)
        if transferred:
            transferred(len(block))
    writer.flush()
    return size, digest.hexdigest()


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sync_folder(folder: Path) -> None:
    """Sync the folder's names to disk; some file systems cannot, and need not."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
