"""Brings what a spec names by URI to this machine: a file, or a folder.

`file://` and plain paths are read in place; `s3://` is streamed to scratch
with the settings of the task's storage. The message about a missing file names
the field of the spec; the message about a wrong pin has both digests.
"""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, PermanentError, StorageSettings

BLOCK = 1 << 20
CONNECTIONS = 8
"""Objects of a prefix that are downloaded at once; an npz set has thousands of small ones."""

StoreOpener = Callable[[StorageSettings], Store]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file or folder on this machine.

    Attributes:
        path: never written to.
        name: how messages call it: the path or the URI that the user wrote.
    """

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Brings files and folders.

    Attributes:
        storage: endpoint, region and so on for `s3://`; its own URI is not used.
        scratch: folder for copies.
        open_store: opens the store of an `s3://` URI.
    """

    storage: StorageSettings
    scratch: Path
    open_store: StoreOpener

    def file(self, uri: str, field: str, sha256: str | None = None) -> Fetched:
        """Bring one file and check its pin.

        Raises:
            PermanentError: there is none (`field` is named), or its SHA-256 is another.
            RetryableError: the store does not answer.
        """
        path = local_path(uri, field)
        if path is not None:
            if path.is_dir():
                raise PermanentError(f"{field}: {path} is a folder; name the file in it", ExitCode.NO_INPUT)
            if not path.is_file():
                raise PermanentError(f"{field}: there is no file {path}", ExitCode.NO_INPUT)
            fetched = Fetched(path, str(path))
            found = sha256_of(path) if sha256 else None
        else:
            store, key = self._store_of(uri)
            if store.size(key) is None:
                raise PermanentError(f"{field}: there is no object {uri}", ExitCode.NO_INPUT)
            target = _inside(self._place(uri), key, uri)
            target.parent.mkdir(parents=True, exist_ok=True)
            _, found = store.download_unstated(key, target)
            fetched = Fetched(target, uri)
        if sha256 and found != sha256.lower():
            raise PermanentError(
                f"{field}: {fetched.name} has the SHA-256 {found}, the spec pins {sha256.lower()}; "
                f"correct {field}.sha256, or bring back the file that was pinned"
            )
        return fetched

    def folder(self, uri: str, field: str, wanted: Callable[[str], bool] = lambda _: True) -> Fetched:
        """Bring a folder, or the objects under a prefix.

        Args:
            uri: of the folder or prefix.
            field: of the spec, for messages.
            wanted: whether a file is needed, by its path inside the folder; others are not downloaded.

        Raises:
            PermanentError: there is none, or nothing in it is wanted.
            RetryableError: the store does not answer.
        """
        path = local_path(uri, field)
        if path is not None:
            if not path.is_dir():
                raise PermanentError(f"{field}: there is no folder {path}", ExitCode.NO_INPUT)
            return Fetched(path, str(path))
        store, name = self._store_of(uri)
        prefix = f"{name}/" if name else ""
        keys = [found.key for found in store.list(prefix) if wanted(found.key.removeprefix(prefix))]
        if not keys:
            raise PermanentError(f"{field}: there is no object needed under {uri}/", ExitCode.NO_INPUT)
        folder = self._place(uri) / name
        for key in keys:
            _inside(folder, key.removeprefix(prefix), uri).parent.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            bring = lambda key: store.download_unstated(key, folder / key.removeprefix(prefix))  # noqa: E731
            for _ in pool.map(bring, keys):
                pass
        return Fetched(folder, uri)

    def is_folder(self, uri: str, field: str) -> bool:
        """Whether the URI names a folder or prefix rather than one file."""
        path = local_path(uri, field)
        if path is not None:
            return path.is_dir()
        store, key = self._store_of(uri)
        return uri.endswith("/") or store.size(key) is None

    def _store_of(self, uri: str) -> tuple[Store, str]:
        bucket, _, key = uri.removeprefix("s3://").strip("/").partition("/")
        return self.open_store(self.storage.model_copy(update={"uri": f"s3://{bucket}"})), key

    def _place(self, uri: str) -> Path:
        return self.scratch / "fetched" / hashlib.sha256(uri.encode()).hexdigest()[:16]


def local_path(uri: str, field: str) -> Path | None:
    """The path of a `file://` URI or of a plain path; None for `s3://`.

    Raises:
        PermanentError: another scheme.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return Path(uri)
    if scheme == "s3":
        return None
    if scheme != "file":
        raise PermanentError(
            f"{field}: {uri} cannot be read; write s3://BUCKET/KEY, file:///PATH or a path", ExitCode.USAGE
        )
    plain = Path(rest)
    return plain if plain.exists() else Path(unquote(rest))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


def files_under(folder: Path) -> Iterator[tuple[str, Path]]:
    """(path inside the folder with forward slashes, path) of all files, sorted."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def _inside(folder: Path, name: str, uri: str) -> Path:
    if ".." in PurePosixPath(name).parts or name.startswith("/"):
        raise PermanentError(f"{uri}: the object {name} would leave its folder")
    return folder / name
