"""Every example for a cluster is accepted by a real API server, and applied again it changes nothing."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ner_operator.schema.yaml import read_documents
from testbed.flux import CRDS
from testbed.programs import find_program

REPOSITORY = Path(__file__).resolve().parents[3]
EXAMPLES = REPOSITORY / "examples" / "cluster"
FILES = sorted(EXAMPLES.glob("*.yaml"))


def objects(file: Path, namespace: str) -> list[dict[str, Any]]:
    """The file's objects, those with a namespace in one of the test's own."""
    found: list[Any] = [document.value for document in read_documents(file.read_text(encoding="utf-8"))]
    for each in found:
        if "namespace" in each["metadata"]:
            each["metadata"]["namespace"] = namespace
    return found


def test_there_are_examples() -> None:
    assert {file.stem for file in FILES} >= {"quickstart", "emulated-accelerator", "production"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_applied_twice_nothing_changes(cluster: Any, namespace: str, file: Path) -> None:
    running, wanted = cluster.running, objects(file, namespace)

    def stored() -> list[dict[str, Any]]:
        names = [f"{each['kind'].lower()}/{each['metadata']['name']}" for each in wanted]
        listed = running.kubectl(
            "--namespace", namespace, "get", *names, "--output=json", "--show-managed-fields"
        )
        found = json.loads(listed)
        return list(found["items"]) if found["kind"] == "List" else [found]

    running.apply(wanted)
    first = stored()
    assert [each["spec"] for each in first] == [each["spec"] for each in wanted], "no default is written"
    running.apply(wanted)
    # Until the operator writes the status, the server stores its default with the second write.
    assert [without_version(each) for each in stored()] == [without_version(each) for each in first]
    written = json.dumps({"status": {"observedGeneration": 1}})
    for each in wanted:
        if each["kind"] == "NerDeployment":
            name = f"nerdeployment/{each['metadata']['name']}"
            running.kubectl(
                "--namespace", namespace, "patch", name, "--subresource=status", "--type=merge", "-p", written
            )
    observed = stored()
    running.apply(wanted)
    assert stored() == observed
    running.kubectl("diff", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(wanted))


def without_version(stored: dict[str, Any]) -> dict[str, Any]:
    metadata = {name: value for name, value in stored["metadata"].items() if name != "resourceVersion"}
    return {**stored, "metadata": metadata}


def documented(fence: str, word: str) -> str:
    """The block of docs/gitops.md in this language that holds this word."""
    page = (REPOSITORY / "docs" / "gitops.md").read_text(encoding="utf-8")
    (block,) = [text for text in re.findall(rf"^```{fence}\n(.*?)^```", page, re.M | re.S) if word in text]
    return str(block)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            (REPOSITORY / "examples/gitops/flux.yaml").read_text(encoding="utf-8"), id="the example"
        ),
        pytest.param(documented("yml", "Kustomization"), id="the page"),
    ],
)
def test_what_flux_is_told_is_valid(
    cluster: Any, namespace: str, require: Callable[[bool, str], None], text: str
) -> None:
    require(CRDS.is_file(), f"needs Flux's CRDs, {CRDS}")
    cluster.running.apply_crds(CRDS)
    wanted = text.replace("namespace: flux-system", f"namespace: {namespace}")
    cluster.running.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=wanted)


def test_the_command_that_gives_argo_cd_its_health_script(cluster: Any, namespace: str) -> None:
    running = cluster.running
    running.apply(
        [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "argocd-cm", "namespace": namespace},
                "data": {"url": "x"},
            }
        ]
    )
    line = documented("console", "argocd-cm").removeprefix("$ ").replace("-n argocd", f"-n {namespace}")
    kubectl = str(find_program("kubectl").parent)
    environment = {
        **os.environ,
        "KUBECONFIG": str(running.kubeconfig),
        "PATH": f"{kubectl}:{os.environ['PATH']}",
    }
    subprocess.run(["bash", "-euo", "pipefail", "-c", line], cwd=REPOSITORY, env=environment, check=True)
    stored = json.loads(running.kubectl("-n", namespace, "get", "configmap", "argocd-cm", "-o", "json"))
    script = (REPOSITORY / "gitops/argocd/health.lua").read_text(encoding="utf-8")
    assert stored["data"] == {"url": "x", "resource.customizations.health.nerd.dev_NerDeployment": script}
