"""The operator as a process, with its chart's rights, on a real control plane with fake nodes."""

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from kubernetes import client

from ner_operator.controllers.nerdeployment.labels import ATTEMPT, OURS, STEP
from ner_operator.controllers.resources import NERDEPLOYMENTS
from ner_operator.kube.client import Api
from ner_operator.kube.objects import JOBS, Json
from testbed.audit import Request, writes_by
from testbed.control_plane import ControlPlane
from testbed.faulty_api_server import FaultyApiServer, faulty_api_server
from testbed.operator_process import Operator, operator_account
from testbed.outcomes import Outcome, script, succeeds_with_message, unscript
from testbed.waiting import until

VARIANTS = [
    {"name": "reference", "runtime": "cpu-openvino", "precision": "fp32", "reference": True},
    {"name": "int8", "runtime": "cpu-openvino", "precision": "int8"},
]

STEPS = (
    *("prepare", "finetune", "export", "promote"),
    *(f"{stage}/{variant['name']}" for stage in ("compile", "infer", "evaluate") for variant in VARIANTS),
)


@dataclass
class Scene:
    """A namespace, the operator that serves it, and what a test does and reads there."""

    cluster: ControlPlane
    namespace: str
    operator: Operator
    api: Api

    def manifest(self, name: str = "tiny", **spec: Any) -> Json:
        """A small NerDeployment; `spec` replaces parts of it."""
        data = {split: {"uri": f"s3://data/{name}.{split}"} for split in ("train", "validation", "test")}
        whole = {
            "model": {"base": "s3://models/base"},
            "data": {"format": "conll", **data},
            "finetune": {},
            "variants": VARIANTS,
            "evaluation": {"gates": [{"metric": "f1", "min": 0.85}]},
            "rollout": {"preference": ["int8", "reference"]},
            "storage": {"uri": "s3://ner/models"},
        }
        return {
            "apiVersion": "nerd.dev/v1alpha1",
            "kind": "NerDeployment",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {**whole, **spec},
        }

    def apply(self, name: str = "tiny", **spec: Any) -> None:
        """Apply a NerDeployment as a GitOps tool does."""
        self.cluster.apply([self.manifest(name, **spec)])

    def get(self, name: str = "tiny") -> Json:
        return self.api.get(NERDEPLOYMENTS, self.namespace, name)

    def status(self, name: str = "tiny") -> Json:
        status: Json = self.get(name).get("status") or {}
        return status

    def ready(self, name: str = "tiny") -> Json:
        """The condition Ready; empty before there is one."""
        conditions = self.status(name).get("conditions") or []
        return next((each for each in conditions if each["type"] == "Ready"), {})

    def stages(self, name: str = "tiny") -> dict[str, Json]:
        return {stage["name"]: stage for stage in self.status(name).get("stages") or []}

    def jobs(self) -> list[Json]:
        """All Jobs of the namespace, oldest first."""
        found = [job for page in self.api.pages(JOBS, self.namespace, labels=OURS) for job in page["items"]]
        return sorted(found, key=lambda job: int(job["metadata"]["resourceVersion"]))

    def jobs_of(self, step: str) -> list[Json]:
        return [job for job in self.jobs() if job["metadata"]["annotations"][STEP] == step]

    def attempts(self) -> Counter[str]:
        """The number of Jobs of each step that still exist."""
        return Counter(job["metadata"]["annotations"][STEP] for job in self.jobs())

    def pods(self) -> list[Any]:
        items: list[Any] = self.cluster.core.list_namespaced_pod(self.namespace).items
        return items

    def events(self, name: str = "tiny") -> list[Any]:
        """The Events of a NerDeployment."""
        selector = f"involvedObject.kind=NerDeployment,involvedObject.name={name}"
        items: list[Any] = self.cluster.core.list_namespaced_event(
            self.namespace, field_selector=selector
        ).items
        return items

    def script(self, outcome: Outcome, **pods: str) -> Callable[[], None]:
        """Let pods end like this from now on; returns a function that ends it."""
        made = script(self.cluster, self.namespace, outcome, **pods)
        return lambda: unscript(self.cluster, self.namespace, made)

    def writes(self) -> list[Request]:
        """All writes of the operator, refused ones too."""
        return writes_by(self.cluster.audit_log, self.operator.account.user)

    def jobs_made(self) -> list[tuple[str, int]]:
        """The name of each Job that the operator created or tried to create, and the server's answer."""
        tried = [write for write in self.writes() if (write.verb, write.resource) == ("create", "jobs")]
        return [(write.name, write.code) for write in tried]

    def until(self, what: str, so: Callable[[], Any], seconds: float = 240.0) -> Any:
        """Wait, and fail at once if the operator or a server has ended."""

        def ask() -> Any:
            self.cluster.check()
            self.operator.check()
            return so()

        return until(what, ask, seconds)

    def until_ready(self, name: str = "tiny", seconds: float = 240.0) -> Json:
        """Wait until the current generation is Ready."""

        def so() -> bool:
            deployment = self.get(name)
            observed = (deployment.get("status") or {}).get("observedGeneration")
            return observed == deployment["metadata"]["generation"] and self.ready(name)["status"] == "True"

        self.until(f"{name} to be Ready", so, seconds)
        return self.status(name)

    def until_reason(self, reason: str, name: str = "tiny") -> Json:
        """Wait until Ready has this reason; returns the condition."""
        self.until(f"Ready with the reason {reason}", lambda: self.ready(name).get("reason") == reason)
        return self.ready(name)

    def until_state(self, step: str, *states: str, name: str = "tiny") -> Json:
        """Wait until a stage has this state; returns the stage."""
        self.until(
            f"{step} to be {' or '.join(states)}",
            lambda: self.stages(name).get(step, {}).get("state") in states,
        )
        return self.stages(name)[step]

    def until_running(self, step: str) -> str:
        """Wait until a pod of a step runs; returns the name of its Job."""

        def so() -> str:
            running = [job for job in self.jobs_of(step) if job["status"].get("ready")]
            return str(running[-1]["metadata"]["name"]) if running else ""

        return str(self.until(f"a pod of {step}", so))

    def until_pod(self, step: str, attempt: int = 1) -> Any:
        """Wait for a pod of this attempt, in any state."""
        marks = {STEP: step, ATTEMPT: str(attempt)}

        def so() -> Any:
            found = [pod for pod in self.pods() if marks.items() <= (pod.metadata.annotations or {}).items()]
            return found[-1] if found else None

        return self.until(f"a pod of {step}, attempt {attempt}", so)

    def task_of(self, pod: Any) -> Json:
        """The task of a pod's stage."""
        texts = [each.value for each in pod.spec.containers[0].env if each.name == "NERD_TASK"]
        task: Json = json.loads(texts[0])
        return task

    def refusal(self, message: str, name: str = "tiny", attempt: int = 2) -> Outcome:
        """The outcome of a promote stage that refuses, for the pod of this attempt."""
        task = self.task_of(self.until_pod("promote", attempt))
        former = self.status(name).get("promotion") or {"generation": 0}
        headline = {
            "verdict": "Refused",
            "message": message,
            "revision": task["parameters"]["revision"],
            "generation": former["generation"],
            "currentRevision": former.get("revision", ""),
            "currentVariant": former.get("variant", ""),
            "currentF1": former.get("f1"),
            "compileKey": former.get("compileKey", ""),
            "promoteKey": former.get("promoteKey", ""),
        }
        outputs = {"model": "a" * 64, "verdict": "b" * 64}
        termination = {
            "key": task["key"],
            "manifestDigest": "c" * 64,
            "outputs": outputs,
            "headline": headline,
        }
        return succeeds_with_message(termination)

    def go_on(self, step: str, outcome: Outcome) -> None:
        """Let the pods of a step that never started run now, and end like this."""
        notes = {"outcome.waiting": None, "outcome.waiting-message": None, **outcome.annotations()}
        for pod in self.pods():
            if pod.metadata.annotations.get(STEP) == step and pod.status.phase == "Pending":
                self.cluster.core.patch_namespaced_pod(
                    pod.metadata.name, self.namespace, {"metadata": {"annotations": notes}}
                )

    def annotate(self, text: str | None, annotation: str, name: str = "tiny") -> None:
        """Write an annotation of a NerDeployment, or remove it."""
        client.CustomObjectsApi(self.cluster.api).patch_namespaced_custom_object(
            "nerd.dev",
            "v1alpha1",
            self.namespace,
            "nerdeployments",
            name,
            {"metadata": {"annotations": {annotation: text}}},
        )


@dataclass
class FaultyScene(Scene):
    """A scene whose operator reaches the API server through a proxy, in which a test injects faults."""

    server: FaultyApiServer


@pytest.fixture
def scene_of(fake_cluster: ControlPlane, namespace: str) -> Iterator[Callable[..., Scene]]:
    """Makes a scene with an operator that is not started yet. Arguments are its flags."""
    scenes: list[Scene] = []

    def make(*arguments: str) -> Scene:
        account = operator_account(fake_cluster, f"op-{namespace}", [namespace])
        # It carries the cluster's mark, so that the guard ends it if the test is killed.
        operator = Operator(fake_cluster.folder, f"operator-{namespace}", account, *arguments)
        scenes.append(Scene(fake_cluster, namespace, operator, Api(fake_cluster.api.configuration)))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.operator.server.stop()


@pytest.fixture
def scene(scene_of: Callable[..., Scene]) -> Scene:
    """A scene whose operator runs."""
    made = scene_of()
    made.operator.start()
    return made


@pytest.fixture
def faulty_scene(
    fake_cluster: ControlPlane, namespace: str
) -> Callable[..., contextlib.AbstractContextManager[FaultyScene]]:
    """Makes a scene with a proxy, whose operator is restarted when it ends. Arguments are its flags."""

    @contextlib.contextmanager
    def make(*arguments: str) -> Iterator[FaultyScene]:
        account = operator_account(fake_cluster, f"op-{namespace}", [namespace])
        with faulty_api_server(fake_cluster, account.kubeconfig) as server:
            operator = Operator(
                fake_cluster.folder,
                f"operator-{namespace}",
                account,
                *arguments,
                kubeconfig=server.kubeconfig,
            )
            api = Api(fake_cluster.api.configuration)
            try:
                with operator.kept():
                    yield FaultyScene(fake_cluster, namespace, operator, api, server)
            finally:
                operator.server.stop()

    return make
