"""Attempts as stories: something happens to a stage's Job, and the operator reacts."""

from dataclasses import replace

import pytest

from ner_jobs.task import Stage
from ner_operator.api.times import to_seconds
from ner_operator.api.v1alpha1.status import NerDeploymentStatus
from ner_operator.controllers.nerdeployment.attempts import (
    FIRST_BACKOFF,
    HEALTHY,
    LONGEST_BACKOFF,
    SETTLING,
    backoff,
)
from ner_operator.controllers.nerdeployment.snapshot import JobPhase

OTHER_KEY = "f" * 64


def test_a_job_whose_status_was_never_written_is_found_by_its_name(cluster) -> None:
    decision = cluster.decide()
    for order in decision.create:
        cluster.create(order)
    again = cluster.step()
    assert not again.create
    assert cluster.stage("prepare").state == "Queued"
    assert cluster.stage("prepare").job == decision.create[0].name


def test_a_job_that_ended_before_any_status_was_written_counts(cluster) -> None:
    for order in cluster.decide().create:
        cluster.create(order)
    cluster.finish("prepare")
    cluster.step()
    assert cluster.stage("prepare").state == "Succeeded"
    assert [job.step for job in cluster.working()] == ["finetune"]


def test_a_result_outlives_its_job(cluster) -> None:
    cluster.run()
    cluster.jobs.clear()
    decision = cluster.step()
    assert not decision.create
    assert cluster.condition("Ready") == ("True", "Promoted")


def test_a_job_that_is_gone_is_made_again_after_a_wait(cluster) -> None:
    cluster.step()
    cluster.jobs.clear()
    assert not cluster.step().create
    assert (cluster.stage("prepare").state, cluster.stage("prepare").reason) == ("Retrying", "JobNotFound")
    cluster.wait(FIRST_BACKOFF + 1)
    assert cluster.job("prepare").attempt == 2


def test_a_job_that_is_missing_from_a_watch_is_looked_up_in_a_list(cluster) -> None:
    cluster.step()
    cluster.jobs.clear()
    cluster.listed = False
    decision = cluster.decide()
    assert decision.verify_with_list
    assert not decision.create
    assert decision.status == cluster.status


def test_after_a_lost_status_the_next_attempt_is_above_every_job(cluster) -> None:
    cluster.run_until("finetune")
    cluster.fail("finetune", 143)
    cluster.step()
    cluster.wait(FIRST_BACKOFF + 1)
    cluster.fail("finetune", 143)
    cluster.status = type(cluster.status)()
    cluster.step()
    cluster.wait(FIRST_BACKOFF + 1)
    assert cluster.job("finetune").attempt == 3


@pytest.mark.parametrize(
    ("failure", "reason", "message"),
    [
        pytest.param(
            {"code": 65, "message": "train.conll:12 has one column"},
            "StageFailed",
            "train.conll:12 has one column",
            id="a permanent code, with the stage's own message",
        ),
        pytest.param(
            {"code": 70},
            "StageFailed",
            "exit code 70 without a message",
            id="a permanent code without a message",
        ),
        pytest.param(
            {"code": 137, "pod_reason": "OOMKilled"},
            "OutOfMemory",
            "its node; raise limits.memory in spec.scheduling.stages.prepare.resources",
            id="out of memory",
        ),
        pytest.param(
            {
                "code": 137,
                "pod_reason": "Evicted",
                "pod_message": 'Usage of EmptyDir volume "scratch" exceeds the limit "20Gi". ',
            },
            "ScratchFull",
            'exceeds the limit "20Gi"; raise spec.scheduling.scratchSize above 20Gi',
            id="scratch is full",
        ),
        pytest.param(
            {"code": 143, "pod_reason": "DeadlineExceeded"},
            "DeadlineExceeded",
            "raise spec.scheduling.deadlineSeconds",
            id="the pod's deadline, whatever the code",
        ),
        pytest.param(
            {"code": 1, "message": "RuntimeError: boom", "reason": "BackoffLimitExceeded"},
            "RetriesExhausted",
            "the last time: RuntimeError: boom",
            id="an unexpected error, too often",
        ),
    ],
)
def test_a_permanent_failure_ends_the_stage(cluster, failure, reason: str, message: str) -> None:
    cluster.step()
    cluster.fail("prepare", **failure)
    decision = cluster.step()
    stage = cluster.stage("prepare")
    assert (stage.state, stage.reason) == ("Failed", reason)
    assert message in stage.message
    assert cluster.condition("Ready") == ("False", reason)
    assert cluster.condition("Stalled") == ("True", reason)
    assert cluster.condition("Reconciling") is None
    assert decision.events[0].type == "Warning"
    assert not cluster.wait(100_000).create


def test_out_of_memory_names_the_limit_that_was_hit(cluster) -> None:
    cluster.change(scheduling={"stages": {"finetune": {"resources": {"limits": {"memory": "6Gi"}}}}})
    cluster.run_until("finetune")
    cluster.fail("finetune", 137, pod_reason="OOMKilled")
    cluster.step()
    assert "its memory limit of 6Gi" in cluster.stage("finetune").message


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda cluster: cluster.change(scheduling={"retries": 3}), id="the spec, though not the key"
        ),
        pytest.param(
            lambda cluster: setattr(cluster, "settings", replace(cluster.settings, image="registry/jobs:2")),
            id="the image of the product",
        ),
    ],
)
def test_a_failed_stage_is_tried_again_when_something_has_changed(cluster, change) -> None:
    cluster.step()
    cluster.fail("prepare", 65, "no")
    cluster.step()
    change(cluster)
    cluster.step()
    assert cluster.job("prepare").attempt == 2
    assert cluster.stage("prepare").failures == 0


def test_a_change_while_the_job_still_ran_is_not_forgotten_when_it_fails(cluster) -> None:
    cluster.step()
    cluster.change(scheduling={"resources": {"limits": {"memory": "64Gi"}}})
    cluster.step()
    cluster.fail("prepare", 137, pod_reason="OOMKilled")
    cluster.step()
    assert cluster.job("prepare").attempt == 2


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        pytest.param({"code": 75, "message": "there is no bucket 'ner'"}, "Retrying", id="75"),
        pytest.param({"code": 143}, "Interrupted", id="SIGTERM"),
        pytest.param(
            {"code": None, "reason": "BackoffLimitExceeded"}, "JobNotFound", id="a pod that is gone"
        ),
        pytest.param(
            {
                "code": None,
                "job_message": "Container stage for pod a/b failed with exit code 75 matching FailJob rule",
            },
            "Retrying",
            id="75, from the Job controller alone",
        ),
    ],
)
def test_a_temporary_failure_is_retried_with_a_growing_backoff(cluster, failure, reason: str) -> None:
    cluster.step()
    waits = []
    for attempt in range(1, 9):
        assert cluster.job("prepare").attempt == attempt
        cluster.fail("prepare", **failure)
        cluster.step()
        stage = cluster.stage("prepare")
        assert (stage.state, stage.reason, stage.failures) == ("Retrying", reason, attempt)
        waits.append(to_seconds(stage.retry_time) - cluster.now)
        assert not cluster.wait(waits[-1] - 1).create
        assert len(cluster.wait(1).create) == 1
    assert waits == sorted(waits)
    assert FIRST_BACKOFF * 0.75 <= waits[0] <= FIRST_BACKOFF + 1
    assert waits[-1] <= LONGEST_BACKOFF + 1


def test_the_backoff_depends_on_the_name_only() -> None:
    waits = {backoff(f"deployment-{number}", 3) for number in range(50)}
    assert waits == {backoff(f"deployment-{number}", 3) for number in range(50)}
    assert len(waits) == 50
    assert all(backoff("a", failures) <= LONGEST_BACKOFF for failures in (1, 2, 10, 1000))


def test_an_attempt_that_runs_for_a_while_no_longer_shows_the_failure_before(cluster) -> None:
    cluster.step()
    cluster.fail("prepare", 75, "the store is away")
    cluster.step()
    cluster.wait(FIRST_BACKOFF + 1)
    assert cluster.stage("prepare").reason == "Retrying"
    cluster.start("prepare")
    cluster.wait(SETTLING)
    assert (cluster.stage("prepare").state, cluster.stage("prepare").reason) == ("Running", "Retrying")
    cluster.wait(HEALTHY - SETTLING)
    assert (cluster.stage("prepare").state, cluster.stage("prepare").reason) == ("Running", "")
    assert cluster.stage("prepare").failures == 1


def test_a_start_is_written_once_and_after_a_while(cluster) -> None:
    cluster.step()
    before = cluster.status
    cluster.now += 1
    cluster.start("prepare")
    decision = cluster.decide()
    assert decision.status == before
    assert decision.requeue_after == SETTLING
    cluster.wait(SETTLING)
    assert cluster.stage("prepare").state == "Running"
    assert cluster.decide().requeue_after is None


def test_a_vanished_input_runs_its_producer_again(cluster) -> None:
    cluster.run_until("compile/int8")
    lost = cluster.stage("export").result
    del cluster.store[Stage.EXPORT, lost.key]
    for step in ("compile/int8", "compile/reference"):
        cluster.finish(step)
    decision = cluster.step()
    assert [order.step for order in decision.create] == ["export"]
    assert cluster.stage("export").result is None
    assert cluster.job("export").attempt == 2
    assert cluster.stage("compile/int8").state == "Waiting"
    assert cluster.stage("compile/int8").reason == "InputNotFound"
    cluster.finish("export")
    assert not cluster.step().create
    cluster.run()
    assert cluster.job("compile/int8").attempt == 2
    assert cluster.runs[Stage.EXPORT, lost.key] == 2
    assert cluster.condition("Ready") == ("True", "Promoted")


def test_a_discarded_result_does_not_come_back_from_its_old_job(cluster) -> None:
    cluster.run_until("compile/int8")
    old = cluster.job("export")
    del cluster.store[Stage.EXPORT, old.key]
    cluster.finish("compile/int8")
    cluster.step()
    assert old.name in cluster.jobs
    assert cluster.stage("export").result is None
    assert cluster.decide().status == cluster.status


def test_a_deleted_job_is_no_attempt_that_works(cluster) -> None:
    cluster.step()
    job = cluster.job("prepare")
    cluster.jobs[job.name] = replace(job, phase=JobPhase.DELETING)
    cluster.step()
    assert cluster.stage("prepare").reason == "JobNotFound"
    cluster.wait(FIRST_BACKOFF + 1)
    assert cluster.job("prepare").attempt == 2


def test_of_two_attempts_at_once_the_later_stays(cluster) -> None:
    cluster.step()
    first = cluster.job("prepare")
    cluster.jobs["another"] = replace(first, name="another", attempt=2)
    decision = cluster.step()
    assert [job.name for job in decision.delete] == [first.name]
    assert cluster.stage("prepare").attempt == 2


def test_an_older_attempt_that_appears_again_is_deleted(cluster) -> None:
    cluster.step()
    first = cluster.job("prepare")
    cluster.fail("prepare", 143)
    cluster.step()
    cluster.wait(FIRST_BACKOFF + 1)
    cluster.jobs[first.name] = first
    decision = cluster.step()
    assert [job.name for job in decision.delete] == [first.name]
    assert cluster.stage("prepare").attempt == 2


def test_a_status_of_a_later_release_starts_empty() -> None:
    status = NerDeploymentStatus.of({"observedGeneration": 3, "stages": [{"name": "a", "state": "Thinking"}]})
    assert status == NerDeploymentStatus()


def test_a_refused_job_waits_under_the_same_attempt(cluster) -> None:
    order = cluster.decide().create[0]
    cluster.refused = {order.name: "exceeded quota: jobs"}
    decision = cluster.step()
    assert not decision.create
    stage = cluster.stage("prepare")
    assert (stage.state, stage.reason, stage.attempt) == ("Waiting", "PodRefused", 0)
    assert "exceeded quota: jobs" in stage.message
    assert cluster.condition("Reconciling") == ("True", "PodRefused")
    cluster.refused = {}
    assert [again.name for again in cluster.decide().create] == [order.name]


def test_a_message_with_a_key_that_is_no_input_discards_nothing(cluster) -> None:
    cluster.run_until("finetune")
    prepared = cluster.stage("prepare").result
    cluster.fail("finetune", 75, f"access to s3://ner/small/prepare/{prepared.key}/manifest.json is denied")
    cluster.step()
    assert cluster.stage("prepare").result == prepared
    assert cluster.stage("finetune").state == "Retrying"
