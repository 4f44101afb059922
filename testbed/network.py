"""A network for one real node and its pods, in a namespace that ends with the process that holds it.

It is one subnet. `.1` is this machine, where the API server and the S3 server
listen; `.17` is the node and the pods' gateway; pods begin at `.32`. Pods reach
this machine without address translation, so the machine's firewall and routes
do not change. The first 16 addresses are the range of Services:
`kubernetes.default` is the API server's own address, so no kube-proxy is
needed. Another Service works once a pod has its address
(`RealNode.assign_service_address`).
"""

import ipaddress
import json
import random
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

from testbed.control_plane import Place
from testbed.linux_namespaces import InsideServer, entering_network

BITS = 24


@dataclass(frozen=True)
class Network:
    """A running network.

    Attributes:
        holder: the process that keeps the network namespace; it ends with this process.
    """

    subnet: ipaddress.IPv4Network
    holder: InsideServer

    @property
    def machine(self) -> str:
        """Address of this machine, for pods."""
        return str(self.subnet[1])

    @property
    def node(self) -> str:
        """Address of the node."""
        return str(self.subnet[17])

    @property
    def first_pod(self) -> str:
        """First address of the pods."""
        return str(self.subnet[32])

    @property
    def place(self) -> Place:
        """Address of the API server, which is also the address of `kubernetes.default`."""
        return Place(self.machine, 443, services=f"{self.subnet[0]}/28")


def open_network(folder: Path) -> Network:
    """Create a network with addresses that nothing on this machine uses."""
    keeping = ["unshare", "--net", "--fork", "--kill-child", "sleep", "infinity"]
    holder = InsideServer("network", keeping, folder)
    holder.start()
    inside = holder.pid
    network = Network(_unused_subnet(), holder)
    link = f"nerd{secrets.token_hex(4)}"
    _ip("link", "add", link, "type", "veth", "peer", "name", "uplink", "netns", str(inside))
    _ip("address", "add", f"{network.machine}/{BITS}", "dev", link)
    _ip("link", "set", link, "up")
    for command in (
        "link set lo up",
        "link add cni0 type bridge",
        "link set uplink master cni0",
        f"address add {network.node}/{BITS} dev cni0",
        "link set cni0 up",
        "link set uplink up",
    ):
        _run(*entering_network(inside, "ip", *command.split()))
    return network


def _unused_subnet() -> ipaddress.IPv4Network:
    used = [ipaddress.ip_network(route["dst"]) for route in _routes() if route["dst"] != "default"]
    while True:
        subnet = ipaddress.IPv4Network(f"10.{random.randrange(128, 250)}.{random.randrange(1, 255)}.0/{BITS}")
        if not any(subnet.overlaps(each) for each in used if each.version == 4):
            return subnet


def _routes() -> list[dict[str, str]]:
    routes: list[dict[str, str]] = json.loads(_ip("-json", "-4", "route", "show") or "[]")
    return routes


def _ip(*arguments: str) -> str:
    return _run("ip", *arguments)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout
