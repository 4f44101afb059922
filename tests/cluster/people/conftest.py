"""`kubectl nerd` as a person uses it: a process with a kubeconfig, on deployments with a written status."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

DIGEST = "5f2a77c0" * 8
KIND = "nerdeployments.nerd.dev"

SPEC: dict[str, Any] = {
    "model": {"base": "s3://models/base"},
    "data": {"train": {"uri": "s3://data/train"}, "test": {"uri": "s3://data/test"}},
    "finetune": {},
    "variants": [
        {"name": "fp32", "runtime": "cpu-openvino", "precision": "fp32", "reference": True},
        {"name": "int8", "runtime": "cpu-openvino", "precision": "int8"},
    ],
    "storage": {"uri": "s3://ner/tiny"},
}


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Person:
    """Somebody with a kubeconfig and a namespace."""

    cluster: Any
    namespace: str
    cache: Path

    def __call__(self, *arguments: str, everywhere: bool = False, environment: Any = None) -> Said:
        where = [] if everywhere else ["-n", self.namespace]
        done = subprocess.run(
            [sys.executable, "-m", "ner_operator.cli.main", *arguments, *where],
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "KUBECONFIG": str(self.cluster.kubeconfig),
                "XDG_CACHE_HOME": str(self.cache),
                "COLUMNS": "200",
                **(environment or {}),
            },
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    def kubectl(self, *arguments: str) -> str:
        return str(self.cluster.kubectl("--namespace", self.namespace, *arguments))

    def apply(self, name: str, labels: dict[str, str] | None = None, **spec: Any) -> None:
        value = {
            "apiVersion": "nerd.dev/v1alpha1",
            "kind": "NerDeployment",
            "metadata": {"name": name, "namespace": self.namespace, "labels": labels or {}},
            "spec": {**SPEC, **spec},
        }
        self.cluster.apply([value])

    def tell(self, name: str, ready: str, reason: str, message: str, **status: Any) -> None:
        """Write a status as the operator would."""
        condition = {
            "type": "Ready",
            "status": ready,
            "reason": reason,
            "message": message,
            "lastTransitionTime": "2026-01-02T03:04:05Z",
            "observedGeneration": 1,
        }
        written = {"status": {"observedGeneration": 1, "conditions": [condition], **status}}
        patch = json.dumps(written)
        self.kubectl("patch", KIND, name, "--subresource=status", "--type=merge", f"--patch={patch}")

    def read(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            self.kubectl("get", KIND, name, "--output=json", "--show-managed-fields")
        )
        return found


@pytest.fixture
def person(cluster: Any, namespace: str, tmp_path: Path) -> Person:
    return Person(cluster.running, namespace, tmp_path)


@pytest.fixture
def promoted(person: Person) -> Person:
    """`tiny` has int8 in service and another revision under way."""
    person.apply("tiny", labels={"team": "nlp"})
    person.tell(
        "tiny",
        "False",
        "StagesRunning",
        "2 of 4 stages are done",
        candidate="c" * 64,
        promotion={
            "generation": 3,
            "revision": DIGEST,
            "variant": "int8",
            "compileKey": "a" * 64,
            "f1": 0.8853,
            "drop": 0.04,
        },
        stages=[
            {
                "name": "prepare",
                "state": "Succeeded",
                "attempt": 1,
                "startTime": "2026-01-02T03:00:00Z",
                "finishTime": "2026-01-02T03:01:05Z",
            },
            {"name": "finetune", "state": "Running", "attempt": 2, "startTime": "2026-01-02T03:01:10Z"},
            {"name": "export", "state": "Waiting"},
            {"name": "compile/int8", "state": "Waiting"},
        ],
    )
    return person
