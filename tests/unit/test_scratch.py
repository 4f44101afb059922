"""Scratch folders: removed afterwards, those of killed processes too."""

import os
import tempfile
import time
from pathlib import Path

import pytest

from ner_jobs.scratch import LOCK, PREFIX, UNLOCKED_SECONDS, remove_abandoned, scratch_folder


@pytest.fixture(autouse=True)
def tmpdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_is_there_and_then_it_is_not(tmpdir: Path) -> None:
    with scratch_folder() as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("x")
        assert folder.parent == tmpdir
    assert list(tmpdir.iterdir()) == []


def test_one_in_use_is_left_alone(tmpdir: Path) -> None:
    with scratch_folder() as first, scratch_folder() as second:
        assert remove_abandoned(tmpdir) == 0
        assert first.is_dir()
        assert second.is_dir()


def test_one_without_a_holder_is_removed(tmpdir: Path) -> None:
    dead = tmpdir / f"{PREFIX}dead"
    dead.mkdir()
    (dead / LOCK).touch()
    (dead / "model.bin").write_bytes(b"x")
    (tmpdir / "not ours").mkdir()
    with scratch_folder():
        assert not dead.exists()
    assert [path.name for path in tmpdir.iterdir()] == ["not ours"]


def test_one_that_is_just_being_made_is_left_alone(tmpdir: Path) -> None:
    young = tmpdir / f"{PREFIX}young"
    young.mkdir()
    assert remove_abandoned(tmpdir) == 0
    old = time.time() - UNLOCKED_SECONDS - 1
    os.utime(young, (old, old))
    assert remove_abandoned(tmpdir) == 1
