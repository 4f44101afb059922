"""The conditions of each state, as people and GitOps tools read them."""

from dataclasses import replace

import pytest

from ner_operator.api.times import to_text
from ner_operator.api.v1alpha1.reasons import Reason
from ner_operator.controllers.nerdeployment.attempts import SETTLING
from ner_operator.controllers.nerdeployment.decide import decide

SHORTAGE = "0/3 nodes are available: 3 Insufficient vastaitech.com/va."


def types(cluster) -> dict[str, tuple[str, str]]:
    return {each.type: (each.status, each.reason) for each in cluster.status.conditions}


def test_at_work(cluster) -> None:
    cluster.step()
    assert types(cluster) == {
        "Ready": ("False", "StagesRunning"),
        "Reconciling": ("True", "StagesRunning"),
        "Available": ("False", "NothingPromoted"),
    }
    assert cluster.status.condition("Ready").message == "prepare at work; 0 of 10 stages done"


def test_promoted(cluster) -> None:
    cluster.run()
    assert types(cluster) == {"Ready": ("True", "Promoted"), "Available": ("True", "Promoted")}
    assert "variant int8 of revision" in cluster.status.condition("Ready").message


def test_waiting_in_a_queue(cluster) -> None:
    cluster.change(scheduling={"queueName": "team-a"})
    cluster.step()
    cluster.hinder("prepare", "Suspended")
    cluster.wait(SETTLING)
    assert types(cluster)["Reconciling"] == ("True", "Queued")
    assert "prepare: it waits in queue team-a" in cluster.status.condition("Ready").message
    cluster.wait(100_000)
    assert types(cluster)["Reconciling"] == ("True", "Queued")
    assert cluster.decide().requeue_after is None


def test_a_queue_deadline_only_reports(cluster) -> None:
    cluster.change(scheduling={"queueName": "team-a", "queueDeadlineSeconds": 3600})
    cluster.step()
    cluster.hinder("prepare", "Suspended")
    assert cluster.wait(SETTLING).requeue_after == 3600 - SETTLING
    decision = cluster.wait(3600 - SETTLING)
    assert types(cluster)["Reconciling"] == ("True", "QueueDeadlineExceeded")
    assert not decision.delete
    assert decision.events[0].reason == "QueueDeadlineExceeded"
    cluster.start("prepare")
    cluster.wait(SETTLING)
    assert types(cluster)["Reconciling"] == ("True", "StagesRunning")


def test_a_gate_refuses_and_the_former_model_stays(cluster) -> None:
    cluster.run()
    former = cluster.status.revision
    cluster.verdict = lambda task: "Refused"
    cluster.change(finetune={"epochs": 5})
    cluster.run()
    assert types(cluster) == {
        "Ready": ("False", "GatesFailed"),
        "Stalled": ("True", "GatesFailed"),
        "Available": ("True", "Promoted"),
    }
    assert cluster.status.condition("Ready").message == "Refused: int8"
    assert cluster.status.revision == former
    assert cluster.status.candidate not in (None, former)


def test_a_refusal_with_nothing_in_service(cluster) -> None:
    cluster.verdict = lambda task: "Refused"
    cluster.run()
    assert types(cluster)["Available"] == ("False", "NothingPromoted")
    assert types(cluster)["Stalled"] == ("True", "GatesFailed")


def test_a_verdict_waits_for_approval(cluster) -> None:
    cluster.verdict = lambda task: "AwaitingApproval"
    cluster.run()
    assert types(cluster) == {
        "Ready": ("False", "AwaitingApproval"),
        "Reconciling": ("True", "AwaitingApproval"),
        "Available": ("False", "NothingPromoted"),
    }


@pytest.mark.parametrize(
    ("reason", "said", "expected", "message"),
    [
        pytest.param(
            "Unschedulable", SHORTAGE, "DeviceNotFree", "no node has a free vastaitech.com/va", id="device"
        ),
        pytest.param(
            "Unschedulable",
            "0/3 nodes are available: 3 Insufficient memory.",
            "Unschedulable",
            "no node takes",
            id="room",
        ),
        pytest.param(
            "CreateContainerConfigError",
            'secret "s3-credentials" not found',
            "SecretNotFound",
            "Secret s3-credentials does not exist",
            id="Secret",
        ),
        pytest.param(
            "CreateContainerConfigError",
            'configmap "ca" not found',
            "PodNotConfigured",
            'configmap "ca" not found',
            id="ConfigMap",
        ),
        pytest.param(
            "FailedMount",
            'MountVolume.SetUp failed for volume "ca" : secret "ca" not found',
            "SecretNotFound",
            'secret "ca" not found',
            id="Secret of a volume",
        ),
        pytest.param(
            "ImagePullBackOff", "Back-off pulling image", "ImageNotPulled", "platform team", id="image"
        ),
        pytest.param(
            "FailedCreate",
            'pods "x" is forbidden: violates PodSecurity "restricted:latest"',
            "PodRefused",
            "violates PodSecurity",
            id="a pod that is refused",
        ),
    ],
)
def test_something_is_missing_and_then_it_is_there(
    cluster, reason: str, said: str, expected: str, message: str
) -> None:
    cluster.run_until("infer/int8")
    cluster.finish("infer/reference")
    cluster.step()
    cluster.finish("evaluate/reference")
    cluster.hinder("infer/int8", reason, said)
    decision = cluster.wait(SETTLING)
    assert types(cluster)["Ready"] == ("False", expected)
    assert types(cluster)["Reconciling"] == ("True", expected)
    assert message in cluster.status.condition("Ready").message
    assert decision.events[0].type == "Warning"
    assert decision.requeue_after == 600
    since = cluster.status.blocked_since
    cluster.wait(599)
    assert "Stalled" not in types(cluster)
    cluster.wait(1)
    assert types(cluster)["Stalled"] == ("True", expected)
    assert cluster.status.blocked_since == since
    cluster.check_conditions()
    assert cluster.decide().requeue_after is None
    cluster.finish("infer/int8")
    cluster.step()
    assert types(cluster)["Reconciling"] == ("True", "StagesRunning")
    assert cluster.status.blocked_since is None
    cluster.run()
    assert types(cluster)["Ready"] == ("True", "Promoted")


def test_the_store_is_away_and_comes_back(cluster) -> None:
    cluster.step()
    for _ in range(4):
        cluster.fail("prepare", 75, "there is no bucket 'ner' at http://minio:9000; create it")
        decision = cluster.step()
        cluster.check_conditions()
        assert types(cluster)["Ready"] == ("False", "Retrying")
        cluster.wait(decision.requeue_after)
    started = cluster.status.blocked_since
    for _ in range(9):
        cluster.fail("prepare", 75, "there is no bucket 'ner' at http://minio:9000; create it")
        cluster.step()
        while not cluster.working():
            cluster.now += cluster.decide().requeue_after
            cluster.step()
    assert types(cluster)["Stalled"] == ("True", "Retrying")
    assert "there is no bucket 'ner'" in cluster.status.condition("Stalled").message
    assert cluster.status.blocked_since == started
    cluster.run()
    assert types(cluster)["Ready"] == ("True", "Promoted")


def test_nothing_is_stalled_while_another_stage_still_works(cluster) -> None:
    cluster.run_until("infer/int8")
    cluster.start("infer/reference")
    cluster.hinder("infer/int8", "Unschedulable", SHORTAGE)
    cluster.wait(SETTLING)
    cluster.wait(10_000)
    assert types(cluster)["Reconciling"] == ("True", "DeviceNotFree")
    cluster.finish("infer/reference")
    cluster.step()
    cluster.finish("evaluate/reference")
    cluster.step()
    assert types(cluster)["Stalled"] == ("True", "DeviceNotFree")


def test_a_transition_time_stays_while_the_status_does(cluster) -> None:
    cluster.step()
    began = to_text(cluster.now)
    cluster.finish("prepare")
    cluster.wait(100)
    assert cluster.status.condition("Ready").last_transition_time == began
    assert "1 of 10" in cluster.status.condition("Ready").message
    cluster.run()
    assert cluster.status.condition("Ready").last_transition_time == to_text(cluster.now)


def test_a_failure_is_reported_at_once_and_the_other_stages_continue(cluster) -> None:
    cluster.run_until("compile/int8")
    cluster.fail("compile/int8", 70, "no int8 recipe loses at most 0.5 points")
    cluster.step()
    assert types(cluster)["Stalled"] == ("True", "StageFailed")
    assert [job.step for job in cluster.working()] == ["compile/reference"]
    cluster.run()
    assert cluster.stage("evaluate/reference").state == "Succeeded"
    assert cluster.stage("promote").state == "Waiting"
    assert types(cluster)["Stalled"] == ("True", "StageFailed")


def test_there_are_few_events(cluster) -> None:
    events = []
    for _ in range(12):
        events += cluster.step().events
        for job in cluster.working():
            cluster.now += 1
            cluster.finish(job.step)
    assert [each.reason for each in events] == [
        "Planned",
        "StageFinished",
        "StageFinished",
        "StageFinished",
        "Promoted",
    ]
    assert events[1].message == "prepare is done: f1 0.9000"


def test_every_reason_is_one_word_that_a_condition_may_have() -> None:
    assert all(reason.isalpha() and reason[0].isupper() for reason in Reason)


def test_nothing_is_done_about_a_spec_that_this_release_cannot_read(cluster) -> None:
    cluster.run()
    before = cluster.status
    cluster.generation = 2
    seen = replace(cluster.snapshot(), unreadable="spec.finetune.optimizer: Extra inputs are not permitted")
    decision = decide(seen, cluster.now)
    assert not decision.create
    assert not decision.delete
    cluster.write(decision)
    cluster.check_conditions()
    assert types(cluster)["Stalled"] == ("True", "InvalidSpec")
    assert "spec.finetune.optimizer" in cluster.status.condition("Stalled").message
    assert types(cluster)["Available"] == ("True", "Promoted")
    assert cluster.status.stages == before.stages
