"""Jobs as files: a change of how a stage runs shows as a change of these.

`NERD_UPDATE_GOLDEN=1 python -m pytest tests/unit/controllers/nerdeployment/test_jobs.py` writes them anew.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from ner_jobs.task import InputReference, Owner, Stage, StorageSettings, Task
from ner_operator.api.v1alpha1 import NerDeployment, NerRuntimeSpec
from ner_operator.api.v1alpha1.runtime import BUILTIN_RUNTIMES
from ner_operator.controllers.nerdeployment.decision import JobOrder
from ner_operator.controllers.nerdeployment.jobs import DefaultImage, job_of
from ner_operator.controllers.stage_job import ENDS_THE_JOB

GOLDEN = Path(__file__).with_name("manifests")
UID = "4c7b5f0e-0b6c-4f0e-9b1a-6d1f6f5a7c11"
DEFAULT = DefaultImage("registry/jobs:1", "IfNotPresent", ("operator-registry",))

VA16 = {
    "backend": "openvino",
    "image": "registry/va:1.5",
    "imagePullPolicy": "Always",
    "imagePullSecrets": [{"name": "vendor-registry"}],
    "accelerator": {"resourceName": "vastaitech.com/va", "count": 2},
    "runtimeClassName": "va",
    "nodeSelector": {"accelerator": "va", "pool": "shared"},
    "tolerations": [{"key": "vastaitech.com/va", "operator": "Exists", "effect": "NoSchedule"}],
    "env": [{"name": "VACC_LOG", "value": "1"}, {"name": "OMP_NUM_THREADS", "value": "4"}],
    "resources": {"requests": {"cpu": 4, "memory": "8Gi"}, "limits": {"cpu": 4, "memory": "8Gi"}},
    "emulated": True,
}
CLAIMED = {
    "backend": "openvino",
    "accelerator": {
        "resourceName": "vastaitech.com/va",
        "resourceClaims": [{"name": "card", "resourceClaimTemplateName": "one-card"}],
    },
}
EVERYTHING = {
    "queueName": "team-a",
    "priorityClassName": "training",
    "serviceAccountName": "trainer",
    "deadlineSeconds": 86400,
    "retries": 5,
    "ttlSecondsAfterFinished": 60,
    "gracePeriodSeconds": 300,
    "scratchSize": "100Gi",
    "sharedMemorySize": "2Gi",
    "stages": {"infer": {"resources": {"limits": {"memory": "32Gi"}}, "deadlineSeconds": 3600}},
    "podTemplate": {
        "metadata": {
            "labels": {"team": "nlp", "nerd.dev/stage": "mine"},
            "annotations": {"note": "ours", "nerd.dev/key": "mine"},
        },
        "spec": {
            "nodeSelector": {"pool": "nlp"},
            "tolerations": [
                {"key": "vastaitech.com/va", "operator": "Exists", "effect": "NoSchedule"},
                {"key": "nlp", "operator": "Exists"},
            ],
            "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
            "imagePullSecrets": [{"name": "vendor-registry"}, {"name": "team-registry"}],
            "volumes": [
                {"name": "ca", "secret": {"secretName": "private-ca"}},
                {"name": "scratch", "persistentVolumeClaim": {"claimName": "fast"}},
            ],
            "containers": [
                {
                    "name": "stage",
                    "env": [
                        {"name": "VACC_LOG", "value": "7"},
                        {
                            "name": "HF_TOKEN",
                            "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}},
                        },
                    ],
                    "volumeMounts": [
                        {"name": "ca", "mountPath": "/etc/private-ca", "readOnly": True},
                        {"name": "scratch", "mountPath": "/scratch", "subPath": "small"},
                    ],
                }
            ],
        },
    },
}


def deployment(scheduling: dict[str, Any] | None = None, **storage: Any) -> NerDeployment:
    return NerDeployment.model_validate(
        {
            "apiVersion": "nerd.dev/v1alpha1",
            "kind": "NerDeployment",
            "metadata": {"name": "small", "namespace": "nlp", "uid": UID, "generation": 3},
            "spec": {
                "model": {"base": "s3://models/base"},
                "data": {"test": {"uri": "s3://data/test"}},
                "variants": [
                    {"name": "reference", "runtime": "cpu-openvino", "precision": "fp32", "reference": True}
                ],
                "storage": {"uri": "s3://ner/small", **storage},
                **({"scheduling": scheduling} if scheduling else {}),
            },
        }
    )


def order(stage: Stage, runtime: str, on_device: bool, variant: str | None = None) -> JobOrder:
    step = f"{stage.value}/{variant}" if variant else stage.value
    return JobOrder(
        name=f"{step.replace('/', '-')}-0123456789abcdef0123",
        step=step,
        attempt=2,
        task=Task(
            stage=stage,
            key="a" * 64,
            attempt="attempt-2",
            variant=variant,
            parameters={"maxLength": 256},
            inputs={"data": InputReference(stage="prepare", key="b" * 64, output="test", digest="c" * 64)},
            storage=StorageSettings(uri="s3://ner/small"),
            owner=Owner(namespace="nlp", name="small", uid=UID),
            emulated=on_device,
        ),
        runtime=runtime,
        uses_accelerator=on_device,
        spec_hash="0123456789abcdef",
    )


def runtime(written: dict[str, Any]) -> NerRuntimeSpec:
    return NerRuntimeSpec.model_validate(written)


CASES = {
    "plain": lambda: job_of(
        order(Stage.PREPARE, "cpu-openvino", False),
        deployment(),
        BUILTIN_RUNTIMES["cpu-openvino"],
        DefaultImage("registry/jobs:1"),
    ),
    "everything": lambda: job_of(
        order(Stage.INFER, "va16", True, "va-int8"),
        deployment(EVERYTHING, credentialsSecret="s3-credentials"),
        runtime(VA16),
        DEFAULT,
    ),
    "off the device": lambda: job_of(
        order(Stage.EVALUATE, "va16", False, "va-int8"), deployment(), runtime(VA16), DEFAULT
    ),
    "by claims": lambda: job_of(
        order(Stage.BENCHMARK, "claimed", True, "va-int8"), deployment(), runtime(CLAIMED), DEFAULT
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_job_is_that_of_the_file(name: str) -> None:
    text = yaml.safe_dump(CASES[name](), sort_keys=False, allow_unicode=True, width=110)
    file = GOLDEN / f"{name.replace(' ', '-')}.yaml"
    if os.environ.get("NERD_UPDATE_GOLDEN") == "1":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_nobody_makes_a_pod_less_safe(name: str) -> None:
    pod = CASES[name]()["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }


@pytest.mark.parametrize("name", CASES)
def test_the_task_in_the_pod_is_the_task_of_the_order(name: str) -> None:
    (container,) = CASES[name]()["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each for each in container["env"]}
    assert len(variables) == len(container["env"])
    task = Task.model_validate_json(variables["NERD_TASK"]["value"])
    assert (task.key, task.attempt) == ("a" * 64, "attempt-2")


def test_exit_codes_that_end_a_job_are_those_of_the_contract() -> None:
    assert ENDS_THE_JOB == (64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 143)


def test_labels_of_the_operator_override_those_of_people() -> None:
    manifest = CASES["everything"]()
    template = manifest["spec"]["template"]["metadata"]
    assert template["labels"]["nerd.dev/stage"] == "infer"
    assert template["labels"]["team"] == "nlp"
    assert template["annotations"]["nerd.dev/key"] == "a" * 64
    assert manifest["metadata"]["annotations"]["nerd.dev/key"] == "a" * 64
