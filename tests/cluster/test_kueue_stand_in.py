"""The stand-in for Kueue does with Jobs what Kueue's documentation says of them. It is not Kueue itself."""

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client

from testbed.cluster import restricted_pod_spec
from testbed.control_plane import ControlPlane
from testbed.kueue.install import add_priority, add_queue, start_kueue_stand_in
from testbed.outcomes import runs_for_ever, script
from testbed.waiting import until

CARD = "vastaitech.com/va"
QUEUE, PRIORITY = "kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class"


class Scene:
    """A namespace whose Jobs are admitted by the stand-in."""

    def __init__(self, cluster: ControlPlane, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace
        self.batch = client.BatchV1Api(cluster.api)
        self.objects = client.CustomObjectsApi(cluster.api)

    def create(self, name: str, queue: str, priority: str = "", cards: int = 1) -> None:
        """A Job that asks for cards and is not suspended by its author."""
        pod = restricted_pod_spec("none")
        pod["containers"][0]["resources"] = {"limits": {CARD: str(cards)}}
        pod["nodeSelector"] = {"type": "kwok"}
        labels = {QUEUE: queue} | ({PRIORITY: priority} if priority else {})
        template = {"metadata": {"annotations": {"nerd.dev/step": name}}, "spec": pod}
        body = {
            "metadata": {"name": name, "labels": labels},
            "spec": {"backoffLimit": 0, "template": template},
        }
        self.batch.create_namespaced_job(self.namespace, body)

    def job(self, name: str) -> Any:
        return self.batch.read_namespaced_job(name, self.namespace)

    def conditions(self, name: str) -> dict[str, tuple[str, str, str]]:
        """Of the Job's Workload, found by the label that Kueue documents: status, reason, message by type."""
        found = self.objects.list_namespaced_custom_object(
            *("kueue.x-k8s.io", "v1beta1", self.namespace, "workloads"),
            label_selector=f"kueue.x-k8s.io/job-uid={self.job(name).metadata.uid}",
        )["items"]
        written = found[0].get("status", {}).get("conditions", []) if found else []
        return {each["type"]: (each["status"], each["reason"], each["message"]) for each in written}

    def until(self, what: str, name: str, type_: str, status: str) -> tuple[str, str, str]:
        def so() -> tuple[str, str, str] | None:
            self.cluster.servers["kueue"].check()
            condition = self.conditions(name).get(type_)
            return condition if condition and condition[0] == status else None

        return until(what, so, seconds=60)

    def until_running(self, name: str) -> None:
        def so() -> bool:
            self.cluster.servers["kueue"].check()
            return bool(self.job(name).status.ready)

        until(f"{name} to run", so, seconds=60)


@pytest.fixture(scope="module")
def kueue(fake_cluster: ControlPlane) -> Iterator[ControlPlane]:
    server = start_kueue_stand_in(fake_cluster)
    yield fake_cluster
    server.stop()


@pytest.fixture
def scene(kueue: ControlPlane, namespace: str) -> Scene:
    return Scene(kueue, namespace)


def test_a_job_waits_suspended_until_its_quota_is_free(scene: Scene) -> None:
    queue = scene.namespace
    add_queue(scene.cluster, scene.namespace, queue, {CARD: "1"}, {"kubernetes.io/os": "linux"})
    script(scene.cluster, scene.namespace, runs_for_ever(), step="first")
    scene.create("first", queue)
    assert scene.until("admission", "first", "Admitted", "True")[1] == "Admitted"
    scene.until_running("first")
    assert scene.job("first").spec.template.spec.node_selector == {
        "type": "kwok",
        "kubernetes.io/os": "linux",
    }

    scene.create("second", queue)
    assert scene.job("second").spec.suspend
    _, reason, message = scene.until("the refusal", "second", "QuotaReserved", "False")
    assert reason == "Pending"
    assert message.endswith(f"insufficient unused quota for {CARD} in flavor {queue}, 1 more needed")

    scene.batch.delete_namespaced_job("first", scene.namespace, propagation_policy="Background")
    scene.until("the second one's end", "second", "Finished", "True")


def test_a_queue_that_is_not_there_is_named(scene: Scene) -> None:
    scene.create("lost", "nowhere")
    _, reason, message = scene.until("the refusal", "lost", "QuotaReserved", "False")
    assert (reason, message) == ("Inadmissible", "LocalQueue nowhere doesn't exist")


def test_higher_priority_evicts_and_the_evicted_job_comes_back(scene: Scene) -> None:
    queue = scene.namespace
    add_queue(
        *(scene.cluster, scene.namespace, queue, {CARD: "1"}),
        node_labels={"kubernetes.io/arch": "amd64"},
        preempts=True,
    )
    add_priority(scene.cluster, "urgent", 100)
    script(scene.cluster, scene.namespace, runs_for_ever(), step="patient")
    scene.create("patient", queue)
    scene.until_running("patient")

    scene.create("hurried", queue, priority="urgent")
    _, reason, message = scene.until("the eviction", "patient", "Evicted", "True")
    assert reason == "Preempted"
    assert message.startswith("Preempted to accommodate a workload (UID: ")
    scene.until("the end of the urgent one", "hurried", "Finished", "True")
    scene.until_running("patient")
    patient = scene.job("patient")
    assert not patient.status.failed
    assert scene.conditions("patient")["Admitted"][0] == "True"


def test_a_deactivated_workload_loses_its_quota(scene: Scene) -> None:
    queue = scene.namespace
    add_queue(scene.cluster, scene.namespace, queue, {CARD: "1"}, {"kubernetes.io/os": "linux"})
    script(scene.cluster, scene.namespace, runs_for_ever(), step="one")
    scene.create("one", queue)
    scene.until_running("one")
    [workload] = scene.objects.list_namespaced_custom_object(
        "kueue.x-k8s.io", "v1beta1", scene.namespace, "workloads"
    )["items"]
    scene.objects.patch_namespaced_custom_object(
        *("kueue.x-k8s.io", "v1beta1", scene.namespace, "workloads", workload["metadata"]["name"]),
        {"spec": {"active": False}},
    )
    assert scene.until("the eviction", "one", "Evicted", "True")[1] == "Deactivated"
    until("the Job to be suspended", lambda: scene.job("one").spec.suspend, seconds=30)
    assert scene.job("one").spec.template.spec.node_selector == {"type": "kwok"}
