"""Paths in a manifest: whatever is accepted stays in its folder."""

import os.path
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from ner_jobs.task import FileEntry
from ner_jobs.task.manifest import path_part, relative_path

PATHS = st.one_of(
    st.text(),
    st.lists(st.sampled_from(["", ".", "..", "a", "é", "\\", "..\\..", "\0", "c:", " "]), max_size=6).map(
        "/".join
    ),
)


@given(PATHS)
@example("/etc/passwd")
@example("a/../../b")
@example("a/./b")
def test_an_accepted_path_stays_in_its_folder_and_is_written_in_one_way(path: str) -> None:
    try:
        entry = FileEntry(path=path, size=0, sha256="")
    except ValidationError:
        return
    assert entry.path == path == os.path.normpath(path)
    assert os.path.normpath(f"/folder/{path}").startswith("/folder/")
    assert not Path(path).is_absolute()
    assert "\\" not in path


@given(PATHS)
def test_an_accepted_name_is_one_part(name: str) -> None:
    try:
        path_part(name)
    except ValueError:
        return
    assert Path(os.path.normpath(f"/folder/{name}")).parent == Path("/folder")


@pytest.mark.parametrize("path", ["model/weights.bin", "a b/ü#?.txt", "..a/b..", ".hidden", "c:x"])
def test_what_a_stage_writes_is_accepted(path: str) -> None:
    assert relative_path(path) == path
