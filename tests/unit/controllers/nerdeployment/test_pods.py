"""What a Job's pods and Events say."""

import json
from typing import Any

import pytest

from ner_operator.controllers.nerdeployment.pods import (
    PodEnd,
    WaitingPod,
    WaitReason,
    end_of,
    wait_reason,
    waiting_pods,
    warnings,
)

KEY = "a" * 64


def pod(phase: str, created: int = 0, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"uid": f"p{created}", "creationTimestamp": f"2026-11-24T10:00:{created:02d}Z"},
        "spec": {"containers": [{"name": "stage", "resources": {"limits": {"memory": "4Gi"}}}]},
        "status": {"phase": phase, **status},
    }


def ended(phase: str, exit_code: int, said: str = "", created: int = 0, **more: Any) -> dict[str, Any]:
    """A pod that has ended, with this termination message."""
    state = {
        "exitCode": exit_code,
        "reason": "Completed" if exit_code == 0 else "Error",
        "message": said,
        "finishedAt": f"2026-11-24T10:01:{created:02d}Z",
    }
    reason = more.pop("container_reason", None)
    statuses = [
        {"name": "sidecar", "state": {"terminated": {"exitCode": 0, "message": "not these"}}},
        {"name": "stage", "state": {"terminated": state | ({"reason": reason} if reason else {})}},
    ]
    return pod(phase, created, containerStatuses=statuses, **more)


def message(**fields: Any) -> str:
    return json.dumps({"key": KEY, **fields})


def test_of_a_job_that_succeeded_the_pod_that_succeeded_counts() -> None:
    pods = [
        ended("Failed", 1, message(code=1, message="first try"), created=9),
        ended("Succeeded", 0, message(manifestDigest="d"), created=1),
    ]
    end = end_of(pods, succeeded=True)
    assert end.exit_code == 0
    assert end.termination_message is not None
    assert end.termination_message.manifest_digest == "d"


def test_of_a_job_that_failed_the_last_failed_pod_counts() -> None:
    pods = [ended("Failed", 1, message(code=1), created=1), ended("Failed", 65, message(code=65), created=2)]
    end = end_of(pods, succeeded=False)
    assert end.exit_code == 65
    assert end.termination_message is not None
    assert end.termination_message.code == 65


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param([], PodEnd(), id="its pods are gone"),
        pytest.param([pod("Running")], PodEnd(), id="none has ended"),
        pytest.param([ended("Failed", 1)], PodEnd(None, 1, "Error", ""), id="it left no message"),
        pytest.param(
            [ended("Failed", 137, container_reason="OOMKilled")],
            PodEnd(None, 137, "OOMKilled", "its memory limit is 4Gi"),
            id="out of memory names the limit",
        ),
        pytest.param(
            [
                ended(
                    "Failed", 137, reason="Evicted", message="scratch over 10Gi", container_reason="OOMKilled"
                )
            ],
            PodEnd(None, 137, "Evicted", "scratch over 10Gi"),
            id="the pod's own reason comes before its container's",
        ),
        pytest.param(
            [pod("Failed", reason="Evicted", message="The node was low on memory")],
            PodEnd(None, None, "Evicted", "The node was low on memory"),
            id="evicted before it began",
        ),
    ],
)
def test_end_of_a_failed_job(pods: list[dict[str, Any]], expected: PodEnd) -> None:
    assert end_of(pods, succeeded=False) == expected


def held_by(reason: str, message: str = "") -> dict[str, Any]:
    return {"name": "stage", "state": {"waiting": {"reason": reason, "message": message}}}


UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available: 3 Insufficient vastaitech.com/va.",
}


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        pytest.param(pod("Pending"), None, id="it is new"),
        pytest.param(
            pod("Pending", conditions=[UNSCHEDULABLE]),
            WaitReason("Unschedulable", UNSCHEDULABLE["message"]),
            id="no node has the device",
        ),
        pytest.param(
            pod("Pending", containerStatuses=[held_by("ContainerCreating")]), None, id="it is being made"
        ),
        pytest.param(
            pod(
                "Pending",
                containerStatuses=[
                    held_by("CreateContainerConfigError", 'secret "s3-credentials" not found')
                ],
            ),
            WaitReason("CreateContainerConfigError", 'secret "s3-credentials" not found'),
            id="its Secret is missing",
        ),
        pytest.param(
            pod("Pending", initContainerStatuses=[held_by("ErrImagePull", "denied")]),
            WaitReason("ErrImagePull", "denied"),
            id="of an init container too",
        ),
    ],
)
def test_wait_reason(pod: dict[str, Any], expected: WaitReason | None) -> None:
    assert wait_reason(pod) == expected


def of_job(job: str, pod: dict[str, Any]) -> dict[str, Any]:
    pod["metadata"]["labels"] = {"batch.kubernetes.io/controller-uid": job}
    return pod


def test_the_youngest_pod_of_each_job_counts() -> None:
    refused = held_by("ErrImagePull", "denied")
    pods = [
        of_job("j1", pod("Pending", 1, containerStatuses=[held_by("ImagePullBackOff", "no such image")])),
        of_job("j2", pod("Pending", 4)),
        of_job("j1", pod("Pending", 3)),
        of_job("j2", pod("Pending", 2, containerStatuses=[refused])),
        of_job("j3", pod("Pending", 5, containerStatuses=[refused])),
    ]
    assert waiting_pods(pods) == {
        "j1": WaitingPod("p3", None),
        "j2": WaitingPod("p4", None),
        "j3": WaitingPod("p5", WaitReason("ErrImagePull", "denied")),
    }


def event(uid: str, message: str, **times: Any) -> dict[str, Any]:
    return {"involvedObject": {"uid": uid}, "reason": "FailedCreate", "message": message, **times}


QUOTA = event("job", "quota", lastTimestamp="2026-11-24T10:01:00Z")
WEBHOOK = event("job", "webhook", eventTime="2026-11-24T10:02:00.1Z")
AGAIN = event("job", "again", lastTimestamp=None, series={"lastObservedTime": "2026-11-24T10:03:00.1Z"})
OTHER = event("other", "its own", lastTimestamp="2026-11-24T10:09:00Z")


@pytest.mark.parametrize(
    ("events", "message"),
    [
        pytest.param([QUOTA, WEBHOOK, OTHER], "webhook", id="the latest"),
        pytest.param([WEBHOOK, QUOTA], "webhook", id="in whatever order"),
        pytest.param([AGAIN, WEBHOOK], "again", id="one that is repeated"),
        pytest.param([event("job", "without a time")], "without a time", id="one without a time"),
    ],
)
def test_the_last_warning(events: list[dict[str, Any]], message: str) -> None:
    assert warnings(events)["job"] == WaitReason("FailedCreate", message)


def test_each_object_has_warnings_of_its_own() -> None:
    assert set(warnings([QUOTA, OTHER])) == {"job", "other"}


def test_a_long_message_is_truncated() -> None:
    assert len(warnings([event("job", "x" * 5000)])["job"].message) == 1024
