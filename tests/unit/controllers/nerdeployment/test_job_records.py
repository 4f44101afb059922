"""Records of Jobs, and which changes of them request a reconcile."""

from typing import Any

import pytest

from ner_operator.controllers.nerdeployment.attempts import SETTLING
from ner_operator.controllers.nerdeployment.job_records import JobRecord
from ner_operator.controllers.nerdeployment.snapshot import JobPhase
from ner_operator.kube.cache import differs

CREATED, STARTED, ENDED = "2026-11-24T10:00:00Z", "2026-11-24T10:00:01Z", "2026-11-24T10:05:00Z"


def job(version: int = 7, **status: Any) -> dict[str, Any]:
    """A Job as the server has it."""
    return {
        "metadata": {
            "name": "nerd-abc",
            "namespace": "nlp",
            "uid": "j1",
            "resourceVersion": str(version),
            "creationTimestamp": CREATED,
            "labels": {"nerd.dev/deployment-uid": "d1"},
            "annotations": {
                "nerd.dev/step": "compile/int8",
                "nerd.dev/key": "k",
                "nerd.dev/attempt": "2",
                "nerd.dev/deployment": "peoples-daily",
                "nerd.dev/spec-hash": "b",
            },
        },
        "spec": {"suspend": False},
        "status": status,
    }


def record(**status: Any) -> JobRecord:
    found = JobRecord.of(job(**status))
    assert found is not None
    return found


def condition(kind: str, **more: str) -> dict[str, str]:
    return {"type": kind, "status": "True", "lastTransitionTime": ENDED, **more}


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        pytest.param({}, JobPhase.QUEUED, id="it has no pod"),
        pytest.param({"active": 1, "ready": 0, "startTime": STARTED}, JobPhase.QUEUED, id="its pod waits"),
        pytest.param({"active": 1, "ready": 1, "startTime": STARTED}, JobPhase.RUNNING, id="its pod runs"),
        pytest.param({"conditions": [condition("Complete")]}, JobPhase.SUCCEEDED, id="it is complete"),
        pytest.param({"conditions": [condition("Failed")]}, JobPhase.FAILED, id="it failed"),
        pytest.param(
            {"active": 1, "ready": 1, "conditions": [condition("FailureTarget")]},
            JobPhase.RUNNING,
            id="it will fail, its pods are still there",
        ),
        pytest.param(
            {"conditions": [condition("Complete") | {"status": "False"}]},
            JobPhase.QUEUED,
            id="a condition that is False",
        ),
    ],
)
def test_phase(status: dict[str, Any], phase: JobPhase) -> None:
    assert record(**status).phase is phase


def test_a_record_has_what_a_decision_needs() -> None:
    failed = record(
        startTime=STARTED, conditions=[condition("Failed", reason="PodFailurePolicy", message="exit 65")]
    )
    assert (failed.namespace, failed.name, failed.version) == ("nlp", "nerd-abc", 7)
    assert (failed.owner_uid, failed.owner_name) == ("d1", "peoples-daily")
    assert (failed.step, failed.attempt) == ("compile/int8", 2)
    assert (failed.key, failed.spec_hash) == ("k", "b")
    assert (failed.reason, failed.message) == ("PodFailurePolicy", "exit 65")
    assert failed.started == failed.created + 1.0
    assert failed.finished == failed.created + 300.0
    assert failed.has_ended


def test_a_job_may_be_deleted_or_suspended() -> None:
    deleted = job()
    deleted["metadata"]["deletionTimestamp"] = ENDED
    found = JobRecord.of(deleted)
    assert found is not None
    assert found.phase is JobPhase.DELETING
    suspended = job(ready=1)
    suspended["spec"]["suspend"] = True
    found = JobRecord.of(suspended)
    assert found is not None
    assert found.phase is JobPhase.QUEUED
    assert found.suspended
    assert not found.waits


def test_a_job_without_our_marks_is_not_ours() -> None:
    foreign = job()
    del foreign["metadata"]["labels"]
    assert JobRecord.of(foreign) is None
    half = job()
    half["metadata"]["annotations"] = {}
    assert JobRecord.of(half) is None


@pytest.mark.parametrize(
    ("former", "status", "delay"),
    [
        pytest.param(None, {}, None, id="a new Job that waits: a reconcile has just created it"),
        pytest.param(None, {"ready": 1}, SETTLING, id="a Job that started while no watch was there"),
        pytest.param({}, {"ready": 1}, SETTLING, id="it starts to run"),
        pytest.param({"ready": 1}, {}, 0.0, id="it waits again"),
    ],
)
def test_requeue_delay(former: dict[str, Any] | None, status: dict[str, Any], delay: float | None) -> None:
    before, after = None if former is None else record(version=3, **former), record(version=9, **status)
    assert differs(before, after)
    assert not after.urgent
    assert after.requeue_delay(before) == delay


def test_a_count_that_changes_is_no_change() -> None:
    assert not differs(record(version=3, ready=1), record(version=9, ready=1, active=1))


@pytest.mark.parametrize("type_", ["Complete", "Failed"])
def test_a_job_that_has_ended_is_urgent(type_: str) -> None:
    ended = record(version=9, conditions=[condition(type_)])
    assert ended.urgent
    assert differs(record(version=3, ready=1), ended)
