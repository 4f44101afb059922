"""Deployments as a server would give them, written in a few words."""

from collections.abc import Callable
from typing import Any

import pytest

from ner_operator.api.v1alpha1.status import StageStatus
from ner_operator.cli.cluster.deployed import Deployed, deployed

Make = Callable[..., Deployed]


@pytest.fixture
def make() -> Make:
    """A deployment with this status, spec fields and annotations."""

    def a_deployment(
        status: dict[str, Any] | None = None,
        spec: dict[str, Any] | None = None,
        annotations: dict[str, str] | None = None,
        generation: int = 1,
    ) -> Deployed:
        return deployed(
            {
                "metadata": {
                    "name": "tiny",
                    "namespace": "nlp",
                    "uid": "u-1",
                    "resourceVersion": "7",
                    "generation": generation,
                    "creationTimestamp": "2026-01-02T03:04:05Z",
                    "annotations": annotations or {},
                },
                "spec": {
                    "variants": [{"name": "fp32"}, {"name": "int8"}],
                    "storage": {"uri": "s3://ner/tiny"},
                    **(spec or {}),
                },
                "status": {"observedGeneration": generation, **(status or {})},
            }
        )

    return a_deployment


@pytest.fixture
def stage() -> Callable[..., StageStatus]:
    """A stage as the status has it; fields as on the wire."""

    def a_stage(name: str, state: str = "Waiting", **fields: Any) -> StageStatus:
        return StageStatus.model_validate({"name": name, "state": state, **fields})

    return a_stage


@pytest.fixture
def ready() -> Callable[..., dict[str, Any]]:
    """A status with a Ready condition of this reason."""

    def a_status(reason: str, status: str = "False", message: str = "why", **fields: Any) -> dict[str, Any]:
        condition = {
            "type": "Ready",
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": "2026-01-02T03:04:05Z",
            "observedGeneration": 1,
        }
        return {"conditions": [condition], **fields}

    return a_status
