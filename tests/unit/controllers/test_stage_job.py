"""The Job of a task belongs to whichever object owns it."""

from ner_jobs.task import Owner, Stage, StorageSettings, Task
from ner_operator.controllers.stage_job import PodSettings, job_manifest
from ner_operator.kube.objects import ObjectReference, Resource

CHECKS = Resource("example.com", "v1", "checks", "Check")
TASK = Task(
    stage=Stage.EVALUATE,
    key="a" * 64,
    attempt="attempt-1",
    parameters={},
    inputs={},
    storage=StorageSettings(uri="s3://ner/small"),
    owner=Owner(namespace="nlp", name="nightly", uid="u1"),
)


def test_a_job_of_another_kind() -> None:
    manifest = job_manifest(
        name="evaluate-1",
        owner=ObjectReference(CHECKS, "nlp", "nightly", "u1"),
        labels={"example.com/check": "u1"},
        annotations={},
        retries=2,
        ttl_seconds=600,
        queue="team-a",
        pod_settings=PodSettings(
            "jobs:1", "1Gi", "64Mi", 30, labels={"example.com/check": "other", "team": "a"}
        ),
        task=TASK,
    )
    (owner,) = manifest["metadata"]["ownerReferences"]
    assert (owner["apiVersion"], owner["kind"], owner["uid"]) == ("example.com/v1", "Check", "u1")
    assert manifest["metadata"]["labels"] == {
        "example.com/check": "u1",
        "kueue.x-k8s.io/queue-name": "team-a",
    }
    assert manifest["spec"]["suspend"] is True
    pod = manifest["spec"]["template"]
    assert pod["metadata"]["labels"] == {"example.com/check": "u1", "team": "a"}
    (container,) = pod["spec"]["containers"]
    assert container["env"][0]["value"] == TASK.model_dump_json(by_alias=True)
    assert "resources" not in container, "an empty field is left to the API server"
