"""Emulated accelerators on a real node: offered, given, failing, and there again with the next kubelet."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from testbed.cluster import Cluster, restricted_pod_spec
from testbed.helm import Helm
from testbed.real_node import NAME, RealNode
from testbed.waiting import until

RESOURCE = "vastaitech.com/va"
COUNT = 2
NAMESPACE = "nerd-device-emulator"


@dataclass(frozen=True)
class Emulator:
    """The chart's DaemonSet on one node.

    Attributes:
        objects: the namespace and the DaemonSet.
    """

    cluster: Cluster
    objects: Sequence[dict[str, Any]]

    def install(self) -> None:
        self.cluster.apply(self.objects)

    def remove(self) -> None:
        """The DaemonSet, not its namespace."""
        self.cluster.kubectl("--namespace", NAMESPACE, "delete", "daemonset", "--all")

    def allocatable(self) -> int:
        """How many devices the node may give to pods."""
        node = self.cluster.core.read_node(NAME)
        return int((node.status.allocatable or {}).get(RESOURCE, "0"))

    def offers(self, count: int) -> None:
        """Wait until the node offers as many devices."""
        until(f"{count} devices", lambda: self.allocatable() == count)

    def registrations(self) -> int:
        """How often the emulator has registered with a kubelet; 0 while the kubelet serves no logs yet."""
        read = self.cluster.core.read_namespaced_pod_log
        with contextlib.suppress(ApiException):
            said = read(self.pod().metadata.name, NAMESPACE, _preload_content=False).data.decode()
            return int(said.count(f"registered {RESOURCE}"))
        return 0

    def drill(self, command: str, device: str) -> None:
        """Make a device fail or heal, as a person does."""
        self.inside("python", "-m", "device_emulator", command, device)

    def pods(self) -> list[Any]:
        """Those of the DaemonSet that are not about to end."""
        pods = self.cluster.core.list_namespaced_pod(NAMESPACE).items
        return [pod for pod in pods if not pod.metadata.deletion_timestamp]

    def pod(self) -> Any:
        [found] = self.pods()
        return found

    def inside(self, *command: str) -> str:
        """Run a command where the emulator runs."""
        return self.cluster.kubectl(
            "--namespace", NAMESPACE, "exec", self.pod().metadata.name, "--", *command
        )


@dataclass(frozen=True)
class Pods:
    """Pods of one test, which print what they see and wait."""

    cluster: Cluster
    namespace: str
    image: str

    def start(self, name: str, devices: int = 1) -> None:
        """A pod that asks for as many devices."""
        spec = restricted_pod_spec(self.image, "sh", "-c", "env; echo nodes: $(ls /dev); exec sleep 3600")
        spec["terminationGracePeriodSeconds"] = 0
        if devices:
            spec["containers"][0]["resources"] = {"limits": {RESOURCE: str(devices)}}
        self.cluster.core.create_namespaced_pod(self.namespace, {"metadata": {"name": name}, "spec": spec})

    def running(self) -> set[str]:
        pods = self.cluster.core.list_namespaced_pod(self.namespace).items
        return {pod.metadata.name for pod in pods if pod.status.phase == "Running"}

    def run(self, name: str, devices: int = 1) -> None:
        """Start one and wait until it runs."""
        self.start(name, devices)
        until(f"pod {name}", lambda: name in self.running())

    def delete(self, name: str) -> None:
        self.cluster.core.delete_namespaced_pod(name, self.namespace)

    def why_not(self, name: str) -> str:
        """What keeps a pod from being scheduled."""
        conditions = self.cluster.core.read_namespaced_pod(name, self.namespace).status.conditions or []
        return next((each.message for each in conditions if each.reason == "Unschedulable"), "")

    def sees(self, name: str) -> tuple[dict[str, str], set[str]]:
        """The pod's environment as far as devices are in it, and their nodes under /dev."""
        said = until(f"what {name} sees", lambda: self._said(name)).splitlines()
        variables = dict(line.split("=", 1) for line in said if line.startswith("NERD_DEVICE"))
        nodes = said[-1].removeprefix("nodes: ").split()
        return variables, {each for each in nodes if each.startswith("va-")}

    def _said(self, name: str) -> str:
        said = self.cluster.kubectl("--namespace", self.namespace, "logs", name)
        return said if "nodes: " in said and said.endswith("\n") else ""


@pytest.fixture(scope="module")
def emulator(node: RealNode, emulator_image: str, helm: Helm) -> Iterator[Emulator]:
    """The DaemonSet as the chart renders it, without the rest of the chart."""
    values = {"deviceEmulator": {"enabled": True, "resourceName": RESOURCE, "count": COUNT}}
    objects = helm.render(values, "templates/device-emulator.yaml")
    started = Emulator(node.plane, objects)
    started.install()
    started.offers(COUNT)
    yield started
    # Wait for it: the chart makes its namespace itself.
    node.plane.kubectl("delete", "namespace", NAMESPACE, seconds=240)
    started.offers(0)


@pytest.fixture
def pods(real: Cluster, namespace: str, busybox: str) -> Pods:
    return Pods(real, namespace, busybox)


def test_the_node_offers_the_devices(emulator: Emulator) -> None:
    capacity = emulator.cluster.core.read_node(NAME).status.capacity
    assert capacity[RESOURCE] == str(COUNT)
    assert emulator.allocatable() == COUNT


def test_the_emulator_is_root_without_capabilities_and_cannot_write_its_image(
    emulator: Emulator,
) -> None:
    said = emulator.inside("sh", "-c", "grep CapEff /proc/self/status; touch /opt/x 2>&1; id -u")
    capabilities, refusal, user = said.splitlines()
    assert int(capabilities.split()[1], 16) == 0
    assert "Read-only file system" in refusal
    assert user == "0"


def test_one_pod_more_than_devices_waits_for_its_turn(emulator: Emulator, pods: Pods) -> None:
    names = [f"stage-{number}" for number in range(COUNT + 1)]
    for name in names:
        pods.start(name)
    until("as many pods as devices", lambda: len(pods.running()) == COUNT)
    [waiting] = set(names) - pods.running()
    assert RESOURCE in until("a reason", lambda: pods.why_not(waiting))
    pods.delete(sorted(pods.running())[0])
    until("the third pod", lambda: waiting in pods.running())
    assert len(pods.running()) == COUNT


def test_a_pod_sees_the_device_that_it_was_given_and_no_other(emulator: Emulator, pods: Pods) -> None:
    for name in ("one", "other"):
        pods.run(name)
    pods.run("without", devices=0)
    given = {}
    for name in ("one", "other"):
        variables, nodes = pods.sees(name)
        assert variables["NERD_DEVICE_EMULATED"] == "true"
        assert nodes == {variables["NERD_DEVICE_IDS"]}
        given[name] = variables["NERD_DEVICE_IDS"]
    assert set(given.values()) == {"va-0", "va-1"}
    assert pods.sees("without") == ({}, set())


def test_an_unhealthy_device_is_not_offered_until_it_heals(emulator: Emulator, pods: Pods) -> None:
    emulator.drill("fail", "va-1")
    emulator.offers(1)
    pods.run("one")
    assert pods.sees("one")[0]["NERD_DEVICE_IDS"] == "va-0"
    pods.start("other")
    assert RESOURCE in until("a reason", lambda: pods.why_not("other"))
    emulator.drill("heal", "va-1")
    emulator.offers(COUNT)
    until("the second pod", lambda: "other" in pods.running())
    assert pods.sees("other")[0]["NERD_DEVICE_IDS"] == "va-1"


def test_a_restarted_kubelet_has_the_devices_again(emulator: Emulator, pods: Pods, node: RealNode) -> None:
    before, registrations = _life(emulator.pod()), emulator.registrations()
    pods.run("former")
    node.restart_kubelet()
    # The node's status still tells of the devices that the former kubelet had.
    until("another registration", lambda: emulator.registrations() > registrations)
    emulator.offers(COUNT)
    pods.run("later")
    assert {pods.sees(name)[0]["NERD_DEVICE_IDS"] for name in ("former", "later")} == {"va-0", "va-1"}
    assert _life(emulator.pod()) == before


def _life(pod: Any) -> tuple[str, int]:
    return pod.metadata.uid, pod.status.container_statuses[0].restart_count


def test_an_emulator_that_ends_leaves_no_device_and_no_socket(emulator: Emulator, node: RealNode) -> None:
    def sockets() -> list[str]:
        return node.run("ls", "/var/lib/kubelet/device-plugins").stdout.split()

    assert "emulated-vastaitech.com-va.sock" in sockets()
    emulator.remove()
    emulator.offers(0)
    until("the pod's end", lambda: not emulator.cluster.core.list_namespaced_pod(NAMESPACE).items)
    assert not [name for name in sockets() if name.startswith("emulated-")]
    emulator.install()
    emulator.offers(COUNT)
