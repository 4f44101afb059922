"""Room is asked for where something will be written, and refused in a sentence."""

import shutil
from pathlib import Path

import pytest

from testbed.disk import GB, NoRoomError, free_bytes, require_room


def test_a_folder_that_is_not_there_yet_has_the_room_of_the_one_above(tmp_path: Path) -> None:
    has = shutil.disk_usage(tmp_path).total
    assert 0 <= free_bytes(tmp_path / "not" / "yet") <= has


def test_enough_room_is_nothing_to_speak_of(tmp_path: Path) -> None:
    require_room("a test", tmp_path, 0)


def test_too_little_is_refused_with_what_is_needed_where_and_what_there_is(tmp_path: Path) -> None:
    message = rf"a node needs about 1000000\.0 GB free at {tmp_path}, which has \d+\.\d"
    with pytest.raises(NoRoomError, match=message):
        require_room("a node", tmp_path, 1_000_000 * GB)
