"""helm, with nothing of this machine's own settings."""

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
"""What the release is called, and where it is rendered for."""


@dataclass(frozen=True)
class Helm:
    """helm on the product's chart, against one cluster.

    Attributes:
        home: where helm keeps what it keeps.
        kubeconfig: of the cluster.
    """

    home: Path
    kubeconfig: Path
    chart: Path = REPOSITORY / "charts" / "nerd-operator"

    def attempt(self, *arguments: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        """helm, whatever becomes of it."""
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
        """Standard output of helm; fails where helm does, with what it said."""
        done = self.attempt(*arguments, seconds=seconds)
        assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def render(self, values: Mapping[str, Any], *templates: str) -> list[dict[str, Any]]:
        """The objects of some templates, such as templates/crds.yaml; of all where none is named."""
        shown = [f"--show-only={template}" for template in templates]
        chart = (RELEASE, str(self.chart), f"--namespace={NAMESPACE}")
        said = self.run("template", *chart, self.given(values), *shown)
        return [each for each in yaml.safe_load_all(said) if each]

    def install(self, namespace: str, values: Mapping[str, Any]) -> None:
        """Install the chart as the release `nerd` in a namespace that it makes, and wait for it."""
        self.run(
            *("upgrade", "--install", RELEASE, str(self.chart), "--wait", "--timeout=5m"),
            *("--namespace", namespace, "--create-namespace", self.given(values)),
            seconds=360,
        )

    def uninstall(self, namespace: str) -> None:
        """Remove the release, and wait until it is gone."""
        self.run("uninstall", RELEASE, "--namespace", namespace, "--wait", seconds=360)

    def given(self, values: Mapping[str, Any]) -> str:
        """The argument that says these values."""
        # A file, since `--set` guesses types.
        self.home.mkdir(parents=True, exist_ok=True)
        file = self.home / f"values-{len(list(self.home.glob('values-*')))}.yaml"
        file.write_text(json.dumps(values))
        return f"--values={file}"
