"""Flux's own controller applies a NerDeployment, waits for its model, and reports why there is none."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ner_operator.cli.cluster import requests
from ner_operator.cli.cluster.deployed import read_one
from ner_operator.cli.cluster.kubectl import Kubectl
from testbed.flux import CRDS, Flux, flux
from testbed.outcomes import never_starts, succeeds

MANIFEST: dict[str, Any] = {
    "apiVersion": "nerd.dev/v1alpha1",
    "kind": "NerDeployment",
    "metadata": {"name": "tiny"},
    "spec": {
        "model": {"base": "s3://models/base"},
        "data": {"train": {"uri": "s3://data/train"}, "test": {"uri": "s3://data/test"}},
        "finetune": {"epochs": 3},
        "variants": [{"name": "fp32", "runtime": "cpu-openvino", "precision": "fp32", "reference": True}],
        "storage": {"uri": "s3://ner/models"},
    },
}


@pytest.fixture
def git(
    scene: Any, programs: Callable[..., None], require: Callable[[bool, str], None], tmp_path: Path
) -> Iterator[Flux]:
    programs("kustomize-controller")
    require(CRDS.is_file(), f"needs Flux's CRDs, {CRDS}")
    with flux(scene.cluster, tmp_path / "flux") as made:
        made.add_kustomization("models", targetNamespace=scene.namespace)
        yield made


def files(**finetune: Any) -> dict[str, str]:
    spec = {**MANIFEST["spec"], "finetune": finetune}
    return {"tiny.yaml": yaml.safe_dump({**MANIFEST, "spec": spec})}


def test_it_is_ready_when_the_model_is_promoted_and_never_before(scene: Any, git: Flux) -> None:
    release = scene.script(never_starts("ContainerCreating", "the test answers"), step="promote")
    revision = git.commit(files(epochs=3))
    scene.until_pod("promote")
    # All is applied, and all stages but the last have ended.
    assert git.ready("models")["status"] == "Unknown"
    release()
    scene.go_on("promote", succeeds())
    scene.until("the Kustomization", lambda: git.ready("models").get("status") == "True")
    assert scene.ready()["reason"] == "Promoted"
    assert git.status("models")["lastAppliedRevision"] == revision

    before = scene.get()["metadata"]["resourceVersion"]
    git.reconcile("models", "once-more")
    scene.until(
        "another reconcile", lambda: git.status("models").get("lastHandledReconcileAt") == "once-more"
    )
    assert scene.get()["metadata"]["resourceVersion"] == before, "the same manifest is no change"


def test_a_gate_that_refuses_fails_it_with_the_reason(scene: Any, git: Flux) -> None:
    git.commit(files(epochs=3))
    scene.until("the Kustomization", lambda: git.ready("models").get("status") == "True")
    scene.script(never_starts("ContainerCreating", "the test answers"), step="promote")
    revision = git.commit(files(epochs=9))
    scene.go_on("promote", scene.refusal("fp32: BelowMinimum, F1 is 0.8012, at least 0.85 asked"))
    scene.until("the failure", lambda: git.ready("models").get("status") == "False")
    ready = git.ready("models")
    assert ready["reason"] == "HealthCheckFailed"
    assert f"NerDeployment/{scene.namespace}/tiny" in ready["message"]
    assert git.status("models")["lastAttemptedRevision"] == revision
    assert "BelowMinimum" in scene.ready()["message"]
    assert scene.status()["variant"] == "fp32", "the former model stays"


def test_a_command_of_a_person_stays_when_the_manifest_is_applied_again(scene: Any, git: Flux) -> None:
    """Flux reverts what `kubectl` wrote by hand. It keeps what `kubectl nerd` wrote."""
    git.add_kustomization("models", targetNamespace=scene.namespace, wait=False)
    git.commit(files(epochs=3))
    scene.until("the Kustomization", lambda: git.ready("models").get("status") == "True")
    scene.until_ready()
    kubectl = Kubectl(scene.namespace, kubeconfig=str(scene.cluster.kubeconfig))
    requests.request_rerun(kubectl, "tiny", ["export"])
    requests.suspend(kubectl, read_one(kubectl, "tiny"))
    asked = scene.get()
    git.reconcile("models", "once-more")
    scene.until(
        "another reconcile", lambda: git.status("models").get("lastHandledReconcileAt") == "once-more"
    )
    now = scene.get()
    assert now["metadata"]["annotations"] == asked["metadata"]["annotations"]
    assert now["spec"] == asked["spec"]
    assert now["spec"]["suspend"] is True


def test_afterwards_the_applied_manifest_shows_no_difference(scene: Any) -> None:
    applied = {**MANIFEST, "metadata": {**MANIFEST["metadata"], "namespace": scene.namespace}}
    scene.cluster.apply([applied])
    scene.until_ready()
    scene.annotate("export=again-1", "nerd.dev/rerun")
    scene.until("another export", lambda: scene.stages()["export"]["attempt"] == 2)
    scene.until_ready()
    # It fails if there is any.
    scene.cluster.kubectl("diff", "--server-side", "-f", "-", stdin=yaml.safe_dump(applied))
