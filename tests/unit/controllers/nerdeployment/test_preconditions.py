"""Something that a deployment needs is missing: the status says what, and work continues when it exists."""

from dataclasses import replace
from typing import Any

import pytest


class TestRuntime:
    def test_a_missing_one_blocks_only_what_depends_on_it(self, cluster) -> None:
        there = cluster.settings
        cluster.settings = replace(there, runtimes={})
        ended = []
        for _ in range(10):
            cluster.step()
            for job in cluster.working():
                cluster.finish(job.step)
                ended.append(job.step)
        assert ended == [
            "prepare",
            "finetune",
            "export",
            "compile/reference",
            "infer/reference",
            "evaluate/reference",
        ]
        assert cluster.condition("Ready") == ("False", "RuntimeNotFound")
        assert "no NerRuntime va16" in cluster.status.condition("Ready").message
        assert "cpu-openvino" in cluster.status.condition("Ready").message
        cluster.wait(600)
        assert cluster.condition("Stalled") == ("True", "RuntimeNotFound")
        cluster.settings = there
        cluster.run()
        assert cluster.condition("Ready") == ("True", "Promoted")

    def test_the_running_jobs_of_a_removed_one_continue(self, cluster) -> None:
        cluster.run_until("compile/int8")
        there = cluster.settings
        cluster.settings = replace(there, runtimes={})
        decision = cluster.step()
        assert not decision.delete
        cluster.settings = there
        cluster.run()
        assert set(cluster.runs.values()) == {1}


class TestServiceAccount:
    @pytest.mark.parametrize(
        ("allowed", "expected"),
        [
            pytest.param((), "ServiceAccountNotAllowed", id="not allowed"),
            pytest.param(("trainer",), "StagesRunning", id="allowed by the operator"),
        ],
    )
    def test_it_has_to_be_allowed(self, cluster, allowed: tuple[str, ...], expected: str) -> None:
        cluster.settings = replace(cluster.settings, service_accounts=allowed)
        cluster.change(scheduling={"serviceAccountName": "trainer"})
        cluster.step()
        assert cluster.condition("Ready") == ("False", expected)
        cluster.check_conditions()

    def test_a_runtime_may_allow_it_for_its_own_stages(self, cluster) -> None:
        runtime = cluster.settings.runtimes["va16"].model_copy(update={"service_accounts": ("trainer",)})
        cluster.settings = replace(cluster.settings, runtimes={"va16": runtime})
        cluster.change(scheduling={"serviceAccountName": "trainer"}, runtime="va16")
        cluster.step()
        assert [job.step for job in cluster.working()] == ["prepare"]


@pytest.mark.parametrize(
    ("change", "expected", "message"),
    [
        pytest.param(
            {"storage": {"uri": "file:///runs"}},
            "StorageNotShared",
            "write s3://bucket/prefix",
            id="a folder",
        ),
        pytest.param(
            {"storage": {"uri": "runs"}}, "StorageNotShared", "spec.storage.uri is runs", id="a path"
        ),
        pytest.param(
            {"data": {"train": {"uri": "train.txt"}, "test": {"uri": "s3://data/test"}}},
            "InvalidSpec",
            "spec.data.train.uri is train.txt",
            id="data relative to the spec",
        ),
        pytest.param(
            {"model": {"base": "./model"}}, "InvalidSpec", "spec.model.base is ./model", id="a model likewise"
        ),
    ],
)
def test_what_only_a_changed_spec_can_solve(
    cluster, change: dict[str, Any], expected: str, message: str
) -> None:
    good = {name: cluster.spec[name] for name in change}
    cluster.change(**change)
    decision = cluster.step()
    assert not decision.create
    assert cluster.condition("Stalled") == ("True", expected)
    assert message in cluster.status.condition("Stalled").message
    cluster.check_conditions()
    cluster.change(**good)
    cluster.step()
    # A change of the store takes a pass of its own.
    cluster.step()
    assert cluster.condition("Reconciling") == ("True", "StagesRunning")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"model": {"base": "hfl/chinese-roberta-wwm-ext"}}, id="a hub id"),
        pytest.param(
            {
                "data": {
                    "train": {"uri": "file:///data/train"},
                    "validation": {"uri": "file:///data/dev"},
                    "test": {"uri": "file:///data/test"},
                }
            },
            id="a mounted volume",
        ),
    ],
)
def test_what_a_pod_can_reach_is_allowed(cluster, change: dict[str, Any]) -> None:
    cluster.change(**change)
    cluster.step()
    assert cluster.condition("Reconciling") == ("True", "StagesRunning")


def test_a_suspended_deployment_without_its_runtime_has_no_jobs(cluster) -> None:
    cluster.run_until("compile/int8")
    cluster.settings = replace(cluster.settings, runtimes={})
    cluster.change(suspend=True)
    decision = cluster.step()
    assert {job.step for job in decision.delete} == {"compile/int8", "compile/reference"}
    assert cluster.condition("Reconciling") == ("True", "Suspended")
