"""One real node on this machine: containerd and kubelet, as root, in Linux namespaces of their own.

The machine gets a few processes and one network link more. Its mounts, its
firewall, its kernel settings and the pods of other nodes are not touched. The
network outlives the node, which may be killed and started again.
"""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess, run

from kubernetes import client

from testbed.cgroups import create_group, group_of
from testbed.cleanup import guarded
from testbed.control_plane import ControlPlane, start_control_plane
from testbed.disk import GB, free_bytes, require_room
from testbed.images import layers_of, pack_busybox
from testbed.linux_namespaces import InsideServer, entering, entering_network
from testbed.network import Network, open_network
from testbed.processes import Server
from testbed.programs import ProgramMissingError, find_program
from testbed.waiting import abort_waits_if

FILES = Path(__file__).with_name("node_files")
INSIDE = Path(__file__).with_name("node_inside.py")
PLUGINS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
PAUSE = "localhost/pause:1"
NAME = "node-1"

TOOLS = {
    "containerd": "containerd",
    "runc": "runc",
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "busybox": "busybox-static",
}
"""Programs that a node needs, and their Debian packages."""

CAP_SYS_RESOURCE = 1 << 24

PRESSURE = GB // 2
"""Free bytes below which a node evicts pods and accepts none."""

ROOM = 2 * PRESSURE
"""Free bytes that a node needs to start; images and the files of pods need more."""


def missing_node_tools() -> str:
    """Why no real node can run on this machine, and what to do; empty if one can."""
    packages = {package for program, package in TOOLS.items() if shutil.which(program) is None}
    if not any((folder / "bridge").is_file() for folder in PLUGINS):
        packages.add("containernetworking-plugins")
    if os.geteuid():
        return "needs root for containerd and kubelet"
    if packages:
        return f"needs Debian packages: apt-get install {' '.join(sorted(packages))}"
    try:
        find_program("kubelet")
    except ProgramMissingError as error:
        return str(error)
    return ""


@dataclass
class RealNode:
    """The node `node-1` of a control plane."""

    plane: ControlPlane
    network: Network
    machine: InsideServer = field(init=False)
    containerd: Server = field(init=False)
    kubelet: Server = field(init=False)

    @property
    def folder(self) -> Path:
        """Folder of its files."""
        return self.plane.folder / "node"

    def start(self) -> None:
        """Start the node with the files it had before, and wait until it accepts pods."""
        (self.folder / "ready").unlink(missing_ok=True)
        create_group(group_of(self.plane.folder))
        self.machine = self._inside(
            "machine",
            "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
            sys.executable, str(INSIDE), str(self.folder),
        )  # fmt: skip
        self.machine.serves("the mounts of the node", (self.folder / "ready").is_file)
        self.containerd = self._on_node(
            "containerd", "containerd", f"--config={self.folder / 'containerd.toml'}"
        )
        self.containerd.serves("containerd", lambda: self.ctr("version").returncode == 0)
        if PAUSE not in self.ctr("images", "ls", "--quiet").stdout.split():
            self.import_image(self.folder / "pause.tar")
        self.start_kubelet()

    def start_kubelet(self) -> None:
        """Start kubelet, and wait until the node is ready."""
        started = datetime.now(UTC)
        self.kubelet = self._on_node(
            "kubelet",
            str(find_program("kubelet")),
            f"--config={self.folder / 'kubelet.yaml'}",
            f"--kubeconfig={self.plane.folder / 'kubelet.kubeconfig'}",
            f"--hostname-override={NAME}",
            f"--node-ip={self.network.node}",
        )

        def ready() -> bool:
            # The API server keeps a node ready for a while after its kubelet has ended.
            return self._last_seen() > started and NAME in self.plane.ready_nodes()

        self.kubelet.serves("the node", ready)

    def restart_kubelet(self) -> None:
        """Restart kubelet as an upgrade does: containers keep running, device plugins must register again."""
        self.kubelet.stop()
        self.start_kubelet()

    def cut_power(self) -> None:
        """Kill all processes of the node, pods included."""
        self.machine.kill()
        for server in (self.kubelet, self.containerd):
            server.kill()

    def blocker(self) -> str:
        """Why no pod can start, however long a test waits; empty if pods start."""
        has = free_bytes(self.folder)
        if has >= PRESSURE:
            return ""
        return (
            f"{NAME} is under disk pressure and takes no pods: it needs {PRESSURE / GB:.1f} GB free "
            f"at {self.folder}, which has {has / GB:.1f}"
        )

    def import_image(self, archive: Path) -> None:
        """Import an image from an archive as `docker save` writes it.

        Raises:
            NoRoomError: the disk would be full afterwards.
        """
        require_room(f"{NAME}, for {archive.name},", self.folder, 2 * archive.stat().st_size + PRESSURE)
        done = self.ctr("images", "import", str(archive))
        assert done.returncode == 0, f"{archive}: {done.stderr}"
        # Pods use the unpacked layers; the packed ones only take space.
        self.ctr("content", "rm", *layers_of(archive))

    def assign_service_address(self, namespace: str, service: str) -> None:
        """Give the address of a Service to the only pod that it selects, since no kube-proxy runs.

        Other pods then reach the Service at the port of the pod's container, until the pod ends.
        """
        core = self.plane.core
        spec = core.read_namespaced_service(service, namespace).spec
        selector = ",".join(f"{label}={value}" for label, value in spec.selector.items())
        [pod] = core.list_namespaced_pod(namespace, label_selector=selector).items
        container = pod.status.container_statuses[0].container_id.removeprefix("containerd://")
        command = ("ip", "address", "replace", f"{spec.cluster_ip}/32", "dev", "eth0")
        done = self.run("nsenter", f"--target={self.process_of(container)}", "--net", "--", *command)
        assert done.returncode == 0, f"service {service}: {done.stderr}"

    def process_of(self, container: str) -> int:
        """PID of a running container's first process, on the node."""
        tasks = (line.split() for line in self.ctr("tasks", "ls").stdout.splitlines())
        return next(int(task[1]) for task in tasks if task[0] == container)

    def ctr(self, *arguments: str) -> CompletedProcess[str]:
        """Run ctr for the containers and images of Kubernetes."""
        return self.run("ctr", "--namespace", "k8s.io", *arguments)

    def run(self, *command: str) -> CompletedProcess[str]:
        """Run a command on the node."""
        return run(entering(self.machine.pid, *command), capture_output=True, text=True)

    def _last_seen(self) -> datetime:
        leases = client.CoordinationV1Api(self.plane.api).list_namespaced_lease("kube-node-lease").items
        seen = [lease.spec.renew_time for lease in leases if lease.metadata.name == NAME]
        return seen[0] if seen else datetime.min.replace(tzinfo=UTC)

    def _on_node(self, name: str, *command: str) -> Server:
        return self._started(InsideServer(name, entering(self.machine.pid, *command), self.plane.folder))

    def _inside(self, name: str, *command: str) -> InsideServer:
        # The network namespace outlives the node; the other namespaces are the node's own.
        inside = entering_network(self.network.holder.pid, *command)
        server = InsideServer(name, inside, self.plane.folder)
        self._started(server)
        return server

    def _started(self, server: Server) -> Server:
        self.plane.servers[server.name] = server
        server.start()
        return server


@contextlib.contextmanager
def real_cluster(folder: Path) -> Iterator[RealNode]:
    """Run a control plane with a real node for the duration of a block.

    Args:
        folder: for its state; must not exist.

    Raises:
        ProgramMissingError: no node can run on this machine.
        NoRoomError: there is too little disk space.
    """
    with guarded(folder) as resolved:
        node = start_real_cluster(resolved)
        try:
            with abort_waits_if(node.blocker):
                yield node
        finally:
            node.plane.kill_servers()


def start_real_cluster(folder: Path) -> RealNode:
    """Start a control plane with a real node in an existing folder and leave it running."""
    if missing := missing_node_tools():
        raise ProgramMissingError(missing)
    require_room("a real node", folder, ROOM)
    network = open_network(folder)
    plane = start_control_plane(folder, network.place)
    plane.servers[network.holder.name] = network.holder
    node = RealNode(plane, network)
    _write_files(node)
    node.start()
    return node


def _write_files(node: RealNode) -> None:
    plane, network, folder = node.plane, node.network, node.folder
    for below in ("cni", "pod-logs"):
        (folder / below).mkdir(parents=True)
    serving = plane.authority.server("kubelet", f"DNS:{NAME}", f"IP:{network.node}")
    plane.kubeconfig_of(plane.authority.user(f"system:node:{NAME}", "system:nodes"), "kubelet")
    pack_busybox(folder / "pause.tar", PAUSE, ["sleep", "2147483647"])
    values = {
        "FOLDER": str(folder),
        "ADDRESS": network.node,
        "SUBNET": str(network.subnet),
        "FIRST": network.first_pod,
        "PAUSE": PAUSE,
        "CNI": next(str(plugins) for plugins in PLUGINS if (plugins / "bridge").is_file()),
        "SNAPSHOTTER": _snapshotter(folder),
        "RESTRICT_OOM": "false" if _may_raise_limits() else "true",
        "AUTHORITY": str(plane.authority.certificate),
        "CERTIFICATE": str(serving.certificate),
        "KEY": str(serving.key),
        "CGROUP": group_of(plane.folder),
        "PRESSURE": str(PRESSURE),
    }
    for template, target in (
        ("containerd.toml", folder / "containerd.toml"),
        ("kubelet.yaml", folder / "kubelet.yaml"),
        ("bridge.conflist", folder / "cni" / "10-bridge.conflist"),
    ):
        target.write_text(_filled((FILES / template).read_text(), values))


def _filled(template: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template


def _snapshotter(folder: Path) -> str:
    """Native (slow copies) on an overlay file system, such as a container's root; overlayfs otherwise."""
    kind = run(["stat", "--file-system", "--format=%T", str(folder)], capture_output=True, text=True).stdout
    return "native" if "overlay" in kind else "overlayfs"


def _may_raise_limits() -> bool:
    lines = Path("/proc/self/status").read_text().splitlines()
    effective = next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff:"))
    return bool(effective & CAP_SYS_RESOURCE)
