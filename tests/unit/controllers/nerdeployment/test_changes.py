"""The spec changes while stages run: valid Jobs continue, others are stopped, results are reused."""

from dataclasses import replace
from typing import Any

import pytest

from ner_operator.controllers.nerdeployment.decide import decide
from ner_operator.controllers.nerdeployment.snapshot import JobPhase


def test_other_gates_leave_a_running_training_alone(cluster) -> None:
    cluster.run_until("finetune")
    cluster.start("finetune")
    job = cluster.job("finetune")
    cluster.change(evaluation={"gates": [{"metric": "f1", "min": 0.8}]})
    decision = cluster.step()
    assert not decision.create
    assert not decision.delete
    assert cluster.job("finetune") == job
    assert cluster.status.observed_generation == 2


def test_other_epochs_stop_the_training_and_begin_another(cluster) -> None:
    cluster.run_until("finetune")
    job = cluster.job("finetune")
    cluster.change(finetune={"epochs": 5})
    decision = cluster.step()
    assert [each.name for each in decision.delete] == [job.name]
    assert [order.step for order in decision.create] == ["finetune"]
    assert cluster.job("finetune").attempt == 2
    assert cluster.job("finetune").key != job.key


def test_what_waits_for_a_stage_that_changed_is_stopped(cluster) -> None:
    cluster.run_until("compile/int8")
    running = {job.name for job in cluster.working()}
    cluster.change(finetune={"epochs": 5})
    decision = cluster.step()
    assert {job.name for job in decision.delete} == running
    assert [order.step for order in decision.create] == ["finetune"]


def test_a_reverted_change_computes_nothing_again(cluster) -> None:
    cluster.run()
    before = dict(cluster.runs)
    cluster.change(finetune={"epochs": 5})
    cluster.step()
    cluster.change(finetune={})
    decision = cluster.step()
    assert [job.step for job in decision.delete] == ["finetune"]
    assert not decision.create
    assert cluster.runs == before
    assert cluster.condition("Ready") == ("True", "Promoted")


def test_the_job_of_a_removed_variant_is_deleted(cluster) -> None:
    cluster.run_until("compile/int8")
    cluster.change(variants=[cluster.spec["variants"][0]])
    decision = cluster.step()
    assert [job.step for job in decision.delete] == ["compile/int8"]
    assert cluster.status.stage("compile/int8") is None
    cluster.run()
    assert cluster.status.variant == "reference"


def test_other_gates_judge_again_and_nothing_else(cluster) -> None:
    cluster.run()
    cluster.change(evaluation={"gates": [{"metric": "f1", "min": 0.8}]})
    assert cluster.run() == ["promote"]
    assert cluster.condition("Ready") == ("True", "AlreadyCurrent")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"scheduling": {"retries": 5}}, id="scheduling"),
        pytest.param({"progressDeadlineSeconds": 60}, id="a deadline"),
        pytest.param({"suspend": True}, id="suspend with nothing left"),
        pytest.param(
            {"storage": {"uri": "s3://ner/small", "pathStyle": False}}, id="how the same store is addressed"
        ),
    ],
)
def test_what_is_in_no_key_runs_nothing(cluster, change: dict[str, Any]) -> None:
    cluster.run()
    cluster.change(**change)
    assert cluster.run() == []
    assert cluster.condition("Ready") == ("True", "Promoted")
    assert cluster.status.observed_generation == 2


def test_a_new_library_runs_what_it_computes(cluster) -> None:
    cluster.run()
    cluster.settings = replace(cluster.settings, versions={"torch": "3.0"})
    assert cluster.run()[0] == "finetune"


class TestSuspend:
    def test_jobs_are_deleted_and_the_stage_waits(self, cluster) -> None:
        cluster.run_until("finetune")
        cluster.change(suspend=True)
        decision = cluster.step()
        assert [job.step for job in decision.delete] == ["finetune"]
        assert cluster.stage("finetune").state == "Suspended"
        assert cluster.condition("Ready") == ("False", "Suspended")
        assert cluster.condition("Reconciling") == ("True", "Suspended")
        assert cluster.decide().requeue_after is None

    def test_resumed_it_goes_on_at_once_where_it_was(self, cluster) -> None:
        cluster.run_until("finetune")
        cluster.change(suspend=True)
        cluster.step()
        cluster.change(suspend=False)
        decision = cluster.step()
        assert [(order.step, order.attempt) for order in decision.create] == [("finetune", 2)]
        cluster.run()
        assert set(cluster.runs.values()) == {1}

    def test_a_job_that_ended_meanwhile_counts(self, cluster) -> None:
        cluster.run_until("finetune")
        cluster.change(suspend=True)
        cluster.finish("finetune")
        cluster.step()
        assert cluster.stage("finetune").state == "Succeeded"
        assert cluster.stage("export").state == "Suspended"
        assert not cluster.working()

    def test_a_failure_stays_to_be_read(self, cluster) -> None:
        cluster.step()
        cluster.fail("prepare", 65, "no")
        cluster.step()
        cluster.change(suspend=True)
        cluster.step()
        assert cluster.condition("Ready") == ("False", "Suspended")
        cluster.change(suspend=False)
        cluster.step()
        assert cluster.job("prepare").attempt == 2

    def test_a_lost_write_after_the_delete_changes_nothing(self, cluster) -> None:
        cluster.run_until("finetune")
        cluster.change(suspend=True)
        for job in cluster.decide().delete:
            del cluster.jobs[job.name]
        cluster.step()
        assert cluster.stage("finetune").state == "Suspended"
        cluster.change(suspend=False)
        cluster.step()
        assert cluster.job("finetune").attempt == 2


class TestAnotherStore:
    def test_nothing_that_was_left_in_the_former_one_counts(self, cluster) -> None:
        cluster.run()
        cluster.store.clear()
        cluster.pointer = type(cluster.pointer)()
        cluster.change(storage={"uri": "s3://elsewhere/small"})
        cluster.step()
        assert cluster.condition("Available") == ("True", "Promoted")
        cluster.step()
        assert cluster.condition("Available") == ("False", "NothingPromoted")
        assert cluster.run()[0] == "prepare"
        assert cluster.condition("Ready") == ("True", "Promoted")

    def test_jobs_that_write_to_the_former_one_are_deleted(self, cluster) -> None:
        cluster.run_until("finetune")
        cluster.change(storage={"uri": "s3://elsewhere/small"})
        decision = cluster.step()
        assert [job.step for job in decision.delete] == ["finetune"]
        assert not decision.create
        assert decision.requeue_after == 0
        cluster.step()
        assert (cluster.job("prepare").attempt, len(cluster.working())) == (2, 1)

    def test_a_job_that_ended_there_is_no_news_here(self, cluster) -> None:
        cluster.step()
        cluster.finish("prepare")
        cluster.change(storage={"uri": "s3://elsewhere/small"})
        cluster.step()
        cluster.step()
        assert cluster.stage("prepare").result is None
        assert cluster.job("prepare").attempt == 2


def test_a_deployment_that_is_being_deleted_is_not_changed(cluster) -> None:
    cluster.run_until("finetune")
    seen = cluster.snapshot()
    meta = seen.deployment.metadata.model_copy(update={"deletion_timestamp": "2026-11-24T00:00:00Z"})
    leaving = seen.deployment.model_copy(update={"metadata": meta})
    decision = decide(replace(seen, deployment=leaving, jobs=()), cluster.now)
    assert not decision.create
    assert decision.status == seen.status


ARCHIVE = {"name": "archive", "data": {"uri": "s3://data/archive.jsonl"}}


class TestInference:
    def test_it_runs_the_promoted_model_on_its_runtime(self, cluster) -> None:
        cluster.change(inference=[ARCHIVE])
        cluster.run_until("inference/archive")
        task = cluster.tasks[cluster.job("inference/archive").name]
        assert task.inputs["compiled"].key == cluster.status.promotion.compile_key
        assert task.image == "registry/va:1"

    def test_without_a_promoted_model_it_waits_for_one(self, cluster) -> None:
        cluster.verdict = lambda task: "Refused"
        cluster.change(inference=[ARCHIVE])
        cluster.run()
        assert cluster.stage("inference/archive").state == "Held"

    def test_a_refused_candidate_leaves_it_on_the_former_model(self, cluster) -> None:
        cluster.run()
        former = cluster.status.promotion.compile_key
        cluster.verdict = lambda task: "Refused"
        cluster.change(finetune={"epochs": 5}, inference=[ARCHIVE])
        cluster.run()
        assert cluster.stage("compile/int8").key != former
        result = cluster.stage("inference/archive").result
        task = next(task for task in cluster.tasks.values() if task.key == result.key)
        assert task.inputs["compiled"].key == former


@pytest.mark.parametrize(
    ("phase", "deleted"),
    [
        (JobPhase.QUEUED, True),
        (JobPhase.RUNNING, True),
        (JobPhase.DELETING, False),
        (JobPhase.SUCCEEDED, False),
        (JobPhase.FAILED, False),
    ],
)
def test_only_unfinished_jobs_are_deleted(cluster, phase: JobPhase, deleted: bool) -> None:
    cluster.run_until("finetune")
    job = cluster.job("finetune")
    cluster.jobs[job.name] = replace(job, phase=phase)
    cluster.change(suspend=True)
    assert bool(cluster.decide().delete) is deleted


def test_a_resumed_stage_does_not_wait_for_an_earlier_backoff(cluster) -> None:
    cluster.step()
    cluster.fail("prepare", 75, "the store is away")
    cluster.step()
    cluster.change(suspend=True)
    cluster.step()
    assert cluster.stage("prepare").state == "Suspended"
    cluster.change(suspend=False)
    assert [order.step for order in cluster.step().create] == ["prepare"]
