"""What an artifact says of itself.

An artifact is the files under `<storage>/<stage>/<key>/<attempt>/` and the
manifest `<storage>/<stage>/<key>/manifest.json`, written last and create-only.
A top-level folder of an artifact is an *output*: its digest covers names and
bytes, and later keys rest on it, so that a stage that runs again and leaves
the same bytes changes nothing behind it. Files outside any output (the log)
are records: listed, verified, and part of no digest.
"""

import hashlib
import json
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


def relative_path(value: str) -> str:
    """Check a path that is read from a store, so that it cannot leave the folder that it is joined to.

    Raises:
        ValueError: it is absolute, or has a part that is empty, `.` or `..`, a backslash or a NUL.
    """
    if any(part in ("", ".", "..") for part in value.split("/")) or "\\" in value or "\0" in value:
        raise ValueError(f"{value!r} is no path inside a folder")
    return value


def path_part(value: str) -> str:
    """Check a name that is read from a store and becomes one part of a path.

    Raises:
        ValueError: it has a slash, or is no relative path.
    """
    if "/" in value:
        raise ValueError(f"{value!r} is no name of a folder")
    return relative_path(value)


RelativePath = Annotated[str, AfterValidator(relative_path)]
PathPart = Annotated[str, AfterValidator(path_part)]


class _Record(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class FileEntry(_Record):
    """A file of an artifact; `path` is relative to the attempt's folder, with forward slashes."""

    path: RelativePath
    size: int
    sha256: str


class InputReference(_Record):
    """An output of another stage's artifact, by its identity and its content.

    Attributes:
        output: a top-level folder of the artifact, or empty for all of it.
        digest: of that output, as the manifest says (`Manifest.outputs`).
    """

    stage: str
    key: str
    output: str = ""
    digest: str = ""


class Manifest(_Record):
    """The record of a finished stage.

    Attributes:
        outputs: digest of each top-level folder: SHA-256 over its sorted names and SHA-256 sums.
        metrics: the stage's figures, nested as the stage likes.
        headline: the few figures that fit a termination message and a table.
        inputs: what it was made from, by role.
        provenance: versions, host, CPU features, image: recorded, in no key.
        started, finished: seconds since the epoch.
    """

    format: int = 1
    stage: PathPart
    key: PathPart
    attempt: PathPart
    variant: str | None = None
    files: tuple[FileEntry, ...]
    outputs: dict[str, str]
    parameters: dict[str, Any]
    inputs: dict[str, InputReference]
    metrics: dict[str, Any] = {}
    headline: dict[str, float | int | str | bool | None] = {}
    provenance: dict[str, Any] = {}
    emulated: bool = False
    started: float
    finished: float

    def to_bytes(self) -> bytes:
        """The bytes that are stored, and whose SHA-256 is the manifest's digest."""
        return json.dumps(
            self.model_dump(mode="json", by_alias=True), ensure_ascii=False, sort_keys=True, indent=1
        ).encode()

    def digest(self) -> str:
        """SHA-256 of the stored bytes, hexadecimal."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def files_of(self, output: str) -> tuple[FileEntry, ...]:
        """The files of one output; all files for an empty name."""
        if not output:
            return self.files
        return tuple(entry for entry in self.files if entry.path.startswith(output + "/"))


def outputs_of(files: tuple[FileEntry, ...]) -> dict[str, str]:
    """Digest of each top-level folder: SHA-256 over (path inside it, SHA-256), sorted by path."""
    folders: dict[str, list[tuple[str, str]]] = {}
    for entry in files:
        folder, slash, rest = entry.path.partition("/")
        if slash:
            folders.setdefault(folder, []).append((rest, entry.sha256))
    return {folder: canonical_digest(sorted(entries)) for folder, entries in sorted(folders.items())}


def canonical_digest(value: object) -> str:
    """SHA-256 of the value's canonical JSON; 1 and 1.0 are equal, as they are in a key.

    Args:
        value: what `json` can write: mappings with string keys, sequences, strings, numbers.

    Returns:
        64 hexadecimal digits.
    """
    return hashlib.sha256(_CANONICAL.encode(_plain(value)).encode()).hexdigest()


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)

_UNCHANGED = frozenset({str, int, bool, type(None)})


def _plain(value: object) -> object:
    # Thousands of plans a minute call this, and most values are strings.
    if type(value) in _UNCHANGED:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
