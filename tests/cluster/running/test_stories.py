"""A NerDeployment from `kubectl apply` to its end."""

from collections import Counter
from typing import Any

import pytest

from testbed.outcomes import never_starts, runs_for_ever, succeeds

ONE_VARIANT = [{"name": "reference", "runtime": "cpu-openvino", "precision": "fp32", "reference": True}]
SMALL: dict[str, Any] = {"variants": ONE_VARIANT, "rollout": {}}


def test_a_deployment_goes_through_all_its_stages_and_is_promoted(scene: Any) -> None:
    scene.apply(benchmark={})
    status = scene.until_ready()
    stages = scene.stages()
    assert len(stages) == 12
    assert {stage["state"] for stage in stages.values()} == {"Succeeded"}
    assert (status["variant"], status["f1"]) == ("int8", 0.9467)
    assert status["promotion"]["revision"].startswith(status["revision"]), "the column shows its first digits"
    assert len(status["revision"]) == 12
    true = {each["type"] for each in status["conditions"] if each["status"] == "True"}
    assert true == {"Ready", "Available"}
    assert scene.attempts() == Counter(dict.fromkeys(stages, 1)), "one Job a stage, and no other"
    assert "Promoted" in [event.reason for event in scene.events()]
    writes = scene.writes()
    assert {write.code for write in writes} <= {200, 201}
    assert len(writes) <= 3 * len(stages)
    assert scene.operator.metric("nerd_errors_total") == 0


def test_nothing_but_the_status_is_written_into_the_object(scene: Any) -> None:
    scene.apply(**SMALL)
    applied = scene.get()
    scene.until_ready()
    now = scene.get()
    assert now["spec"] == applied["spec"]
    assert now["metadata"]["generation"] == 1
    assert "finalizers" not in now["metadata"]
    assert "annotations" not in now["metadata"]
    assert {(write.verb, write.resource) for write in scene.writes()} == {
        ("create", "jobs"),
        ("create", "events"),
        ("patch", "nerdeployments/status"),
    }


def test_at_rest_nothing_is_written(scene: Any) -> None:
    scene.apply(**SMALL)
    scene.until_ready()
    scene.until("rest", lambda: scene.operator.metric("nerd_queue_depth") == 0)
    writes, reconciles = len(scene.writes()), scene.operator.metric("nerd_reconciles_total")
    scene.apply(**SMALL)
    scene.annotate("anything", "example.com/note")
    scene.until("a reconcile", lambda: scene.operator.metric("nerd_reconciles_total") > reconciles)
    assert len(scene.writes()) == writes


def test_a_spec_changed_in_mid_run_keeps_what_is_valid_and_stops_the_rest(scene: Any) -> None:
    held = scene.script(runs_for_ever(), step="finetune")
    scene.apply(**SMALL)
    former = scene.until_running("finetune")
    held()
    scene.apply(**SMALL, finetune={"epochs": 7})
    scene.until_ready()
    jobs = scene.jobs_of("finetune")
    assert former not in [job["metadata"]["name"] for job in jobs], "its number of epochs has changed"
    assert not [pod for pod in scene.pods() if pod.metadata.labels["job-name"] == former]
    assert scene.attempts() == Counter(dict.fromkeys(scene.stages(), 1)), "prepare was not run again"


def test_a_change_that_is_in_no_key_stops_nothing(scene: Any) -> None:
    held = scene.script(runs_for_ever(), step="finetune")
    scene.apply(**SMALL)
    running = scene.until_running("finetune")
    held()
    scene.apply(**SMALL, evaluation={"gates": [{"metric": "f1", "min": 0.5}]})
    scene.until("the second generation", lambda: scene.status()["observedGeneration"] == 2)
    assert scene.until_running("finetune") == running


def test_suspend_stops_and_resume_continues(scene: Any) -> None:
    held = scene.script(runs_for_ever(), step="finetune")
    scene.apply(**SMALL)
    stopped = scene.until_running("finetune")
    scene.apply(**SMALL, suspend=True)
    scene.until_reason("Suspended")
    scene.until("the end of its pod", lambda: stopped not in str(scene.pods()))
    assert scene.jobs_of("finetune") == []
    held()
    scene.apply(**SMALL, suspend=False)
    scene.until_ready()
    assert scene.stages()["prepare"]["attempt"] == 1, "finished stages stay finished"
    assert scene.stages()["finetune"]["attempt"] == 2


def test_deletion_stops_everything_at_once(scene: Any) -> None:
    scene.script(runs_for_ever(), step="finetune")
    scene.apply(**SMALL)
    scene.until_running("finetune")
    scene.cluster.kubectl("-n", scene.namespace, "delete", "nerd", "tiny", "--timeout=30s")
    scene.until("the end of its Jobs and pods", lambda: not scene.jobs() and not scene.pods())


def test_a_deployment_created_again_starts_anew(scene: Any) -> None:
    scene.apply(**SMALL)
    scene.until_ready()
    first = {job["metadata"]["uid"] for job in scene.jobs()}
    scene.cluster.kubectl("-n", scene.namespace, "delete", "nerd", "tiny", "--timeout=30s")
    scene.apply(**SMALL)
    scene.until_ready()
    mine = [job for job in scene.jobs() if job["metadata"]["uid"] not in first]
    assert len(mine) == len(scene.stages())


def test_a_missing_runtime_is_named_and_waited_for(scene: Any) -> None:
    name = f"npu-{scene.namespace}"
    variants = [*ONE_VARIANT, {"name": "fast", "runtime": name, "precision": "int8"}]
    scene.apply(variants=variants, rollout={})
    missing = scene.until_reason("RuntimeNotFound")
    assert name in missing["message"]
    scene.cluster.apply(
        [
            {
                "apiVersion": "nerd.dev/v1alpha1",
                "kind": "NerRuntime",
                "metadata": {"name": name},
                "spec": {
                    "backend": "onnxruntime",
                    "image": "npu-jobs:1",
                    "accelerator": {"resourceName": "example.com/npu"},
                },
            }
        ]
    )
    scene.until_ready()
    infer = scene.jobs_of("infer/fast")[0]["spec"]["template"]["spec"]["containers"][0]
    assert infer["image"] == "npu-jobs:1"
    assert infer["resources"]["limits"]["example.com/npu"] == "1"
    scene.cluster.kubectl("delete", "nerruntime", name)


def test_a_missing_secret_is_named_and_waited_for(scene: Any) -> None:
    message = 'secret "s3-credentials" not found'
    scene.script(never_starts("CreateContainerConfigError", message), step="prepare")
    scene.apply(**SMALL, storage={"uri": "s3://ner/models", "credentialsSecret": "s3-credentials"})
    missing = scene.until_reason("SecretNotFound")
    assert "s3-credentials" in missing["message"]
    # The kubelet starts the container once the Secret is there.
    scene.go_on("prepare", succeeds())
    scene.until_ready()
    assert scene.attempts()["prepare"] == 1


@pytest.mark.parametrize(
    "hard", [pytest.param("pods", id="its pods"), pytest.param("count/jobs.batch", id="the Job itself")]
)
def test_a_refusal_by_a_quota_is_reported_and_retried_when_there_is_room(scene: Any, hard: str) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {hard: "0"}}}
    scene.cluster.core.create_namespaced_resource_quota(scene.namespace, quota)
    scene.until(
        "the quota",
        lambda: scene.cluster.core.read_namespaced_resource_quota("none", scene.namespace).status.hard,
    )
    scene.apply(**SMALL)
    refused = scene.until_reason("PodRefused")
    assert "exceeded quota" in refused["message"]
    scene.cluster.core.delete_namespaced_resource_quota("none", scene.namespace)
    scene.until_ready()
    assert scene.attempts()["prepare"] == 1


def test_a_refusal_leaves_the_former_model_in_service(scene: Any) -> None:
    scene.apply(**SMALL)
    former = scene.until_ready()["promotion"]
    scene.script(never_starts("ContainerCreating", "the test answers"), step="promote")
    scene.apply(**SMALL, finetune={"epochs": 9})
    refusal = scene.refusal("F1 0.8012 is below the minimum 0.8500")
    revision = scene.task_of(scene.until_pod("promote", attempt=2))["parameters"]["revision"]
    scene.go_on("promote", refusal)
    refused = scene.until_reason("GatesFailed")
    assert "below the minimum" in refused["message"]
    status = scene.status()
    true = {each["type"] for each in status["conditions"] if each["status"] == "True"}
    assert true == {"Stalled", "Available"}
    assert (status["revision"], status["variant"]) == (former["revision"][:12], former["variant"])
    assert revision.startswith(status["candidate"])


def test_a_rerun_is_requested_by_annotation_and_done_once(scene: Any) -> None:
    scene.apply(**SMALL)
    scene.until_ready()
    scene.annotate("export=again-1", "nerd.dev/rerun")
    scene.until("another export", lambda: scene.stages()["export"]["attempt"] == 2)
    scene.until_ready()
    writes = len(scene.writes())
    reconciles = scene.operator.metric("nerd_reconciles_total")
    scene.annotate(None, "nerd.dev/rerun")
    scene.until("a reconcile", lambda: scene.operator.metric("nerd_reconciles_total") > reconciles)
    assert scene.stages()["export"]["attempt"] == 2
    assert len(scene.writes()) <= writes + 1
