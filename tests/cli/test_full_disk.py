"""A disk that fills up: each stage says which, and the next run goes on once there is room.

The disks are real ones: file systems in memory, of a few megabytes, for which
a test has to be root.
"""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.task import ExitCode, Stage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

OF_A_VARIANT = (Stage.COMPILE, Stage.INFER, Stage.EVALUATE, Stage.BENCHMARK)


@contextlib.contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """A disk of this size at the folder, until the block ends."""
    if os.geteuid():
        pytest.skip("mounts a file system of a few megabytes: run it as root")
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("stage", [*Stage])
def test_scratch(tiny_run: Any, faulty: Callable[..., Any], tmp_path: Path, stage: Stage) -> None:
    mine = tiny_run.copy(tmp_path)
    step = f"{stage}/reference" if stage in OF_A_VARIANT else stage.value
    with mounted(tmp_path / "scratch", "64m") as scratch:
        mine = replace(mine, nerd=mine.nerd.given(TMPDIR=str(scratch)))
        full = faulty(mine, f"full:{stage}")("run", "--rerun", step, "-o", "json")
        assert full.code == ExitCode.CANNOT_CREATE, full.err
        (failure,) = full.json["failures"]
        assert failure["step"] == step
        assert f"no space left on scratch ({scratch})" in failure["message"]
        assert "TMPDIR" in failure["message"]
        assert [entry.name for entry in scratch.iterdir()] == ["ballast"], "what it had written is gone"

        (scratch / "ballast").unlink()
        after = mine("run", "-o", "json")
        assert after.code == 0, after.err
        assert after.json["ran"][0] == step


def test_storage(tiny_run: Any, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "400k") as disk:
        mine = replace(tiny_run, storage=disk / "store")
        full = mine("run", "-o", "json")
        assert full.code == ExitCode.CANNOT_CREATE, full.err
        assert f"no space left to write {(disk / 'store').as_uri()}" in full.json["failures"][0]["message"]

        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        after = mine("run", "-o", "json")
        assert after.code == 0, after.err
        assert after.json["failures"] == []
        assert mine("verify").code == 0
