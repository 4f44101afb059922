"""A second kind on the controller library, against the real API server."""

import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from ner_operator.kube.client import Api, ApiError
from ner_operator.kube.objects import Json, Resource
from testbed.audit import writes_by
from testbed.cluster import user_name
from testbed.control_plane import ControlPlane
from testbed.faulty_api_server import FaultyApiServer, faulty_api_server
from testbed.processes import Server
from testbed.waiting import free_port, until

HERE = Path(__file__).parent
GREETINGS = Resource("example.com", "v1", "greetings", "Greeting")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
RULES = [
    {"apiGroups": ["example.com"], "resources": ["greetings"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["example.com"], "resources": ["greetings/status"], "verbs": ["patch"]},
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch", "create", "delete"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
]


@dataclass
class Scene:
    """A namespace with Greetings, and the toy operator."""

    plane: ControlPlane
    namespace: str
    api: Api
    proxy: FaultyApiServer
    port: int
    process: Server

    def greet(self, name: str) -> None:
        self.plane.apply(
            [
                {
                    "apiVersion": "example.com/v1",
                    "kind": "Greeting",
                    "metadata": {"name": "first", "namespace": self.namespace},
                    "spec": {"name": name},
                }
            ]
        )

    def text(self) -> Json:
        """The ConfigMap; empty if it does not exist."""
        try:
            return self.api.get(CONFIG_MAPS, self.namespace, "first")
        except ApiError as error:
            if error.not_found:
                return {}
            raise

    def says(self, text: str) -> Callable[[], bool]:
        return lambda: self.text().get("data") == {"text": text}

    def ready_message(self) -> str:
        status = self.api.get(GREETINGS, self.namespace, "first").get("status") or {}
        return "".join(each["message"] for each in status.get("conditions") or ())

    def writes(self) -> list[tuple[str, str]]:
        user = user_name(self.namespace, "greeter")
        return [(each.verb, each.resource) for each in writes_by(self.plane.audit_log, user)]

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


@pytest.fixture
def scene(control_plane: ControlPlane, namespace: str) -> Iterator[Scene]:
    control_plane.apply_crds(HERE)
    account = control_plane.service_account(namespace, "greeter")
    meta = {"name": "greeter", "namespace": namespace}
    rbac = "rbac.authorization.k8s.io"
    control_plane.apply(
        [
            {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta, "rules": RULES},
            {
                "apiVersion": f"{rbac}/v1",
                "kind": "RoleBinding",
                "metadata": meta,
                "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "greeter"},
                "subjects": [{"kind": "ServiceAccount", "name": "greeter", "namespace": namespace}],
            },
        ]
    )
    with faulty_api_server(control_plane, account) as proxy:
        port = free_port()
        command = [sys.executable, str(HERE / "controller.py"), namespace, str(port)]
        environment = {"KUBECONFIG": str(proxy.kubeconfig)}
        process = Server(f"greeter-{namespace}", command, control_plane.folder, environment)
        process.start()
        api = Api(control_plane.api.configuration)
        try:
            yield Scene(control_plane, namespace, api, proxy, port, process)
        finally:
            process.stop()


def test_a_greeting_owns_a_config_map_and_becomes_ready(scene: Any) -> None:
    scene.greet("World")
    scene.process.serves("the text", scene.says("Hello, World!"))
    scene.process.serves("Ready", lambda: scene.ready_message() == "Hello, World!")
    (owner,) = scene.text()["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Greeting", "first", True)
    selector = "involvedObject.kind=Greeting,involvedObject.name=first"
    events = scene.process.serves(
        "the Event",
        lambda: scene.plane.core.list_namespaced_event(scene.namespace, field_selector=selector).items,
    )
    assert [(event.reason, event.message) for event in events] == [("Greeted", "Hello, World!")]
    assert scene.writes() == [
        ("create", "configmaps"),
        ("patch", "greetings/status"),
        ("create", "events"),
    ], "the echoes of its own writes cause no others"
    assert scene.metric("greeter_errors_total") == 0


def test_a_changed_spec_and_a_deleted_object_are_reconciled(scene: Any) -> None:
    scene.greet("World")
    scene.process.serves("the text", scene.says("Hello, World!"))
    scene.greet("Moon")
    scene.process.serves("the new text", scene.says("Hello, Moon!"))
    former = scene.text()["metadata"]["uid"]
    scene.plane.core.delete_namespaced_config_map("first", scene.namespace)
    scene.process.serves("another ConfigMap", scene.says("Hello, Moon!"))
    assert scene.text()["metadata"]["uid"] != former


def test_the_resync_finds_what_the_watch_has_missed(scene: Any) -> None:
    scene.greet("World")
    scene.process.serves("the text", scene.says("Hello, World!"))
    scene.process.serves("both watches", lambda: scene.proxy.watches >= 2)
    scene.proxy.stall_watches()
    scene.greet("Moon")
    scene.process.serves("the new text", scene.says("Hello, Moon!"))
    assert scene.metric("greeter_watch_missed_total") >= 1
    scene.plane.core.delete_namespaced_config_map("first", scene.namespace)
    scene.process.serves("another ConfigMap", scene.says("Hello, Moon!"))


def test_a_deleted_greeting_is_forgotten(scene: Any) -> None:
    scene.greet("World")
    scene.process.serves("Ready", lambda: scene.says("Hello, World!")() and scene.ready_message())
    custom = client.CustomObjectsApi(scene.plane.api)
    custom.delete_namespaced_custom_object("example.com", "v1", scene.namespace, "greetings", "first")
    until("the end of its ConfigMap", lambda: not scene.text())
    scene.process.serves("rest", lambda: scene.metric("greeter_queue_depth") == 0)
    scene.process.check()
    assert scene.writes().count(("create", "configmaps")) == 1
