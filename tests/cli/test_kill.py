"""kill -9 in each stage in turn: the run says so, nothing is lost, and the next run goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.task import ExitCode, Stage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

OF_A_VARIANT = (Stage.COMPILE, Stage.INFER, Stage.EVALUATE, Stage.BENCHMARK)


@pytest.mark.parametrize("stage", [*Stage])
def test_the_next_run_goes_on(
    tiny_run: Any, faulty: Callable[..., Any], tmp_path: Path, stage: Stage
) -> None:
    mine = tiny_run.copy(tmp_path)
    step = f"{stage}/reference" if stage in OF_A_VARIANT else stage.value
    before = {*(mine.storage / stage).iterdir()}

    killed = faulty(mine, f"killed-at-work:{stage}")("run", "--rerun", step, "-o", "json")
    assert killed.code == ExitCode.SOFTWARE
    (failure,) = killed.json["failures"]
    assert failure["step"] == step
    assert "ended by SIGKILL" in failure["message"]
    assert "run it again, and it continues" in failure["message"]

    # Without another token: the same key is still to come.
    again = faulty(mine, f"killed-before-the-manifest:{stage}")("run", "-o", "json")
    assert again.code == ExitCode.SOFTWARE
    (result,) = {*(mine.storage / stage).iterdir()} - before
    assert [*result.rglob("log.txt")], "all but the manifest was in the store"
    assert not (result / "manifest.json").exists()

    after = mine("run", "-o", "json")
    assert after.code == 0, after.err
    assert after.json["failures"] == []
    assert after.json["ran"][0] == step
    assert after.json["inService"] is not None
    (left,) = {*(mine.storage / stage).iterdir()} - before
    assert left == result
    assert len([*result.iterdir()]) == 2, "the manifest and one attempt, nothing of the killed ones"
    assert mine("verify").code == 0
