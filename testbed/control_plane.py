"""etcd, kube-apiserver, kube-controller-manager and kube-scheduler, as processes of this machine.

As in a real cluster there are RBAC, service accounts with tokens, and an
identity for every program. `audit.py` reads the API server's audit log.
"""

import contextlib
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from testbed.certificates import Authority, Certificate, by_certificate, kubeconfig
from testbed.cleanup import guarded
from testbed.cluster import Cluster
from testbed.processes import EndedError, Server, kill_marked
from testbed.programs import find_program
from testbed.waiting import free_port, until

AUDIT_POLICY = Path(__file__).with_name("audit-policy.yaml")

UNREACHABLE = "192.0.2.1"
"""Endpoint of the Service `kubernetes.default` if no pod is real; a loopback address is refused there."""

TRIES = 3
"""Another program may take a port between its choice and its use."""

FASTER = ("--kube-api-qps=1000", "--kube-api-burst=2000")
"""The controllers' default limits, 20 to 50 requests a second, would decide what a benchmark measures."""

ENDED_PODS = 2000
"""If more pods than this have ended, the oldest are deleted; the default of Kubernetes is 12,500.

kwok lists all pods again whenever its watch ends, and with ten thousand pods the watch ends before the list
is read: the API server spent most of its time on listing ended pods.
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an API server listens.

    Attributes:
        address: of this machine; pods of a real node must reach it.
        services: range of the Services' addresses; `kubernetes.default` has the first one.
    """

    address: str
    port: int
    services: str = "10.96.0.0/24"

    @property
    def url(self) -> str:
        """As clients use it."""
        return f"https://{self.address}:{self.port}"


@dataclass(frozen=True)
class ControlPlane(Cluster):
    """A running control plane, without a node."""

    place: Place
    authority: Authority
    servers: dict[str, Server] = field(default_factory=dict)

    @property
    def audit_log(self) -> Path:
        """One JSON object a line."""
        return self.folder / "audit.log"

    @property
    def api_server(self) -> Server:
        """For tests that stop, start or freeze it."""
        return self.servers["kube-apiserver"]

    def kubeconfig_of(self, certificate: Certificate, name: str) -> Path:
        """Write the kubeconfig of a user with a certificate."""
        file = self.folder / f"{name}.kubeconfig"
        ca = self.authority.certificate.read_bytes()
        file.write_text(kubeconfig(self.place.url, ca, by_certificate(certificate)))
        file.chmod(0o600)
        return file

    def run(self, name: str, *command: str, **environment: str) -> Server:
        """Start a server that belongs to this cluster."""
        server = self.servers[name] = Server(name, command, self.folder, environment)
        server.start()
        return server

    def wait_until_ready(self) -> None:
        """Wait until the API server is ready; fail with its log if it has ended."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate))

        def answers() -> bool:
            for name in ("etcd", "kube-apiserver"):
                self.servers[name].check()
            try:
                # Anonymous users may read this.
                with urllib.request.urlopen(f"{self.place.url}/readyz", timeout=5, context=context) as answer:
                    return bool(answer.status == 200)
            except (urllib.error.URLError, OSError):
                return False

        until("the API server", answers)

    def kill_servers(self) -> None:
        """End its servers; the guard cleans up the rest."""
        for server in reversed(self.servers.values()):
            server.kill()

    def check(self) -> None:
        """Fail if one of its servers has ended by itself."""
        for server in self.servers.values():
            if server.process is not None:
                server.check()


@contextlib.contextmanager
def control_plane(
    folder: Path, place: Place | None = None, extra: Sequence[str] = ()
) -> Iterator[ControlPlane]:
    """Run a control plane for the duration of a block, or until this process ends.

    Args:
        folder: for its state and logs; must not exist.
        place: where the API server listens; by default a free port of 127.0.0.1.
        extra: more arguments of the API server.

    Raises:
        ProgramMissingError: a program is not on this machine.
    """
    with guarded(folder) as resolved:
        plane = start_control_plane(resolved, place, extra)
        try:
            yield plane
        finally:
            plane.kill_servers()


def start_control_plane(folder: Path, place: Place | None = None, extra: Sequence[str] = ()) -> ControlPlane:
    """Start a control plane in an existing folder and leave it running."""
    authority = Authority.create(folder / "certificates")
    for attempt in range(TRIES):
        chosen = place or Place("127.0.0.1", free_port())
        plane = ControlPlane(folder / "admin.kubeconfig", folder, chosen, authority)
        plane.kubeconfig_of(authority.user("admin", "system:masters"), "admin")
        try:
            _start_etcd_and_api_server(plane, extra)
            plane.wait_until_ready()
        except EndedError:
            kill_marked(folder)
            if attempt == TRIES - 1:
                raise
        else:
            break
    _start_controllers(plane)
    return plane


def _start_etcd_and_api_server(plane: ControlPlane, extra: Sequence[str]) -> None:
    clients, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    plane.run(
        "etcd",
        str(find_program("etcd")),
        f"--data-dir={plane.folder / 'etcd'}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        # The data need not survive the machine.
        "--unsafe-no-fsync",
        # A benchmark writes more than the default quota before etcd compacts.
        f"--quota-backend-bytes={8 << 30}",
    )
    place, authority = plane.place, plane.authority
    serving = authority.server("kube-apiserver", "DNS:localhost", "IP:127.0.0.1", *_addresses(place))
    accounts = authority.signing_key("service-accounts")
    to_kubelet = authority.user("kube-apiserver-kubelet-client", "system:masters")
    plane.run(
        "kube-apiserver",
        str(find_program("kube-apiserver")),
        f"--etcd-servers={clients}",
        f"--bind-address={place.address}",
        f"--advertise-address={UNREACHABLE if place.address == '127.0.0.1' else place.address}",
        f"--secure-port={place.port}",
        f"--client-ca-file={authority.certificate}",
        f"--tls-cert-file={serving.certificate}",
        f"--tls-private-key-file={serving.key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={accounts.certificate}",
        f"--service-account-signing-key-file={accounts.key}",
        f"--service-cluster-ip-range={place.services}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--kubelet-client-certificate={to_kubelet.certificate}",
        f"--kubelet-client-key={to_kubelet.key}",
        f"--kubelet-certificate-authority={authority.certificate}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--audit-policy-file={AUDIT_POLICY}",
        f"--audit-log-path={plane.audit_log}",
        # In megabytes. By default a new file begins after 100, and a reader would miss the old one.
        "--audit-log-maxsize=100000",
        "--profiling=false",
        *extra,
    )


def _start_controllers(plane: ControlPlane) -> None:
    authority = plane.authority
    for name, more in (
        (
            "kube-controller-manager",
            (
                f"--root-ca-file={authority.certificate}",
                f"--service-account-private-key-file={authority.folder / 'service-accounts.key'}",
                "--use-service-account-credentials=true",
                "--concurrent-job-syncs=20",
                f"--terminated-pod-gc-threshold={ENDED_PODS}",
            ),
        ),
        ("kube-scheduler", ()),
    ):
        credentials = plane.kubeconfig_of(authority.user(f"system:{name}"), name)
        plane.run(
            name,
            str(find_program(name)),
            f"--kubeconfig={credentials}",
            "--leader-elect=false",
            "--secure-port=0",
            *FASTER,
            *more,
        )


def _addresses(place: Place) -> list[str]:
    first = place.services.partition("/")[0].rpartition(".")[0] + ".1"
    names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
    return [f"IP:{place.address}", f"IP:{first}", *(f"DNS:{name}" for name in names)]
