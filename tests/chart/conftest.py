"""The chart, rendered by helm itself; and a cluster for what is asked of a release.

That cluster is these tests' own: others rely on CRDs being there, and here they
come and go. The operator's pod is a fake one that turns ready.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed import control_plane as planes
from testbed.control_plane import ControlPlane
from testbed.fake_nodes import add_fake_nodes, start_kwok
from testbed.programs import CONTROL_PLANE, ProgramMissingError, find_program

NAMESPACE = "nerd-system"
WAIT = ("--wait", "--timeout=5m")

Object = dict[str, Any]
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Chart:
    """A chart and the helm that reads it.

    Attributes:
        folder: of the chart.
        home: where helm keeps what it keeps.
    """

    helm: Path
    folder: Path
    home: Path

    def run(self, *arguments: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        """helm, with nothing of this machine's own settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HELM_")}
        homes = {f"HELM_{kind}_HOME": str(self.home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        return subprocess.run(
            [str(self.helm), *arguments],
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**kept, **homes, "KUBECONFIG": os.devnull},
        )

    def with_values(self, values: Values) -> str:
        """Arguments that say these values: a file, since `--set` guesses types."""
        self.home.mkdir(parents=True, exist_ok=True)
        file = self.home / f"values-{len(list(self.home.glob('values-*')))}.yaml"
        file.write_text(json.dumps(values))
        return f"--values={file}"

    def render(self, values: Values | None = None, *arguments: str) -> list[Object]:
        """All objects but the CRDs, as `helm install` would make them."""
        done = self.run(
            "template",
            "nerd",
            str(self.folder),
            "--namespace=nerd-system",
            self.with_values(values or {}),
            *arguments,
        )
        assert done.returncode == 0, done.stderr
        objects = [each for each in yaml.safe_load_all(done.stdout) if each]
        return [each for each in objects if each["kind"] != "CustomResourceDefinition"]

    def refusal(self, values: Values) -> str:
        """What helm says of values that it refuses."""
        done = self.run("template", "nerd", str(self.folder), self.with_values(values))
        assert done.returncode != 0, "these values are taken"
        return done.stderr


@pytest.fixture(scope="session")
def helm(require: Callable[[bool, str], None]) -> Path:
    try:
        return find_program("helm")
    except ProgramMissingError as error:
        require(False, str(error))
        raise


@pytest.fixture(scope="session")
def chart(helm: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Chart:
    return Chart(helm, repository / "charts" / "nerd-operator", tmp_path_factory.mktemp("helm"))


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
    chart: Chart

    def helm(self, *arguments: str) -> str:
        done = self.attempt(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.chart.run(*arguments, f"--kubeconfig={self.plane.kubeconfig}", f"--namespace={NAMESPACE}")

    def install(self, *arguments: str, name: str = "nerd", values: Values | None = None) -> str:
        chosen = self.chart.with_values(values or {})
        return self.helm(
            "install", name, str(self.chart.folder), "--create-namespace", *WAIT, chosen, *arguments
        )

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.plane.kubectl(*arguments, stdin=stdin, seconds=120)

    def get(self, *arguments: str) -> Any:
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def crds(self) -> dict[str, Any]:
        return {each["metadata"]["name"]: each for each in self.get("crd")["items"]}

    def wipe(self) -> None:
        for name in json.loads(self.helm("list", "--output=json")):
            self.helm("uninstall", name["name"], "--wait")
        self.kubectl("delete", "crd", "--all", "--wait=true", "--ignore-not-found")


@pytest.fixture
def releases(plane: ControlPlane, chart: Chart) -> Iterator[Releases]:
    found = Releases(plane, chart)
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
            {"name": "old", "storage": {"uri": "s3://ner/old", "region": "eu-central-1"}, "emptied": True},
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
