"""Faults of pods, nodes and Jobs, and termination messages that are lost, garbled, too long or forged."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import client

from testbed.disruptions import evict, lost
from testbed.outcomes import ends_with_message, evicted, never_starts, out_of_memory, preempted, runs_for_ever

ONE_VARIANT = [{"name": "reference", "runtime": "cpu-openvino", "precision": "fp32", "reference": True}]
SMALL: dict[str, Any] = {"variants": ONE_VARIANT, "rollout": {}}
FORGED = {
    "key": "f" * 64,
    "manifestDigest": "f" * 64,
    "outputs": {"model": "f" * 64},
    "headline": {"f1Validation": 1.0},
}


def delete_pod(scene: Any, pod: Any) -> None:
    scene.cluster.core.delete_namespaced_pod(pod.metadata.name, scene.namespace)


def evict_pod(scene: Any, pod: Any) -> None:
    evict(scene.cluster, scene.namespace, pod.metadata.name)


def delete_job(scene: Any, pod: Any) -> None:
    """As `kubectl delete job` does."""
    client.BatchV1Api(scene.cluster.api).delete_namespaced_job(
        pod.metadata.labels["job-name"], scene.namespace, propagation_policy="Background"
    )


def others(scene: Any, step: str) -> set[int]:
    """The numbers of attempts of the other steps."""
    return {stage["attempt"] for name, stage in scene.stages().items() if name != step}


def assert_done(scene: Any, step: str, attempts: int) -> None:
    """All steps have succeeded. One took several attempts, and no other step was run again for it."""
    stages = scene.stages()
    assert {stage["state"] for stage in stages.values()} == {"Succeeded"}
    assert stages[step]["attempt"] == attempts
    assert others(scene, step) == {1}
    made = Counter(job for job, code in scene.jobs_made() if code == 201)
    assert len(made) == len(stages) + attempts - 1
    assert set(made.values()) == {1}


@pytest.mark.parametrize(
    ("fault", "attempts"),
    [
        pytest.param(delete_pod, 2, id="its pod is deleted"),
        pytest.param(evict_pod, 1, id="its pod is evicted"),
        pytest.param(delete_job, 2, id="its Job is deleted"),
    ],
)
def test_what_is_deleted_in_mid_run_is_created_again(
    scene: Any, fault: Callable[[Any, Any], None], attempts: int
) -> None:
    held = scene.script(runs_for_ever(), step="finetune")
    scene.apply(**SMALL)
    scene.until_running("finetune")
    held()
    fault(scene, scene.until_pod("finetune"))
    scene.until_ready()
    assert_done(scene, "finetune", attempts)


def test_a_pod_whose_node_is_gone_starts_on_another(scene: Any) -> None:
    held = scene.script(runs_for_ever(), step="finetune")
    scene.apply(**SMALL)
    scene.until_running("finetune")
    held()
    with lost(scene.cluster, scene.until_pod("finetune").spec.node_name):
        scene.until_ready()
    assert_done(scene, "finetune", 1)


def test_a_preempted_pod_costs_no_attempt(scene: Any) -> None:
    end_script = scene.script(preempted(), step="finetune")
    scene.apply(**SMALL)
    scene.until_pod("finetune")
    end_script()
    scene.until_ready()
    assert_done(scene, "finetune", 1)


def test_out_of_memory_waits_for_a_higher_limit(scene: Any) -> None:
    end_script = scene.script(out_of_memory(), step="finetune")
    scene.apply(**SMALL, scheduling={"retries": 0, "resources": {"limits": {"memory": "1Gi"}}})
    killed = scene.until_reason("OutOfMemory")
    assert "1Gi" in killed["message"]
    assert scene.attempts()["finetune"] == 1
    end_script()
    scene.apply(**SMALL, scheduling={"retries": 0, "resources": {"limits": {"memory": "2Gi"}}})
    scene.until_ready()
    assert_done(scene, "finetune", 2)


def test_a_full_scratch_volume_waits_for_a_larger_one(scene: Any) -> None:
    end_script = scene.script(evicted(), step="finetune")
    scene.apply(**SMALL, scheduling={"retries": 0})
    full = scene.until_reason("ScratchFull")
    assert "scratchSize" in full["message"]
    end_script()
    scene.apply(**SMALL, scheduling={"retries": 0, "scratchSize": "30Gi"})
    scene.until_ready()
    assert_done(scene, "finetune", 2)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("", id="missing"),
        pytest.param('{"key": "0123', id="cut off"),
        pytest.param("Traceback (most recent call last):\n  …", id="no JSON"),
        pytest.param(json.dumps({**FORGED, "note": "x" * 8000})[:4096], id="cut at 4,096 bytes"),
        pytest.param(json.dumps(FORGED), id="forged with another key"),
        pytest.param("[" * 50_000, id="crafted to break a parser"),
    ],
)
def test_an_invalid_termination_message_starts_an_attempt_that_verifies(scene: Any, message: str) -> None:
    scene.script(ends_with_message(message), step="finetune", attempt="1")
    scene.apply(**SMALL)
    lost = scene.until_state("finetune", "Retrying")
    assert lost["reason"] == "TerminationMessageLost"
    scene.until_ready()
    assert_done(scene, "finetune", 2)
    assert "f" * 64 not in json.dumps(scene.status())


def test_a_termination_message_of_more_than_4096_bytes_is_bounded_in_the_status(scene: Any) -> None:
    """A kubelet truncates the message. Other writers of a pod's status may not."""
    scene.script(never_starts("ContainerCreating", "the test answers"), step="finetune")
    scene.apply(**SMALL)
    key = scene.until_pod("finetune").metadata.annotations["nerd.dev/key"]
    headline = {f"figure-{at}": at for at in range(300)} | {"message": "m" * 20_000, "word": "w" * 9000}
    message = {"key": key, "manifestDigest": "a" * 64, "outputs": {"model": "b" * 64}, "headline": headline}
    scene.go_on("finetune", ends_with_message(json.dumps(message)))
    scene.until_ready()
    assert_done(scene, "finetune", 1)
    result = scene.stages()["finetune"]["result"]
    assert result["outputs"] == {"model": "b" * 64}
    assert len(json.dumps(result)) < 4096
