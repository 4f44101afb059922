"""The API server accepts the operator's Jobs, and their pods under the restricted Pod Security Standard."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

GOLDEN = Path(__file__).parents[1] / "unit" / "controllers" / "nerdeployment" / "manifests"
FILES = [pytest.param(file, id=file.stem) for file in sorted(GOLDEN.glob("*.yaml"))]
assert FILES, f"no manifests in {GOLDEN}"


def job_of(file: Path, namespace: str) -> dict[str, Any]:
    job: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    job["metadata"]["namespace"] = namespace
    return job


@pytest.mark.parametrize("file", FILES)
def test_the_server_accepts_the_job(running_cluster: Any, namespace: str, file: Path) -> None:
    job = job_of(file, namespace)
    stored = client.BatchV1Api(running_cluster.api).create_namespaced_job(
        namespace, job, dry_run="All", field_validation="Strict"
    )
    kept = client.ApiClient().sanitize_for_serialization(stored)
    assert kept["spec"]["podFailurePolicy"]["rules"][1]["onExitCodes"]["values"][-1] == 143
    assert kept["metadata"]["annotations"].items() >= job["metadata"]["annotations"].items()


@pytest.mark.parametrize("file", FILES)
def test_its_pod_is_restricted_enough(running_cluster: Any, namespace: str, file: Path) -> None:
    template = job_of(file, namespace)["spec"]["template"]
    # The cluster does not have these objects, and they are not tested here.
    spec = {
        name: value
        for name, value in template["spec"].items()
        if name not in ("serviceAccountName", "priorityClassName", "runtimeClassName")
    }
    pod = {"metadata": {**template["metadata"], "generateName": "stage-"}, "spec": spec}
    stored = client.CoreV1Api(running_cluster.api).create_namespaced_pod(
        namespace, pod, dry_run="All", field_validation="Strict"
    )
    assert not [volume.name for volume in stored.spec.volumes if volume.name.startswith("kube-api-access")]
