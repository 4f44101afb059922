"""The API server takes our CRDs, and they do what users of kubectl expect."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

SPEC = {
    "model": {"base": "m"},
    "data": {"test": {"uri": "test.txt"}},
    "variants": [{"name": "reference", "runtime": "cpu-openvino", "precision": "fp32", "reference": True}],
    "storage": {"uri": "runs"},
}


@pytest.fixture(scope="module")
def deployed(cluster: Any) -> dict[str, Any]:
    """A NerDeployment that is really there, as the server answers."""
    value = {"apiVersion": "nerd.dev/v1alpha1", "kind": "NerDeployment", "metadata": {"name": "small"}}
    return dict(cluster.create({**value, "spec": SPEC}, dry_run=False))


def test_the_server_names_both_kinds(cluster: Any) -> None:
    listed = cluster.kubectl("api-resources", "--api-group=nerd.dev", "--no-headers")
    assert re.search(r"nerdeployments\s+nerd\s+nerd.dev/v1alpha1\s+true\s+NerDeployment", listed)
    assert re.search(r"nerruntimes\s+nrt\s+nerd.dev/v1alpha1\s+false\s+NerRuntime", listed)


def test_status_begins_as_not_yet_observed(deployed: dict[str, Any]) -> None:
    assert deployed["status"] == {"observedGeneration": -1}


def test_the_server_writes_nothing_into_the_spec(deployed: dict[str, Any]) -> None:
    assert deployed["spec"] == SPEC


def test_the_columns_tell_the_story(cluster: Any, deployed: dict[str, Any]) -> None:
    objects = client.CustomObjectsApi(cluster.api)
    status = {
        "observedGeneration": 1,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Promoted",
                "message": "int8 is in service",
                "lastTransitionTime": "2026-01-02T03:04:05Z",
                "observedGeneration": 1,
            }
        ],
        "resolved": {"anything": {"the": ["operator", 1]}},
        "revision": "5f2a77c0",
        "variant": "int8",
        "f1": 0.8853,
        "drop": 0.04,
    }
    place = ("nerd.dev", "v1alpha1", cluster.namespace, "nerdeployments", "small")
    stored = objects.patch_namespaced_custom_object_status(*place, {"status": status})
    assert stored["status"] == status
    header, row = cluster.kubectl("get", "nerd", "small").splitlines()
    assert header.split() == ["NAME", "READY", "REVISION", "VARIANT", "F1", "DROP", "AGE"]
    assert row.split()[:6] == ["small", "True", "5f2a77c0", "int8", "0.8853", "0.04"]


def test_a_status_write_changes_no_spec(cluster: Any, deployed: dict[str, Any]) -> None:
    objects = client.CustomObjectsApi(cluster.api)
    place = ("nerd.dev", "v1alpha1", cluster.namespace, "nerdeployments", "small")
    changed = objects.patch_namespaced_custom_object_status(
        *place, {"spec": {"storage": {"uri": "elsewhere"}}}
    )
    assert changed["spec"] == SPEC
    assert changed["metadata"]["generation"] == 1


def test_explain_teaches_a_field(cluster: Any) -> None:
    explained = cluster.kubectl("explain", "nerdeployment.spec.finetune.learningRate")
    assert "Peak learning rate" in explained
    assert "Default: 0.0002" in explained


def test_every_field_has_a_description(repository: Path) -> None:
    silent = [
        f"{file.name}{path}"
        for file in sorted((repository / "crds").glob("*.yaml"))
        for version in yaml.safe_load(file.read_text())["spec"]["versions"]
        for path, schema in fields(version["schema"]["openAPIV3Schema"])
        if path != ".metadata" and len(schema.get("description", "")) < 10
    ]
    assert silent == []


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from fields(field, f"{path}.{name}")
        yield from fields(field.get("items", {}), f"{path}.{name}[]")
