"""A store in a folder: for a laptop, a test, or a volume that pods share.

An object is a file. It is written beside its place under a name that no key
can have, and moved there when it is whole: a reader never sees half of it.
Create-only is `link`, which fails where the name exists; compare-and-swap is
done under an advisory lock of the folder. Artifacts are read in place.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from ner_jobs.store.protocol import StoredObject, Transferred
from ner_jobs.task import ExitCode, PermanentError, RetryableError, StageError

BLOCK = 1 << 20
"""Bytes read and hashed at a time."""

TEMPORARY = ".nerd-tmp-"
"""Prefix of files that are still being written; not an object."""

LOCK = ".nerd-lock"


class DirectoryStore:
    """Objects as files below a folder, which is created when it is first written to.

    Args:
        root: an absolute path.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.uri = root.as_uri()

    def probe(self) -> None:
        """Check that the folder can be written and that links work on its file system.

        Raises:
            PermanentError: it cannot be created or written, or it has no hard links.
        """
        name = f".probe-{secrets.token_hex(8)}"
        try:
            if not self.create(name, b"1") or self.create(name, b"2"):
                raise PermanentError(
                    f"{self.uri} ignores create-only writes; use a local file system, or s3://",
                    ExitCode.CONFIGURATION,
                )
        finally:
            with contextlib.suppress(StageError):
                self.delete(name)

    def get(self, key: str) -> tuple[bytes, str] | None:
        """The object and its version, or None."""
        with self._speaking(key):
            try:
                data = self._path(key).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None
            return data, hashlib.sha256(data).hexdigest()

    def create(self, key: str, data: bytes) -> bool:
        """Write it unless the key exists."""
        with self._speaking(key), self._written(key, data) as temporary:
            try:
                os.link(temporary, self._path(key))
            except FileExistsError:
                return False
            return True

    def replace(self, key: str, data: bytes, version: str) -> bool:
        """Write it if the object still has this version."""
        with self._speaking(key), self._locked():
            found = self.get(key)
            if found is None or found[1] != version:
                return False
            with self._written(key, data) as temporary:
                temporary.replace(self._path(key))
            return True

    def put(self, key: str, data: bytes) -> None:
        """Write it, whatever is there."""
        with self._speaking(key), self._written(key, data) as temporary:
            temporary.replace(self._path(key))

    def upload(self, source: Path, key: str, transferred: Transferred | None = None) -> tuple[int, str]:
        """Copy a file in; returns size and SHA-256 of the bytes that were written."""
        with self._speaking(key), self._temporary(key) as temporary:
            size, digest = _copy(source, temporary, transferred)
            temporary.replace(self._path(key))
            return size, digest

    def download(
        self, key: str, target: Path, size: int, sha256: str, transferred: Transferred | None = None
    ) -> None:
        """Copy an object out; the file appears only when its bytes are right."""
        with self._arriving(key, target) as temporary:
            found = _copy(self._path(key), temporary, transferred)
            check_bytes(f"{self.uri}/{key}", found, (size, sha256))
            temporary.replace(target)

    def download_unstated(
        self, key: str, target: Path, transferred: Transferred | None = None
    ) -> tuple[int, str]:
        """Copy an object out whose bytes nobody has stated; returns its size and SHA-256."""
        with self._arriving(key, target) as temporary:
            found = _copy(self._path(key), temporary, transferred)
            temporary.replace(target)
            return found

    def size(self, key: str) -> int | None:
        """Bytes, or None."""
        with self._speaking(key):
            try:
                return self._path(key).stat().st_size
            except (FileNotFoundError, NotADirectoryError):
                return None

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """All objects whose key starts with the prefix."""
        folder = self.root / prefix.rpartition("/")[0]
        for parent, _, names in os.walk(folder):
            for name in names:
                if name.startswith(TEMPORARY) or name == LOCK:
                    continue
                path = Path(parent, name)
                key = path.relative_to(self.root).as_posix()
                if not key.startswith(prefix):
                    continue
                with contextlib.suppress(FileNotFoundError):
                    found = path.stat()
                    yield StoredObject(key, found.st_size, found.st_mtime)

    def delete(self, key: str) -> None:
        """Remove it, and the folders that it leaves empty."""
        with self._speaking(key):
            path = self._path(key)
            path.unlink(missing_ok=True)
            for parent in path.parents:
                if parent == self.root:
                    break
                try:
                    parent.rmdir()
                except OSError:
                    break

    def local_path(self, key: str) -> Path | None:
        """Where the object lies."""
        return self._path(key)

    def _path(self, key: str) -> Path:
        path = self.root / key
        if not key or ".." in Path(key).parts or path == self.root:
            raise PermanentError(f"{key!r} is no key of {self.uri}", ExitCode.USAGE)
        return path

    @contextlib.contextmanager
    def _written(self, key: str, data: bytes) -> Iterator[Path]:
        """The bytes on disk under a temporary name, which is gone at the end."""
        with self._temporary(key) as temporary:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary

    @contextlib.contextmanager
    def _temporary(self, key: str) -> Iterator[Path]:
        """A free name beside the key's place."""
        folder = self._path(key).parent
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{TEMPORARY}{secrets.token_hex(8)}"
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _arriving(self, key: str, target: Path) -> Iterator[Path]:
        with self._speaking(key):
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
            try:
                if not self._path(key).is_file():
                    raise RetryableError(f"{self.uri}/{key} does not exist (any more)")
                yield temporary
            finally:
                temporary.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _speaking(self, key: str) -> Iterator[None]:
        """Turn the file system's errors into sentences."""
        try:
            yield
        except OSError as error:
            raise explained(error, f"{self.uri}/{key}") from error


def explained(error: OSError, where: str) -> StageError:
    """What a file system's error means to a person."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return PermanentError(
            f"no space left to write {where}; free some, or choose another spec.storage.uri",
            ExitCode.CANNOT_CREATE,
        )
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return PermanentError(
            f"{where} cannot be accessed ({os.strerror(error.errno or 0)}); check the folder's owner and mode",
            ExitCode.CANNOT_CREATE,
        )
    return RetryableError(f"{where}: {error.strerror or error}")


def check_bytes(where: str, found: tuple[int, str], stated: tuple[int, str]) -> None:
    """Compare what came with what the manifest says.

    Args:
        found, stated: (size in bytes, SHA-256 in hex).

    Raises:
        PermanentError: they differ; the object is named.
    """
    if found == stated:
        return
    raise PermanentError(
        f"{where} is corrupt: {found[0]} bytes with SHA-256 {found[1][:12]}…, its manifest says "
        f"{stated[0]} bytes with {stated[1][:12]}…; run the stage again with a new token "
        "(nerd run --rerun STAGE), the damaged artifact stays as it is",
        ExitCode.DATA,
    )


def hash_file(path: Path, transferred: Transferred | None = None) -> tuple[int, str]:
    """Size and SHA-256 of a file, a block at a time."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
            if transferred:
                transferred(len(block))
    return size, digest.hexdigest()


def _copy(source: Path, target: Path, transferred: Transferred | None) -> tuple[int, str]:
    digest = hashlib.sha256()
    size = 0
    with source.open("rb") as reader, target.open("wb") as writer:
        while block := reader.read(BLOCK):
            writer.write(block)
            digest.update(block)
            size += len(block)
            if transferred:
                transferred(len(block))
        writer.flush()
        os.fsync(writer.fileno())
    shutil.copymode(source, target)
    return size, digest.hexdigest()
