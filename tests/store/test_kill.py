"""kill -9 in the middle of an upload, and a disk that fills up: no manifest, and the next run succeeds."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.store import artifacts
from ner_jobs.store.directory import TEMPORARY, DirectoryStore
from ner_jobs.store.protocol import Store
from ner_jobs.task import StorageSettings

CHILD = Path(__file__).with_name("upload_child.py")
KEY = "ab" * 32


def start(folder: Path, attempt: str, settings: StorageSettings, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(CHILD), str(folder), attempt, settings.model_dump_json(by_alias=True)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """An artifact whose one file goes in several parts."""
    (tmp_path / "made" / "model").mkdir(parents=True)
    (tmp_path / "made" / "model" / "weights").write_bytes(os.urandom(11 << 20))
    return tmp_path / "made"


@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_a_killed_upload_leaves_no_manifest_and_the_next_succeeds(
    made: Path, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    if kind == "directory":
        settings = StorageSettings(uri=(tmp_path / "store").as_uri())
        store: Store = DirectoryStore(tmp_path / "store")
    else:
        server = request.getfixturevalue("any_server")
        bucket = server.new_bucket()
        settings = StorageSettings(uri=f"s3://{bucket}", endpoint_url=server.endpoint)
        store = request.getfixturevalue("s3")(server.endpoint, bucket)
        store = type(store)(settings)
    child = start(made, "killed", settings)
    assert child.stdout
    assert child.stdout.readline().startswith("moved")
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert artifacts.read_manifest(store, "export", KEY) is None
    assert list(store.list("")) == [], "half a file is no object"

    after = start(made, "next", settings)
    said, errors = after.communicate()
    assert after.returncode == 0, errors
    assert said.endswith("published next\n")
    found = artifacts.read_manifest(store, "export", KEY)
    assert found is not None
    assert artifacts.find_damage(store, found[0]) == ()
    if kind == "directory":
        assert not [path for path in (tmp_path / "store").rglob("*") if path.name.startswith(TEMPORARY)]
    else:
        assert not server.client.list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_a_disk_that_fills_up_is_named_and_leaves_nothing(made: Path, tmp_path: Path) -> None:
    def limit() -> None:
        # A file that grows beyond it fails as on a full disk.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))

    settings = StorageSettings(uri=(tmp_path / "store").as_uri())
    child = start(made, "full", settings, preexec_fn=limit)
    _, errors = child.communicate()
    assert child.returncode != 0
    assert "PermanentError: no space left to write file://" in errors
    assert "model/weights" in errors
    store = DirectoryStore(tmp_path / "store")
    assert artifacts.read_manifest(store, "export", KEY) is None
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] in (
        [],
        [tmp_path / "store" / ".nerd-lock"],
    )
    after = start(made, "next", settings)
    assert after.communicate()[0].endswith("published next\n")


def test_a_file_that_is_being_written_is_not_cleared_away(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3 << 20))
    cleared: list[bool] = []

    def clear(_: int) -> None:
        store.forget_unfinished("")
        cleared.append(True)

    found = store.upload(source, "a/b", clear)
    assert cleared
    assert store.fingerprint("a/b") == found
