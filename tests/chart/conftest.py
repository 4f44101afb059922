"""The chart, rendered by helm itself; and a cluster for what is asked of a release.

That cluster is these tests' own: others rely on CRDs being there, and here they
come and go. The operator's pod is a fake one that turns ready.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from testbed import control_plane as planes
from testbed.control_plane import ControlPlane
from testbed.fake_nodes import add_fake_nodes, start_kwok
from testbed.helm import NAMESPACE, RELEASE, Helm
from testbed.programs import CONTROL_PLANE, ProgramMissingError, find_program

WAIT = ("--wait", "--timeout=5m")
PATIENCE = 360.0
"""Seconds for one command; it takes a few on a machine that does nothing else."""

Values = Mapping[str, Any]


@pytest.fixture(scope="session")
def chart(require: Callable[[bool, str], None], tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """helm on the chart, and no cluster."""
    try:
        find_program("helm")
    except ProgramMissingError as error:
        require(False, str(error))
    return Helm(tmp_path_factory.mktemp("helm"), Path(os.devnull))


@pytest.fixture(scope="session")
def plane(
    require: Callable[[bool, str], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ControlPlane]:
    try:
        for name in (*CONTROL_PLANE, "kubectl", "kwok"):
            find_program(name)
    except ProgramMissingError as error:
        require(False, str(error))
    with planes.control_plane(tmp_path_factory.mktemp("release") / "state") as running:
        start_kwok(running)
        add_fake_nodes(running, count=1)
        yield running


@dataclass(frozen=True)
class Releases:
    """helm against the cluster; every test begins without a release and without CRDs."""

    plane: ControlPlane
    helm: Helm

    def run(self, *arguments: str) -> str:
        return self.helm.run(*arguments, f"--namespace={NAMESPACE}", seconds=PATIENCE)

    def install(self, *arguments: str, name: str = RELEASE, values: Values | None = None) -> str:
        chart, chosen = str(self.helm.chart), self.helm.values_file(values or {})
        return self.run("install", name, chart, "--create-namespace", *WAIT, chosen, *arguments)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.plane.kubectl(*arguments, stdin=stdin, seconds=PATIENCE)

    def get(self, *arguments: str) -> Any:
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def crds(self) -> dict[str, Any]:
        return {each["metadata"]["name"]: each for each in self.get("crd")["items"]}

    def wipe(self) -> None:
        for each in json.loads(self.run("list", "--output=json")):
            self.run("uninstall", each["name"], "--wait")
        self.kubectl("delete", "crd", "--all", "--wait=true", "--ignore-not-found")


@pytest.fixture
def releases(plane: ControlPlane, chart: Helm) -> Iterator[Releases]:
    found = Releases(plane, replace(chart, kubeconfig=plane.kubeconfig))
    yield found
    plane.check()
    found.wipe()


EVERYTHING: Values = {
    "imagePullSecrets": [{"name": "registry"}],
    "image": {"digest": f"sha256:{'0' * 64}"},
    "jobs": {
        "image": {"tag": "1.2.3", "pullPolicy": "Always"},
        "imagePullSecrets": ["registry", "mirror"],
        "serviceAccounts": ["trainer", "trainer-gpu"],
    },
    "logLevel": "debug",
    "serviceAccount": {"annotations": {"example.com/identity": "operator"}},
    "priorityClassName": "platform",
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "platform", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {"nodeAffinity": {}},
    "podLabels": {"team": "platform"},
    "podAnnotations": {"example.com/note": "yes"},
    "metrics": {
        "port": 9090,
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {
            "enabled": True,
            "labels": {"release": "prometheus"},
            "runbookUrl": "https://example.com/a",
        },
        "dashboard": {"enabled": True},
    },
    "networkPolicy": {
        "enabled": True,
        "metricsFrom": [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
        ],
    },
    "garbageCollection": {
        "delete": True,
        "gracePeriod": "30d",
        "serviceAccount": {"annotations": {"example.com/identity": "collector"}},
        "stores": [
            {
                "name": "peoples-daily",
                "storage": {
                    "uri": "s3://ner/peoples-daily",
                    "endpointUrl": "http://minio.storage:9000",
                    "serverSideEncryption": {"algorithm": "aws:kms", "kmsKeyId": "a-key"},
                },
                "credentialsSecret": "s3-credentials",
                "caConfigMap": "store-authority",
            },
            {
                "name": "old",
                "storage": {"uri": "s3://ner/old", "region": "eu-central-1"},
                "allowEmpty": True,
            },
        ],
    },
    "deviceEmulator": {
        "enabled": True,
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"operator": "Exists"}],
    },
}
"""Values that turn everything on that can be."""

NAMESPACED: Values = {"watch": {"namespaces": ["nlp", "search"]}}


@pytest.fixture(scope="session")
def everything() -> Values:
    return EVERYTHING


@pytest.fixture(scope="session")
def namespaced() -> Values:
    return NAMESPACED
