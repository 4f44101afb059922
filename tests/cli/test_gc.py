"""`nerd gc`: what the last run used stays, what it left behind goes, a store that others use is refused."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.task import ExitCode

QUICKSTART = Path(__file__).resolve().parent.parent.parent / "examples" / "quickstart.yaml"
STALE = f"compile/{'ab' * 32}"
DAY = 86_400.0


@pytest.fixture
def aged(quickstart: Any, tmp_path: Path) -> Any:
    """A store in which a spec was run a month ago, with a compiled model of an earlier spec."""
    here = quickstart.copy(tmp_path)
    (here.storage / STALE / "1-a").mkdir(parents=True)
    (here.storage / STALE / "1-a" / "model").write_bytes(b"weights")
    age(here.storage)
    return here


def age(storage: Path) -> None:
    for file in storage.rglob("*"):
        if file.is_file():
            os.utime(file, (time.time() - 30 * DAY,) * 2)


def test_only_what_the_last_run_did_not_use_goes(aged: Any) -> None:
    found = aged("gc", "-o", "json")
    assert found.code == 0, found.err
    assert found.json["garbage"] == [STALE]
    assert found.json["removed"] is None
    assert found.json["inUse"] == found.json["keys"] - 1 > 5
    assert (aged.storage / STALE).is_dir()


def test_deletion_leaves_everything_cached(aged: Any) -> None:
    removed = aged("gc", "--delete")
    assert removed.code == 0, removed.err
    assert "removed 1 key and 0 leftovers" in removed.out
    assert not (aged.storage / STALE).exists()
    states = {step["state"] for step in aged("plan", "-o", "json").json["steps"]}
    assert "run" not in states
    assert aged("verify").code == 0


def test_what_is_young_stays(aged: Any) -> None:
    found = aged("gc", "--grace", "60d", "-o", "json")
    assert (found.json["garbage"], found.json["young"]) == ([], 1)


def test_a_store_of_a_cluster_is_refused(aged: Any) -> None:
    (pointer,) = (each for each in (aged.storage / "promoted").rglob("*") if each.is_file())
    value = json.loads(pointer.read_text())
    value["owner"]["uid"] = "of-a-cluster"
    pointer.write_text(json.dumps(value))
    refused = aged("gc", "--delete")
    assert refused.code == ExitCode.USAGE
    assert "configure the chart's collector" in refused.err
    assert (aged.storage / STALE).is_dir()


def test_a_store_of_nobody_is_refused(nerd: Any, tmp_path: Path) -> None:
    (tmp_path / STALE / "1-a").mkdir(parents=True)
    (tmp_path / STALE / "1-a" / "model").write_bytes(b"weights")
    refused = nerd("gc", "-f", QUICKSTART, "--storage", tmp_path, "--delete")
    assert refused.code == ExitCode.NO_INPUT
    assert "no record of a plan" in refused.err


def test_an_empty_store_is_left_as_it_is(nerd: Any, tmp_path: Path) -> None:
    done = nerd("gc", "-f", QUICKSTART, "--storage", tmp_path / "none")
    assert done.code == 0, done.err
    assert "0 keys in the store" in done.out
    assert not (tmp_path / "none").exists()


def test_a_grace_period_in_minutes_is_refused(nerd: Any, tmp_path: Path) -> None:
    refused = nerd("gc", "-f", QUICKSTART, "--storage", tmp_path, "--grace", "5m")
    assert refused.code == ExitCode.USAGE
    assert "write hours or days" in refused.err
