"""A release on a real API server: installed, upgraded from an older CRD, rolled back, removed, put back."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.waiting import until

DEPLOYMENT = {
    "apiVersion": "nerd.dev/v1alpha1",
    "kind": "NerDeployment",
    "metadata": {"name": "precious", "namespace": "default"},
    "spec": {
        "model": {"base": "s3://models/m"},
        "data": {"test": {"uri": "s3://data/test.txt"}},
        "variants": [
            {"name": "reference", "runtime": "cpu-openvino", "precision": "fp32", "reference": True}
        ],
        "storage": {"uri": "s3://ner/precious"},
    },
}


@pytest.fixture
def older(releases: Any, tmp_path: Path) -> Any:
    """The chart of an older version: its NerDeployment knew no benchmark."""
    folder = tmp_path / "older"
    shutil.copytree(releases.helm.chart, folder)
    about = folder / "Chart.yaml"
    about.write_text(about.read_text().replace("\nversion: ", "\nversion: 0.0.1+before."))
    file = folder / "files" / "crds" / "nerd.dev_nerdeployments.yaml"
    definition = yaml.safe_load(file.read_text())
    fields(definition)["spec"]["properties"].pop("benchmark")
    file.write_text(yaml.safe_dump(definition, sort_keys=False))
    return replace(releases, helm=replace(releases.helm, chart=folder))


def fields(definition: Any) -> Any:
    (version,) = definition["spec"]["versions"]
    return version["schema"]["openAPIV3Schema"]["properties"]


def knows_benchmark(definition: Any) -> bool:
    return "benchmark" in fields(definition)["spec"]["properties"]


def apply_precious(releases: Any) -> str:
    """A NerDeployment of somebody's; returns its UID."""
    releases.plane.wait_for_crds("crd/nerdeployments.nerd.dev")
    releases.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(DEPLOYMENT))
    return uid_of_precious(releases)


def uid_of_precious(releases: Any) -> str:
    return str(releases.get("nerdeployment", "precious", "--namespace=default")["metadata"]["uid"])


def test_an_installation_is_ready_and_serves_our_kinds(releases: Any) -> None:
    said = releases.install()
    assert "STATUS: deployed" in said
    deployment = releases.get("deployment", "nerd-nerd-operator", "--namespace=nerd-system")
    assert deployment["status"]["readyReplicas"] == 1
    assert set(releases.crds()) == {"nerdeployments.nerd.dev", "nerruntimes.nerd.dev"}
    assert apply_precious(releases)


def test_an_upgrade_upgrades_the_crds_and_a_rollback_takes_them_back(releases: Any, older: Any) -> None:
    older.install()
    assert not knows_benchmark(releases.crds()["nerdeployments.nerd.dev"])
    precious = apply_precious(releases)
    releases.run("upgrade", "nerd", str(releases.helm.chart), "--wait")
    assert knows_benchmark(releases.crds()["nerdeployments.nerd.dev"])
    releases.run("rollback", "nerd", "1", "--wait")
    assert not knows_benchmark(releases.crds()["nerdeployments.nerd.dev"])
    assert uid_of_precious(releases) == precious, "no step has made anybody's object anew"


def test_an_uninstallation_keeps_peoples_objects_and_the_next_takes_them_over(releases: Any) -> None:
    releases.install()
    precious = apply_precious(releases)
    said = releases.run("uninstall", "nerd", "--wait")
    assert "kept due to the resource policy" in said
    assert set(releases.crds()) == {"nerdeployments.nerd.dev", "nerruntimes.nerd.dev"}
    assert releases.get("clusterrole", "--selector=app.kubernetes.io/instance=nerd")["items"] == []
    releases.install()
    assert uid_of_precious(releases) == precious


def test_crds_that_are_not_kept_go(releases: Any) -> None:
    releases.install(values={"crds": {"keep": False}})
    releases.run("uninstall", "nerd", "--wait")
    until("the CRDs' end", lambda: releases.crds() == {})


def test_crds_that_somebody_applied_by_hand_are_taken_over_when_asked(
    releases: Any, repository: Path
) -> None:
    releases.kubectl("apply", "--server-side", "-f", str(repository / "crds"))
    precious = apply_precious(releases)
    chart = str(releases.helm.chart)
    refused = releases.helm.attempt("install", "nerd", chart, "--namespace=nerd-system", "--create-namespace")
    assert refused.returncode != 0
    assert "nerdeployments.nerd.dev" in refused.stderr
    assert "ownership" in refused.stderr
    releases.install("--take-ownership", "--force-conflicts")
    assert uid_of_precious(releases) == precious
    labels = releases.crds()["nerdeployments.nerd.dev"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/managed-by"] == "Helm"


def test_a_second_release_leaves_the_first_ones_crds_alone(releases: Any) -> None:
    for name in ("nlp", "search"):
        releases.kubectl("create", "namespace", name)
    releases.install(values={"watch": {"namespaces": ["nlp"]}})
    second = {"watch": {"namespaces": ["search"]}, "crds": {"enabled": False}, "rbac": {"aggregate": False}}
    releases.install(name="other", values=second)
    releases.run("uninstall", "other", "--wait")
    assert set(releases.crds()) == {"nerdeployments.nerd.dev", "nerruntimes.nerd.dev"}
    owner = releases.crds()["nerdeployments.nerd.dev"]["metadata"]["annotations"]
    assert owner["meta.helm.sh/release-name"] == "nerd"


@pytest.mark.parametrize("name", ["default", "everything", "namespaced"])
def test_the_server_takes_every_object_as_it_is_written(
    releases: Any, chart: Any, name: str, request: pytest.FixtureRequest
) -> None:
    """Strict validation on the server, admission included; Prometheus' kinds are not served here."""
    objects = chart.render({} if name == "default" else request.getfixturevalue(name))
    served = [each for each in objects if each["apiVersion"] != "monitoring.coreos.com/v1"]
    assert len(served) >= 8
    for namespace in {each["metadata"].get("namespace") for each in served} - {None, "default"}:
        releases.kubectl("apply", "-f", "-", stdin=json.dumps(restricted(namespace)))
    arguments = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "--warnings-as-errors")
    said = releases.kubectl(*arguments, "-f", "-", "-o", "name", stdin=yaml.safe_dump_all(served))
    assert len(said.split()) == len(served)


def restricted(namespace: str) -> dict[str, Any]:
    """A namespace under the restricted Pod Security Standard."""
    labels = {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
    }
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": namespace, "labels": {} if "emulator" in namespace else labels},
    }
