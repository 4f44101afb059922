"""Records of Jobs, and the index of them."""

from dataclasses import replace
from typing import Any

import pytest

from ner_operator.controllers.nerdeployment.job_index import JobIndex, JobRecord, worth_a_look
from ner_operator.controllers.nerdeployment.snapshot import JobPhase

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
        pytest.param({}, JobPhase.QUEUED, id="nobody has taken it up"),
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
            id="a condition denied",
        ),
    ],
)
def test_phase(status: dict[str, Any], phase: JobPhase) -> None:
    assert record(**status).phase is phase


def test_a_record_has_what_a_decision_rests_on() -> None:
    failed = record(
        startTime=STARTED, conditions=[condition("Failed", reason="PodFailurePolicy", message="exit 65")]
    )
    assert failed.address == ("nlp", "nerd-abc")
    assert (failed.owner, failed.deployment, failed.step, failed.attempt) == (
        "d1",
        "peoples-daily",
        "compile/int8",
        2,
    )
    assert (failed.key, failed.spec_hash) == ("k", "b")
    assert (failed.reason, failed.trouble) == ("PodFailurePolicy", "exit 65")
    assert failed.started == failed.created + 1.0
    assert failed.finished == failed.created + 300.0
    assert failed.over


def test_deleted_and_suspended_are_seen() -> None:
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


def test_a_job_of_somebody_else_is_none_of_ours() -> None:
    foreign = job()
    del foreign["metadata"]["labels"]
    assert JobRecord.of(foreign) is None
    half = job()
    half["metadata"]["annotations"] = {}
    assert JobRecord.of(half) is None


def test_the_newest_version_stays_whoever_brings_it() -> None:
    index, now = JobIndex(), record(ready=1)
    assert index.put(now) is None
    older = replace(now, version=now.version - 1, phase=JobPhase.QUEUED)
    assert index.put(older) is older, "old news is no news"
    assert index.find(now.address) is now
    newer = replace(now, version=now.version + 1, phase=JobPhase.SUCCEEDED)
    assert index.put(newer) is now
    assert index.of("d1") == (newer,)


def test_what_is_gone_leaves_nothing_behind() -> None:
    index, now = JobIndex(), record()
    index.put(now)
    assert index.drop(now.address, "another") is None
    assert index.drop(now.address, now.uid) is now
    assert index.drop(now.address, now.uid) is None
    assert index.of("d1") == ()
    assert len(index) == 0


def test_the_same_name_under_another_owner_moves() -> None:
    index, now = JobIndex(), record()
    index.put(now)
    other = replace(now, uid="j2", owner="d2", version=now.version + 1)
    assert index.put(other) is None, "it is another Job"
    assert index.of("d1") == ()
    assert index.of("d2") == (other,)


def test_absence_is_told_of_what_a_list_should_have_had() -> None:
    index, old = JobIndex(), record()
    new = replace(old, name="nerd-new", version=90)
    index.put(old)
    index.put(new)
    assert index.absent_from([], version=50) == [old]
    assert index.absent_from([old.address], version=50) == []


@pytest.mark.parametrize(
    ("former", "status", "worth"),
    [
        pytest.param(None, {}, False, id="a new Job that waits: somebody has just decided so"),
        pytest.param(None, {"ready": 1}, True, id="a Job that ran while nobody watched"),
        pytest.param({}, {"ready": 1}, True, id="it began to run"),
        pytest.param({"ready": 1}, {"ready": 1, "active": 1}, False, id="a count changed"),
        pytest.param({"ready": 1}, {"conditions": [condition("Complete")]}, True, id="it is complete"),
    ],
)
def test_worth_a_look(former: dict[str, Any] | None, status: dict[str, Any], worth: bool) -> None:
    before = None if former is None else record(version=3, **former)
    assert worth_a_look(before, record(version=9, **status)) is worth
