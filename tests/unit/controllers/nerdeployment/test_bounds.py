"""The status stays small, whatever stages and people write: etcd refuses objects above 1.5 MiB."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ner_operator.controllers.nerdeployment.snapshot import JobPhase

LIMIT = 256 * 1024
LONG = "很长的话" * 2000


def written(cluster) -> int:
    return len(json.dumps(cluster.status.on_the_wire(), ensure_ascii=False).encode())


@pytest.fixture
def large(cluster) -> Any:
    """As many variants and entries as a spec may have, with names as long as they may be."""
    variants = [
        {"name": f"{'v' * 60}-{number:02d}", "runtime": "va16", "precision": "int8"} for number in range(32)
    ]
    variants[0]["reference"] = True
    cluster.change(
        variants=variants,
        benchmark={},
        inference=[
            {"name": f"{'i' * 60}-{number:02d}", "data": {"uri": f"s3://data/{'x' * 200}/{number}"}}
            for number in range(32)
        ],
    )
    return cluster


def test_finished_with_every_figure(large) -> None:
    while True:
        large.step()
        if not (working := large.working()):
            break
        for job in working:
            large.finish(job.step)
            done = large.job(job.step)
            left = done.termination_message
            if done.phase is JobPhase.SUCCEEDED and left is not None and job.step != "promote":
                figures = {f"{'f' * 30}{number:02d}": "京" * 21 for number in range(40)}
                large.end(job.step, replace(left, headline=figures))
    assert len(large.status.stages) == 3 + 4 * 32 + 1 + 32
    assert large.condition("Ready") == ("True", "Promoted")
    assert written(large) < LIMIT


def test_failed_with_the_longest_message_after_a_result(large) -> None:
    large.run()
    large.annotations = {
        "nerd.dev/rerun": ",".join(
            f"compile/{variant['name']}=again" for variant in large.spec["variants"][:10]
        )
    }
    large.step()
    for job in large.working():
        large.fail(job.step, 65, LONG)
    large.step()
    failed = [stage for stage in large.status.stages if stage.state == "Failed"]
    assert len(failed) == 10
    assert all(len(stage.message.encode()) <= 512 for stage in failed)
    assert all(stage.result for stage in failed)
    assert written(large) < LIMIT


def test_a_message_of_the_cluster_is_cut(cluster) -> None:
    cluster.step()
    cluster.hinder("prepare", "Unschedulable", LONG)
    cluster.wait(60)
    assert len(cluster.stage("prepare").message.encode()) <= 512
    assert cluster.stage("prepare").message.endswith("…")


def test_only_the_beginning_of_a_command_is_kept(cluster) -> None:
    cluster.annotations = {f"nerd.dev/{name}": LONG for name in ("rerun", "promote", "rollback")}
    events = cluster.step().events
    assert len(events) == 1
    assert len(events[0].message) <= 1000
    assert not cluster.step().events
    assert written(cluster) < 32 * 1024
