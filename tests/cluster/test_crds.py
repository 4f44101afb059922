"""The API server takes our CRDs, and they do what users of kubectl expect."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from kubernetes import client
from pydantic import Field, create_model

from ner_operator.api.base import ApiModel
from ner_operator.api.kind import Column, Kind, KindVersion
from ner_operator.api.meta import KubernetesObject
from ner_operator.schema.crd import definition
from testbed.cluster import Cluster

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


class CartSpec(ApiModel):
    """What a cart carries."""

    load: int = Field(ge=0)
    """Kilograms on the cart."""


def test_a_kind_in_two_versions_is_served_in_both_and_stored_in_one(running_cluster: Cluster) -> None:
    stored, newer = (
        create_model(
            "Cart",
            __base__=KubernetesObject,
            api_version=(Literal[f"nerd.dev/{version}"], ...),
            kind=(Literal["Cart"], ...),
            spec=(CartSpec, ...),
        )
        for version in ("v1alpha1", "v1beta1")
    )
    load = (Column("Load", "integer", ".spec.load", "Kilograms."),)
    carts = Kind(
        "carts",
        "cart",
        "Cluster",
        versions=(
            KindVersion("v1alpha1", stored, columns=()),
            KindVersion("v1beta1", newer, columns=load, storage=False),
        ),
    )
    running_cluster.apply([definition(carts)])
    try:
        running_cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd/carts.nerd.dev")
        cart = {"apiVersion": "nerd.dev/v1alpha1", "kind": "Cart", "metadata": {"name": "first"}}
        running_cluster.apply([{**cart, "spec": {"load": 3}}])
        shown = running_cluster.kubectl("get", "carts.v1alpha1.nerd.dev", "first", "-o", "json")
        assert json.loads(shown)["spec"] == {"load": 3}
        newer_shown = running_cluster.kubectl("get", "carts.v1beta1.nerd.dev", "first", "-o", "json")
        assert json.loads(newer_shown) == {**json.loads(shown), "apiVersion": "nerd.dev/v1beta1"}
        assert "LOAD" in running_cluster.kubectl("get", "carts.v1beta1.nerd.dev")
        crd = json.loads(running_cluster.kubectl("get", "crd", "carts.nerd.dev", "-o", "json"))
        assert crd["spec"]["conversion"] == {"strategy": "None"}
        assert crd["status"]["storedVersions"] == ["v1alpha1"]
    finally:
        running_cluster.kubectl("delete", "crd", "carts.nerd.dev")


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from fields(field, f"{path}.{name}")
        yield from fields(field.get("items", {}), f"{path}.{name}[]")
