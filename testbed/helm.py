"""helm, without this machine's helm settings."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from testbed.programs import find_program

REPOSITORY = Path(__file__).resolve().parent.parent

RELEASE, NAMESPACE = "nerd", "nerd-system"
"""Name and namespace of the release."""


@dataclass(frozen=True)
class Helm:
    """helm with the product's chart, for one cluster.

    Attributes:
        home: folder for helm's own files.
        kubeconfig: of the cluster.
    """

    home: Path
    kubeconfig: Path
    chart: Path = REPOSITORY / "charts" / "nerd-operator"

    def attempt(self, *arguments: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        """Run helm and return its result, an error included."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HELM_")}
        homes = {f"HELM_{kind}_HOME": str(self.home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        return subprocess.run(
            [str(find_program("helm")), *arguments],
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**kept, **homes, "KUBECONFIG": str(self.kubeconfig)},
        )

    def run(self, *arguments: str, seconds: float = 300) -> str:
        """Run helm and return its standard output; fail with its standard error."""
        done = self.attempt(*arguments, seconds=seconds)
        assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def render(self, values: Mapping[str, Any], *templates: str) -> list[dict[str, Any]]:
        """The objects of these templates, such as templates/crds.yaml; without any, of all templates."""
        shown = [f"--show-only={template}" for template in templates]
        chart = (RELEASE, str(self.chart), f"--namespace={NAMESPACE}")
        output = self.run("template", *chart, self.values_file(values), *shown)
        return [each for each in yaml.safe_load_all(output) if each]

    def install(self, namespace: str, values: Mapping[str, Any]) -> None:
        """Install the chart as the release `nerd` in a new namespace, and wait until it is ready."""
        self.run(
            *("upgrade", "--install", RELEASE, str(self.chart), "--wait", "--timeout=5m"),
            *("--namespace", namespace, "--create-namespace", self.values_file(values)),
            seconds=360,
        )

    def uninstall(self, namespace: str) -> None:
        """Uninstall the release and wait until it is gone."""
        self.run("uninstall", RELEASE, "--namespace", namespace, "--wait", seconds=360)

    def values_file(self, values: Mapping[str, Any]) -> str:
        """The argument `--values` of a file with these values."""
        # A file, since `--set` guesses types.
        self.home.mkdir(parents=True, exist_ok=True)
        file = self.home / f"values-{len(list(self.home.glob('values-*')))}.yaml"
        file.write_text(json.dumps(values))
        return f"--values={file}"
