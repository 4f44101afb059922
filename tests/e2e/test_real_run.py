"""The whole of it, for real: chart, images, node and store; a model is promoted, and a worse one is not.

The spec is examples/cluster/emulated-accelerator.yaml. Its variant in bf16 runs
in TorchScript, which computes in bf16 on processors without it too.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ner_operator.cli.demo_corpus import SPLITS, write_demo
from ner_operator.controllers.nerdeployment.labels import OURS, STEP
from ner_operator.schema.yaml import read_documents
from testbed.cluster import Cluster
from testbed.failure_notes import explain_failures
from testbed.helm import NAMESPACE, Helm
from testbed.real_node import NAME, RealNode
from testbed.s3_servers import S3Server
from testbed.waiting import until

RESOURCE = "vastaitech.com/va"
VARIANTS = ("reference", "va-bf16", "va-int8")
ON_A_DEVICE = {f"{stage}/{name}" for stage in ("infer", "benchmark") for name in VARIANTS}
MADE_ON_ONE = ON_A_DEVICE | {f"{stage}/{name}" for stage in ("compile", "evaluate") for name in VARIANTS}

PATIENCE = 1500.0
"""Seconds for all stages; two cores that do nothing else take a fifth of it."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """The example in a namespace, and what a test does and sees there."""

    cluster: Cluster
    namespace: str
    s3: S3Server
    name: str = "emulated"

    def apply(self, objects: list[Json]) -> None:
        self.cluster.apply(objects)

    def settled(self) -> Json:
        """The status, once the operator has nothing left to do for the present spec, for good or ill."""

        def so() -> Json | None:
            deployment = self._get()
            status: Json = deployment.get("status", {})
            observed = status.get("observedGeneration") == deployment["metadata"]["generation"]
            over = {"Ready", "Stalled"} & {name for name, each in conditions(status).items() if holds(each)}
            return status if observed and over else None

        return until("the end of the run", so, PATIENCE, every=1.0)

    def on_a_device(self) -> set[str]:
        """The steps whose pods asked for an accelerator."""
        pods = self.cluster.core.list_namespaced_pod(self.namespace, label_selector=OURS).items
        return {
            pod.metadata.annotations[STEP]
            for pod in pods
            if RESOURCE in (pod.spec.containers[0].resources.limits or {})
        }

    def pointer(self) -> Json:
        """What is promoted, as the store knows it."""
        key = f"{self.name}/promoted/{self.namespace}/{self.name}"
        found: Json = json.load(self.s3.client.get_object(Bucket="ner", Key=key)["Body"])
        return found

    def _get(self) -> Json:
        kind = ("nerdeployment", self.name, "--output=json")
        found: Json = json.loads(self.cluster.kubectl("--namespace", self.namespace, "get", *kind))
        return found


def conditions(status: Json) -> Mapping[str, Json]:
    return {each["type"]: each for each in status.get("conditions", [])}


def holds(condition: Json) -> bool:
    return bool(condition["status"] == "True")


def stages(status: Json) -> Mapping[str, Json]:
    return {stage["name"]: stage for stage in status["stages"]}


@pytest.fixture
def release(
    node: RealNode, helm: Helm, operator_image: str, emulator_image: str, jobs_image: str
) -> Iterator[None]:
    """The chart, with a node that offers two devices; afterwards nothing of it is left."""
    plane = node.plane

    def devices() -> str:
        return str((plane.core.read_node(NAME).status.allocatable or {}).get(RESOURCE, "0"))

    emulated = {"enabled": True, "resourceName": RESOURCE, "count": 2}
    with explain_failures(plane, NAMESPACE, "nerd-device-emulator"):
        helm.install(NAMESPACE, {"deviceEmulator": emulated})
        until("two devices", lambda: devices() == "2")
    yield
    helm.uninstall(NAMESPACE)
    for kind in ("nerdeployments.nerd.dev", "nerruntimes.nerd.dev"):
        plane.kubectl("delete", "crd", kind, seconds=240)
    plane.kubectl("delete", "namespace", NAMESPACE, seconds=240)
    until("the end of the devices", lambda: devices() == "0")


@pytest.fixture
def run(release: None, node: RealNode, s3: S3Server, namespace: str, tmp_path: Path) -> Run:
    """Buckets, the corpus in one of them, and the Secret; nothing is applied yet."""
    client = s3.client
    for bucket in ("data", "ner"):
        client.create_bucket(Bucket=bucket)
    corpus = write_demo(tmp_path).parent / "quickstart-data"
    for split in SPLITS:
        client.upload_file(str(corpus / f"{split}.txt"), "data", f"quickstart/{split}.txt")
    secret = {"metadata": {"name": "s3-credentials"}, "stringData": s3.environment}
    node.plane.core.create_namespaced_secret(namespace, secret)
    return Run(node.plane, namespace, s3)


def example(repository: Path, run: Run) -> list[Json]:
    """The example's objects, in this namespace and this store."""
    text = (repository / "examples" / "cluster" / "emulated-accelerator.yaml").read_text(encoding="utf-8")
    objects: list[Any] = [document.value for document in read_documents(text)]
    for each in objects:
        if each["kind"] == "NerDeployment":
            each["metadata"]["namespace"] = run.namespace
            each["spec"]["storage"]["endpointUrl"] = run.s3.endpoint
    return objects


def without_learning(objects: list[Json]) -> list[Json]:
    """The same for a model that learns next to nothing, and for one variant of it, since that is enough."""
    *others, deployment = objects
    spec = deployment["spec"]
    finetune = {**spec["finetune"], "epochs": 1, "learningRate": 1e-7, "headLearningRate": 1e-7}
    variants = [each for each in spec["variants"] if each.get("reference")]
    rollout = {**spec["rollout"], "preference": ["reference"]}
    changed = {**spec, "finetune": finetune, "variants": variants, "rollout": rollout}
    return [*others, {**deployment, "spec": changed}]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_model_is_promoted_and_a_worse_one_does_not_take_its_place(run: Run, repository: Path) -> None:
    with explain_failures(run.cluster, run.namespace, NAMESPACE):
        objects = example(repository, run)
        run.apply(objects)
        status = run.settled()
        ready = conditions(status)["Ready"]
        assert (ready["status"], ready["reason"]) == ("True", "Promoted"), ready["message"]

        steps = stages(status)
        assert set(steps) == {"prepare", "finetune", "export", "promote", *MADE_ON_ONE}
        assert {step["state"] for step in steps.values()} == {"Succeeded"}
        assert run.on_a_device() == ON_A_DEVICE
        compiled = {name: steps[f"compile/{name}"]["result"]["headline"]["precision"] for name in VARIANTS}
        assert compiled == {"reference": "fp32", "va-bf16": "bf16", "va-int8": "int8"}
        marked = {name for name, step in steps.items() if step["result"].get("emulated")}
        # TorchScript is compiled on the processor, for a runtime that does not say what its device is.
        assert marked == {*MADE_ON_ONE, "promote"} - {"compile/va-bf16"}

        assert status["variant"] in VARIANTS
        assert status["f1"] > 0.9
        promoted = run.pointer()
        assert promoted["revision"] == status["promotion"]["revision"]

        run.apply(without_learning(objects))
        refused = run.settled()
        said = conditions(refused)
        assert (said["Ready"]["status"], said["Ready"]["reason"]) == ("False", "GatesFailed"), said["Ready"]
        assert said["Stalled"]["message"] == said["Ready"]["message"]
        assert "at least 0.9 asked" in said["Ready"]["message"]
        assert holds(said["Available"])
        in_service = ("revision", "variant", "f1", "promotion")
        assert {name: refused[name] for name in in_service} == {name: status[name] for name in in_service}
        assert refused["candidate"] != status["revision"]
        assert run.pointer() == promoted
