"""Every example for a cluster is accepted by a real API server, and applied again it changes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ner_operator.api.yaml import read_documents

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "cluster"
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
