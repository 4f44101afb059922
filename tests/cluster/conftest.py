"""A real cluster for as long as the tests of this folder run: one for each worker of pytest-xdist.

`control_plane` is etcd, the API server and the controllers; `fake_cluster`
adds fake nodes with accelerators, on which pods end as a test says (testbed/).
A kubeconfig in NERD_TEST_KUBECONFIG replaces the cluster: what freezes, scripts
or audits a cluster skips then.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from testbed import control_plane as planes
from testbed.cluster import Cluster
from testbed.control_plane import ControlPlane
from testbed.fake_nodes import add_fake_nodes, start_kwok
from testbed.outcomes import install_outcomes
from testbed.programs import CONTROL_PLANE

GIVEN = "NERD_TEST_KUBECONFIG"


@pytest.fixture(scope="session")
def control_plane(
    programs: Callable[..., None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ControlPlane]:
    """A control plane of our own, without CRDs and nodes."""
    if os.environ.get(GIVEN):
        pytest.skip(f"freezes, scripts or audits a cluster of its own; unset {GIVEN}")
    programs(*CONTROL_PLANE, "kubectl")
    with planes.control_plane(tmp_path_factory.mktemp("cluster") / "state") as plane:
        yield plane


@pytest.fixture(scope="session")
def running_cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The cluster that the user gave, or one of our own."""
    if given := os.environ.get(GIVEN):
        return Cluster(Path(given), tmp_path_factory.mktemp("cluster"))
    plane: ControlPlane = request.getfixturevalue("control_plane")
    return plane


@dataclass(frozen=True)
class ClusterWithKinds:
    """A cluster that serves our kinds, and a namespace in it."""

    running: Cluster
    namespace: str

    @property
    def api(self) -> client.ApiClient:
        return self.running.api

    def kubectl(self, *arguments: str) -> str:
        return self.running.kubectl("--namespace", self.namespace, *arguments)

    def create(self, value: dict[str, Any], dry_run: bool = True) -> dict[str, Any]:
        """Create an object of our group as kubectl does: strict about unknown fields.

        Returns:
            The object as stored, or the Status that refuses it.
        """
        # Not by the kubernetes client: its layers cost several times what the server takes.
        plural = {
            "NerRuntime": "nerruntimes",
            "NerDeployment": f"namespaces/{self.namespace}/nerdeployments",
        }
        if "namespace" in value.get("metadata", {}):
            # Where it is written for is the user's; this cluster has a namespace for it.
            value = {**value, "metadata": {**value["metadata"], "namespace": self.namespace}}
        headers = {"Content-Type": "application/json"}
        self.api.update_params_for_auth(headers, [], ["BearerToken"])
        answer = self.api.rest_client.pool_manager.request(
            "POST",
            f"{self.api.configuration.host}/apis/nerd.dev/v1alpha1/{plural[value['kind']]}"
            "?fieldValidation=Strict" + ("&dryRun=All" if dry_run else ""),
            body=json.dumps(value).encode(),
            headers=headers,
        )
        stored: dict[str, Any] = json.loads(answer.data)
        assert (stored["kind"] == "Status") == (answer.status >= 400)
        return stored


@pytest.fixture(scope="session")
def cluster(running_cluster: Cluster, repository: Path) -> Iterator[ClusterWithKinds]:
    """A cluster with the CRDs of crds/."""
    running_cluster.apply_crds(repository / "crds")
    with running_cluster.namespace("kinds") as namespace:
        yield ClusterWithKinds(running_cluster, namespace)


@pytest.fixture(scope="session")
def fake_cluster(
    control_plane: ControlPlane, programs: Callable[..., None], repository: Path
) -> ControlPlane:
    """A control plane with our CRDs and fake nodes, on which pods end as a test says."""
    programs("kwok")
    control_plane.apply_crds(repository / "crds")
    start_kwok(control_plane)
    add_fake_nodes(control_plane)
    install_outcomes(control_plane)
    return control_plane


@pytest.fixture
def namespace(running_cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own, under the restricted Pod Security Standard."""
    with running_cluster.namespace() as name:
        yield name
