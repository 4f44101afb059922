"""Fake nodes with any number of accelerators: kwok simulates their kubelets.

A pod on such a node ends as `fake-pods.yaml` says: by default with success,
and with the termination message that `ner_jobs.runner` writes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testbed.control_plane import ControlPlane
from testbed.processes import Server
from testbed.programs import find_program
from testbed.waiting import until

STAGES = Path(__file__).with_name("fake-pods.yaml")
LABEL = {"type": "kwok"}
TAINT = {"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}

ACCELERATORS = {"vastaitech.com/va": 4, "example.com/npu": 2}
"""Devices of each fake node."""

SECONDS = 0.1
"""Seconds that a pod runs, unless its outcome states another time."""

CHANCE = (
    '((.metadata.annotations["nerd.dev/key"] // "") | explode'
    " | (reduce .[] as $letter (0; (. * 31 + $letter) % 65521)) / 65521"
    ' | "\\(@LEAST@ + . * @SPREAD@ | floor)ms")'
)
"""How long a pod runs, as jq. The time varies with the key of its stage, so it is the same in every run."""


def start_kwok(plane: ControlPlane, seconds: float = SECONDS, spread: float = 0.0) -> Server:
    """Start kwok, which simulates the kubelets of all fake nodes, also of nodes that are added later.

    Args:
        seconds: that a pod runs, unless its outcome states another time.
        spread: seconds that are added at most; how many depends on the key of the stage.
    """
    chance = CHANCE.replace("@LEAST@", str(int(seconds * 1000))).replace("@SPREAD@", str(int(spread * 1000)))
    stages = plane.folder / STAGES.name
    stages.write_text(STAGES.read_text().replace("@CHANCE@", chance))
    credentials = plane.kubeconfig_of(plane.authority.user("kwok", "system:masters"), "kwok")
    return plane.run(
        "kwok",
        str(find_program("kwok")),
        f"--kubeconfig={credentials}",
        f"--config={stages}",
        f"--manage-nodes-with-label-selector={'='.join(*LABEL.items())}",
        "--node-lease-duration-seconds=40",
        "--cidr=10.0.0.0/16",
        "--v=WARN",
    )


def add_fake_nodes(
    plane: ControlPlane, count: int = 4, accelerators: Mapping[str, int] = ACCELERATORS
) -> None:
    """Add nodes that accept all pods, and wait until they are ready."""
    _add(plane, [_node(f"fake-{number}", accelerators) for number in range(count)])


def add_tainted_fake_nodes(
    plane: ControlPlane, count: int = 4, accelerators: Mapping[str, int] = ACCELERATORS
) -> None:
    """Add nodes with a taint, for a cluster that has real nodes too."""
    nodes = [_node(f"fake-{number}", accelerators) for number in range(count)]
    _add(plane, [{**node, "spec": {"taints": [TAINT]}} for node in nodes])


def _add(plane: ControlPlane, nodes: list[dict[str, Any]]) -> None:
    for node in nodes:
        plane.core.create_node(node)
    names = {node["metadata"]["name"] for node in nodes}

    def ready() -> bool:
        plane.check()
        return names <= plane.ready_nodes()

    until("the fake nodes", ready)


def _node(name: str, accelerators: Mapping[str, int]) -> dict[str, Any]:
    room = {"cpu": "64", "memory": "512Gi", "ephemeral-storage": "1Ti", "pods": "250"}
    resources = {**room, **{name: str(count) for name, count in accelerators.items()}}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                **LABEL,
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
            },
        },
        "status": {"allocatable": resources, "capacity": resources},
    }
