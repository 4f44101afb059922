"""What a Job's pods and Events tell."""

import json
from typing import Any

import pytest

from ner_operator.cluster.pods import End, Trouble, end_of, hindrance, preparing

KEY = "a" * 64


def pod(phase: str, created: int = 0, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"uid": f"p{created}", "creationTimestamp": f"2026-11-24T10:00:{created:02d}Z"},
        "spec": {"containers": [{"name": "stage", "resources": {"limits": {"memory": "4Gi"}}}]},
        "status": {"phase": phase, **status},
    }


def ended(phase: str, exit_code: int, said: str = "", created: int = 0, **more: Any) -> dict[str, Any]:
    """A pod that is over, whose stage left these words."""
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


def words(**told: Any) -> str:
    return json.dumps({"key": KEY, **told})


def test_the_pod_that_made_a_job_succeed_speaks_for_it() -> None:
    pods = [
        ended("Failed", 1, words(code=1, message="first try"), created=9),
        ended("Succeeded", 0, words(manifestDigest="d"), created=1),
    ]
    end = end_of(pods, succeeded=True)
    assert end.exit_code == 0
    assert end.words is not None
    assert end.words.manifest_digest == "d"


def test_the_last_of_those_that_failed_speaks_for_a_job_that_did() -> None:
    pods = [ended("Failed", 1, words(code=1), created=1), ended("Failed", 65, words(code=65), created=2)]
    end = end_of(pods, succeeded=False)
    assert end.exit_code == 65
    assert end.words is not None
    assert end.words.code == 65


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param([], End(), id="its pods are gone"),
        pytest.param([pod("Running")], End(), id="none has ended"),
        pytest.param([ended("Failed", 1)], End(None, 1, "Error", ""), id="it said nothing"),
        pytest.param(
            [ended("Failed", 137, container_reason="OOMKilled")],
            End(None, 137, "OOMKilled", "its memory limit is 4Gi"),
            id="out of memory names the limit",
        ),
        pytest.param(
            [
                ended(
                    "Failed", 137, reason="Evicted", message="scratch over 10Gi", container_reason="OOMKilled"
                )
            ],
            End(None, 137, "Evicted", "scratch over 10Gi"),
            id="the pod's own reason comes before its container's",
        ),
        pytest.param(
            [pod("Failed", reason="Evicted", message="The node was low on memory")],
            End(None, None, "Evicted", "The node was low on memory"),
            id="evicted before it began",
        ),
    ],
)
def test_end_of_a_failed_job(pods: list[dict[str, Any]], expected: End) -> None:
    assert end_of(pods, succeeded=False) == expected


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"name": "stage", "state": {"waiting": {"reason": reason, "message": message}}}


UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available: 3 Insufficient vastaitech.com/va.",
}


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param([], None, id="there is no pod"),
        pytest.param([pod("Pending")], None, id="nobody has seen it yet"),
        pytest.param(
            [pod("Pending", conditions=[UNSCHEDULABLE])],
            Trouble("Unschedulable", UNSCHEDULABLE["message"]),
            id="no node has the device",
        ),
        pytest.param(
            [pod("Pending", containerStatuses=[waiting("ContainerCreating")])], None, id="it is being made"
        ),
        pytest.param(
            [
                pod(
                    "Pending",
                    containerStatuses=[
                        waiting("CreateContainerConfigError", 'secret "s3-credentials" not found')
                    ],
                )
            ],
            Trouble("CreateContainerConfigError", 'secret "s3-credentials" not found'),
            id="its Secret is missing",
        ),
        pytest.param(
            [
                pod("Pending", 1, containerStatuses=[waiting("ImagePullBackOff", "no such image")]),
                pod("Pending", 2),
            ],
            None,
            id="the youngest pod counts",
        ),
        pytest.param(
            [pod("Pending", initContainerStatuses=[waiting("ErrImagePull", "denied")])],
            Trouble("ErrImagePull", "denied"),
            id="of an init container too",
        ),
    ],
)
def test_hindrance(pods: list[dict[str, Any]], expected: Trouble | None) -> None:
    assert hindrance(pods) == expected


def test_only_a_pod_that_prepares_has_events_worth_reading() -> None:
    assert preparing([]) == ""
    assert preparing([pod("Failed", 1), pod("Pending", 2)]) == "p2"
    assert preparing([pod("Pending", 1), pod("Failed", 2)]) == ""
