"""A release with the operator's own pod: it gets ready, and goes on where the former one stopped.

What helm does to objects alone (CRDs, ownership, a second release) is in tests/chart/test_release.py.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.cluster import RESTRICTED
from testbed.failure_notes import explain_failures
from testbed.helm import NAMESPACE, RELEASE, Helm
from testbed.real_node import RealNode
from testbed.waiting import until

PATIENCE = 360.0
"""Seconds for one command; it takes a few on a machine that does nothing else."""

CRDS = {"nerdeployments.nerd.dev", "nerruntimes.nerd.dev"}
KEPT = {
    *(f"apiextensions.k8s.io/v1 CustomResourceDefinition /{name}" for name in CRDS),
    "apiregistration.k8s.io/v1 APIService /v1alpha1.nerd.dev",
}
"""The definitions, which people's objects need, and what the server itself adds to them."""

VOLATILE = {"events", "events.events.k8s.io", "leases.coordination.k8s.io"}
"""Kinds that come and go whatever helm does."""

NERDEPLOYMENT = "nerdeployments.nerd.dev"

Json = dict[str, Any]


@dataclass(frozen=True)
class Release:
    """The release `nerd` on the real node, and somebody's NerDeployment beside it."""

    node: RealNode
    helm: Helm
    namespace: str

    def deploy(self, chart: Path | None = None) -> None:
        """Install the chart, or upgrade to it, and wait until the operator's pod is available."""
        replace(self.helm, chart=chart or self.helm.chart).install(NAMESPACE, {})

    def run(self, *arguments: str) -> str:
        return self.helm.run(*arguments, f"--namespace={NAMESPACE}", seconds=PATIENCE)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.node.plane.kubectl(*arguments, stdin=stdin, seconds=PATIENCE)

    def pods(self) -> list[Any]:
        items: list[Any] = self.node.plane.core.list_namespaced_pod(NAMESPACE).items
        return items

    def operator(self) -> Any:
        """The operator's only pod, which is ready and has not been started twice."""
        [pod] = self.pods()
        [container] = pod.status.container_statuses
        assert (container.ready, container.restart_count) == (True, 0)
        return pod

    def apply(self, epochs: int) -> None:
        """Somebody's NerDeployment, with nothing to run for now."""
        data = {"train": {"uri": "s3://data/train.txt"}, "test": {"uri": "s3://data/test.txt"}}
        variant = {"name": "reference", "runtime": "cpu-openvino", "precision": "fp32", "reference": True}
        spec = {
            "suspend": True,
            "model": {"base": "s3://models/m"},
            "data": data,
            "finetune": {"epochs": epochs},
            "variants": [variant],
            "storage": {"uri": "s3://ner/precious"},
        }
        named = {"name": "precious", "namespace": self.namespace}
        kind = {"apiVersion": "nerd.dev/v1alpha1", "kind": "NerDeployment"}
        self.node.plane.apply([{**kind, "metadata": named, "spec": spec}])

    def precious(self) -> Json:
        asked = ("get", "nerdeployment", "precious", "--namespace", self.namespace, "--output=json")
        found: Json = json.loads(self.kubectl(*asked))
        return found

    def theirs(self) -> str:
        """The NerDeployment, as `everything` names it."""
        return f"nerd.dev/v1alpha1 NerDeployment {self.namespace}/precious"

    def obeyed(self, epochs: int) -> str:
        """Change the NerDeployment, wait until the operator has planned it, and return its UID."""
        self.apply(epochs)

        def planned() -> bool:
            deployment = self.precious()
            status = deployment.get("status", {})
            shown = status.get("resolved", {}).get("finetune", {}).get("epochs")
            return (status.get("observedGeneration"), shown) == (deployment["metadata"]["generation"], epochs)

        until(f"the operator to plan {epochs} epochs", planned)
        return str(self.precious()["metadata"]["uid"])

    def knows_benchmark(self) -> bool:
        """Whether the CRD on the server is the present one."""
        [version] = json.loads(self.kubectl("get", "crd", NERDEPLOYMENT, "--output=json"))["spec"]["versions"]
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        return "benchmark" in spec["properties"]

    def everything(self) -> set[str]:
        """The names of all objects of the cluster, but for those that come and go by themselves."""
        kinds = self.kubectl("api-resources", "--verbs=list", "--output=name").split()
        listed = ",".join(kind for kind in kinds if kind not in VOLATILE)
        named = '{range .items[*]}{.apiVersion} {.kind} {.metadata.namespace}/{.metadata.name}{"\\n"}{end}'
        return set(self.kubectl("get", listed, "--all-namespaces", f"--output=jsonpath={named}").splitlines())


@pytest.fixture
def release(node: RealNode, helm: Helm, operator_image: str, namespace: str) -> Iterator[Release]:
    made = Release(node, helm, namespace)
    # A namespace of the platform team's, which outlives every release in it.
    owned = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": RESTRICTED}}
    node.plane.apply([owned])
    until("its service account", lambda: node.plane.core.list_namespaced_service_account(NAMESPACE).items)
    yield made
    if json.loads(made.run("list", "--output=json")):
        made.run("uninstall", RELEASE, "--wait")
    made.kubectl("delete", "crd", *CRDS, "--ignore-not-found")
    made.kubectl("delete", "namespace", NAMESPACE)


@pytest.fixture
def older(helm: Helm, tmp_path: Path) -> Path:
    """The chart of an older version: its NerDeployment knew no benchmark."""
    folder = tmp_path / "older"
    shutil.copytree(helm.chart, folder)
    about = folder / "Chart.yaml"
    about.write_text(about.read_text().replace("\nversion: ", "\nversion: 0.0.1+before."))
    file = folder / "files" / "crds" / "nerd.dev_nerdeployments.yaml"
    definition = yaml.safe_load(file.read_text())
    [version] = definition["spec"]["versions"]
    del version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["benchmark"]
    file.write_text(yaml.safe_dump(definition, sort_keys=False))
    return folder


@pytest.mark.timeout(1800)
def test_a_nerdeployment_is_served_through_every_release(release: Release, older: Path) -> None:
    with explain_failures(release.node.plane, NAMESPACE, release.namespace):
        before = release.everything()

        release.deploy(older)
        first = release.operator()
        uid = release.obeyed(epochs=1)
        assert not release.knows_benchmark()

        release.deploy()
        assert release.knows_benchmark()
        assert release.operator().metadata.labels["helm.sh/chart"] != first.metadata.labels["helm.sh/chart"]
        assert release.obeyed(epochs=2) == uid
        passes_helm_test(release)

        release.run("rollback", RELEASE, "1", "--wait")
        assert not release.knows_benchmark()
        assert release.obeyed(epochs=3) == uid

        release.run("uninstall", RELEASE, "--wait")
        kept = KEPT | {release.theirs()}
        # Pods and what controllers made for them go some moments after their owners.
        until("the end of what belonged to it", lambda: len(release.everything() - before) <= len(kept))
        assert release.everything() - before == kept
        assert release.precious()["metadata"]["uid"] == uid

        release.deploy()
        assert release.obeyed(epochs=4) == uid
        passes_helm_test(release)


def passes_helm_test(release: Release) -> None:
    release.node.assign_service_address(NAMESPACE, "nerd-nerd-operator-metrics")
    said = release.run("test", RELEASE, "--timeout=4m")
    assert "Phase:          Succeeded" in said, said
    assert {pod.metadata.name for pod in release.pods()} == {release.operator().metadata.name}
