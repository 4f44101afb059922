"""Files and folders by URI: from a folder or a store, pinned, and missing with a name."""

import hashlib
from pathlib import Path

import pytest

from ner_jobs.corpus.fetching import Fetcher, files_under, local_path
from ner_jobs.store.directory import DirectoryStore
from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, PermanentError, StorageSettings


@pytest.fixture
def fetcher(tmp_path: Path) -> Fetcher:
    """Its `s3://bucket` is a folder, through the same protocol."""

    def open_store(settings: StorageSettings) -> Store:
        return DirectoryStore(tmp_path / settings.uri.removeprefix("s3://"))

    (tmp_path / "bucket/data/set").mkdir(parents=True)
    (tmp_path / "bucket/data/example.train").write_bytes(b"a O\n")
    (tmp_path / "bucket/data/set/one.npz").write_bytes(b"1")
    (tmp_path / "bucket/data/set/notes.txt").write_bytes(b"2")
    return Fetcher(StorageSettings(uri="file:///elsewhere"), tmp_path / "scratch", open_store)


def test_a_local_file_is_read_where_it_lies(fetcher: Fetcher, tmp_path: Path) -> None:
    path = tmp_path / "bucket/data/example.train"
    for uri in (str(path), path.as_uri(), f"file://{path}"):
        assert fetcher.file(uri, "spec.data.train.uri").path == path


def test_a_path_with_odd_characters(tmp_path: Path) -> None:
    path = tmp_path / "人民 日报%20.txt"
    path.write_text("")
    assert local_path(path.as_uri(), "f") == path
    assert local_path(f"file://{path}", "f") == path


def test_an_object_is_brought_and_keeps_its_uri_as_name(fetcher: Fetcher) -> None:
    found = fetcher.file("s3://bucket/data/example.train", "spec.data.train.uri")
    assert (found.path.read_bytes(), found.name) == (b"a O\n", "s3://bucket/data/example.train")


def test_a_whole_bucket_is_a_folder(fetcher: Fetcher) -> None:
    found = fetcher.folder("s3://bucket", "spec.model.base", lambda name: name.endswith("notes.txt"))
    assert [name for name, _ in files_under(found.path)] == ["data/set/notes.txt"]


def test_a_prefix_is_brought_as_far_as_it_is_wanted(fetcher: Fetcher) -> None:
    found = fetcher.folder("s3://bucket/data/set/", "spec.data.test.uri", lambda name: name.endswith(".npz"))
    assert [name for name, _ in files_under(found.path)] == ["one.npz"]
    assert fetcher.is_folder("s3://bucket/data/set", "f")
    assert not fetcher.is_folder("s3://bucket/data/example.train", "f")


@pytest.mark.parametrize("uri", ["s3://bucket/data/example.train", "bucket/data/example.train"])
def test_a_pin_that_does_not_match_tells_both_digests(fetcher: Fetcher, tmp_path: Path, uri: str) -> None:
    right = hashlib.sha256(b"a O\n").hexdigest()
    where = uri if "://" in uri else str(tmp_path / uri)
    assert fetcher.file(where, "spec.data.train.uri", right.upper())
    with pytest.raises(PermanentError, match=f"has the SHA-256 {right}, the spec pins {'0' * 64}"):
        fetcher.file(where, "spec.data.train.uri", "0" * 64)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("s3://bucket/data/none", r"spec\.data\.test\.uri: there is no object s3://bucket/data/none"),
        ("file:///none/at/all", r"spec\.data\.test\.uri: there is no file /none/at/all"),
        ("https://host/file", r"https://host/file cannot be read; write s3://"),
        ("/", "is a folder; name the file in it"),
    ],
)
def test_what_is_missing_is_named_by_field(fetcher: Fetcher, uri: str, message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        fetcher.file(uri, "spec.data.test.uri")


def test_a_missing_folder_has_its_exit_code(fetcher: Fetcher) -> None:
    for uri in ("s3://bucket/nothing", "/none/at/all"):
        with pytest.raises(PermanentError, match=r"spec\.model\.base: there is no") as raised:
            fetcher.folder(uri, "spec.model.base")
        assert raised.value.code == ExitCode.NO_INPUT
