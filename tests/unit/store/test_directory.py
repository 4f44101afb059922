"""A folder as a store: files that are being written, and whoever clears up at that moment."""

from pathlib import Path
from typing import BinaryIO

import pytest

from ner_jobs.store import directory
from ner_jobs.store.directory import DirectoryStore


def test_what_is_cleared_away_before_its_writer_has_locked_it_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DirectoryStore(tmp_path)
    opened, times = directory._opened_in_made_folder, [2]

    def open_and_be_cleared_away(path: Path) -> BinaryIO:
        file = opened(path)
        if times[0]:
            times[0] -= 1
            store.forget_unfinished("export/")
            assert not path.exists()
        return file

    monkeypatch.setattr(directory, "_opened_in_made_folder", open_and_be_cleared_away)
    assert store.create("export/a", b"first")
    found = store.get("export/a")
    assert found is not None
    assert found[0] == b"first"
    assert [path.name for path in (tmp_path / "export").iterdir()] == ["a"]
