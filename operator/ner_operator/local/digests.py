"""Digests of local files, cached between runs so that an unchanged corpus is read once.

The cache finds a file by its path, size, inode and times of change. A file
that was written in the last seconds is hashed each time: a second write in the
same tick of the clock would change none of them.
"""

import contextlib
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from ner_jobs.task import canonical_digest

SETTLED_SECONDS = 2.0
"""A file that is younger may change and keep its times."""

REMEMBERED = 20_000
"""Files in the cache at most; the oldest are removed first."""

_MODEL_FILES = (
    "config.json",
    "tokenizer*",
    "vocab*",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "pytorch_model*.bin",
    "pytorch_model*.bin.index.json",
    "*.model",
)
"""The files that make a model folder's digest: config, tokenizer, weights; not README or optimizer."""


def cache_folder() -> Path:
    """The folder of this product's caches, for this user."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "nerdeployment"


class FileDigests:
    """SHA-256 of files and folders; `save` writes the cache for the next run."""

    def __init__(self, cache: Path) -> None:
        self._path = cache
        self._known: dict[str, list[Any]] = _read(cache)
        self._changed = False

    def of_data(self, path: Path) -> str | None:
        """Digest of a data set: a file, or all files in a folder but hidden ones; None if absent."""
        if path.is_dir():
            return self._of_all(path, [file for file in path.rglob("*") if not _hidden(file, path)])
        return self._of_file(path)

    def of_list(self, path: Path) -> str | None:
        """Digest of a list file and of the files in it: one path a line, relative to the list."""
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return self.of_data(path)
        named = [path.parent / line.strip() for line in lines if line.strip()]
        return canonical_digest([self._of_file(path), *(self._of_file(file) for file in named)])

    def of_model(self, path: Path) -> str | None:
        """Digest of a model folder's config, tokenizer and weights; None if there is no such folder."""
        if not path.is_dir():
            return None
        return self._of_all(path, [file for pattern in _MODEL_FILES for file in path.glob(pattern)])

    def save(self) -> None:
        """Write the cache, all or nothing. A cache that cannot be written is no error."""
        if not self._changed:
            return
        newest = dict(list(self._known.items())[-REMEMBERED:])
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self._path.parent, delete=False) as file:
                json.dump(newest, file)
            Path(file.name).replace(self._path)

    def _of_all(self, folder: Path, files: list[Path]) -> str:
        entries = {
            file.relative_to(folder).as_posix(): self._of_file(file) for file in files if file.is_file()
        }
        return canonical_digest(sorted(entries.items()))

    def _of_file(self, path: Path) -> str | None:
        try:
            status = path.stat()
        except OSError:
            return None
        name = str(path.resolve())
        seen = [status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]
        known = self._known.get(name)
        if known and known[:4] == seen:
            return str(known[4])
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None
        if time.time() - max(status.st_mtime, status.st_ctime) > SETTLED_SECONDS:
            self._known.pop(name, None)
            self._known[name] = [*seen, digest]
            self._changed = True
        return digest


def _hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _read(path: Path) -> dict[str, list[Any]]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: entry for name, entry in found.items() if isinstance(entry, list) and len(entry) == 5}
