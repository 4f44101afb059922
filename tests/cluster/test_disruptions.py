"""Trouble that befalls pods on fake nodes looks as on real ones: a disruption that a Job does not count."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from kubernetes import client

from testbed.cluster import Cluster, restricted_pod_spec
from testbed.control_plane import ControlPlane
from testbed.disruptions import drained, evict, lost
from testbed.outcomes import runs_for_ever, script, unscript
from testbed.waiting import until

DISRUPTED = {"type": "DisruptionTarget", "status": "True"}


@pytest.fixture
def job(fake_cluster: ControlPlane, namespace: str) -> str:
    """A Job whose pod runs until trouble comes, and whose next one succeeds."""
    outcome = script(fake_cluster, namespace, runs_for_ever())
    annotations = {"nerd.dev/step": "finetune"}
    spec = {
        "backoffLimit": 0,
        "podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [DISRUPTED]}]},
        "template": {"metadata": {"annotations": annotations}, "spec": restricted_pod_spec("none")},
    }
    body = {"metadata": {"name": "job"}, "spec": spec}
    client.BatchV1Api(fake_cluster.api).create_namespaced_job(namespace, body)
    until(
        "the pod to run",
        lambda: [pod for pod in pods(fake_cluster, namespace) if pod.status.phase == "Running"],
    )
    unscript(fake_cluster, namespace, outcome)
    return "job"


def pods(cluster: Cluster, namespace: str) -> list[Any]:
    found: list[Any] = cluster.core.list_namespaced_pod(namespace).items
    return found


def running(cluster: Cluster, namespace: str) -> bool:
    return any(pod.status.phase == "Running" for pod in pods(cluster, namespace))


def disruption(cluster: Cluster, namespace: str, pod: str) -> str:
    """Why a pod is disrupted, as long as it can be read."""
    for each in pods(cluster, namespace):
        if each.metadata.name == pod:
            for condition in each.status.conditions or []:
                if condition.type == "DisruptionTarget":
                    return str(condition.reason)
    return ""


def completes(cluster: Cluster, namespace: str, job: str) -> bool:
    status = client.BatchV1Api(cluster.api).read_namespaced_job_status(job, namespace).status
    assert not status.failed
    return any(condition.type == "Complete" for condition in status.conditions or [])


def test_an_evicted_pod_is_replaced(fake_cluster: ControlPlane, namespace: str, job: str) -> None:
    [pod] = pods(fake_cluster, namespace)
    evict(fake_cluster, namespace, pod.metadata.name)
    until("the Job", lambda: completes(fake_cluster, namespace, job))


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        pytest.param(drained, "DeletionByTaintManager", id="drained"),
        pytest.param(lost, "DeletionByPodGC", id="lost"),
    ],
)
def test_a_pod_whose_node_is_taken_is_replaced(
    trouble: Callable[[Cluster, str], AbstractContextManager[None]],
    reason: str,
    fake_cluster: ControlPlane,
    namespace: str,
    job: str,
) -> None:
    [pod] = pods(fake_cluster, namespace)
    names = fake_cluster.ready_nodes()
    with trouble(fake_cluster, pod.spec.node_name):
        seen = set()

        def done() -> bool:
            seen.add(disruption(fake_cluster, namespace, pod.metadata.name))
            return completes(fake_cluster, namespace, job)

        until("the Job", done)
    assert reason in seen
    until("all nodes", lambda: fake_cluster.ready_nodes() == names)
