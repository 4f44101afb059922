"""A running cluster: its kubeconfig, and helpers for tests.

It is a `ControlPlane` of the test bed, or the cluster of NERD_TEST_KUBECONFIG.
"""

import contextlib
import functools
import json
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from testbed.certificates import kubeconfig
from testbed.programs import find_program
from testbed.waiting import until

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
"""Labels of a test's namespace: only pods that meet the restricted Pod Security Standard start."""

TOKEN_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Cluster:
    """A running cluster, with the permissions of its administrator.

    Attributes:
        kubeconfig: of the administrator.
        folder: for files of this cluster.
    """

    kubeconfig: Path
    folder: Path

    @functools.cached_property
    def api(self) -> client.ApiClient:
        """A client for the typed APIs of the package `kubernetes`."""
        return config.new_client_from_config(str(self.kubeconfig))

    @functools.cached_property
    def core(self) -> client.CoreV1Api:
        """Pods, namespaces, nodes, service accounts."""
        return client.CoreV1Api(self.api)

    def kubectl(self, *arguments: str, stdin: str | None = None, seconds: float = 60) -> str:
        """Run kubectl and return its standard output; fail with its standard error."""
        done = subprocess.run(
            [str(find_program("kubectl")), "--kubeconfig", str(self.kubeconfig), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def apply(self, objects: Sequence[dict[str, Any]]) -> None:
        """Apply objects with server-side apply."""
        self.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(objects))

    def apply_crds(self, folder: Path) -> None:
        """Apply the CRDs of a folder and wait until they are served."""
        self.kubectl("apply", "--server-side", "-f", str(folder))
        self.wait_for_crds("-f", str(folder))

    def wait_for_crds(self, *which: str) -> None:
        """Wait until CRDs are served; `which` is what `kubectl get` takes."""
        # `kubectl wait` fails if the API server has not written the first condition yet.
        until("the CRDs to be served", lambda: _established(self.kubectl("get", "-o=json", *which)))

    def ready_nodes(self) -> set[str]:
        """Names of the nodes on which a pod can start now."""
        return {node.metadata.name for node in self.core.list_node().items if _is_ready(node)}

    @contextlib.contextmanager
    def namespace(self, prefix: str = "test") -> Iterator[str]:
        """Create a namespace for a block; afterwards it is deleted without waiting."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        self.core.create_namespace({"metadata": {"name": name, "labels": RESTRICTED}})
        try:
            # A pod is refused until its namespace has the default service account.
            until("the namespace's service account", lambda: self._has_account(name))
            yield name
        finally:
            self.core.delete_namespace(name)

    def service_account(self, namespace: str, name: str) -> Path:
        """A kubeconfig of a service account. A missing account is created, without permissions."""
        with contextlib.suppress(ApiException):
            self.core.create_namespaced_service_account(namespace, {"metadata": {"name": name}})
        request = {"spec": {"audiences": [], "expirationSeconds": TOKEN_SECONDS}}
        issued = self.core.create_namespaced_service_account_token(name, namespace, request)
        here = self.api.configuration
        authority = Path(here.ssl_ca_cert).read_bytes()
        file = self.folder / f"{namespace}-{name}.kubeconfig"
        file.write_text(kubeconfig(here.host, authority, {"token": issued.status.token}, namespace))
        file.chmod(0o600)
        return file

    def _has_account(self, namespace: str) -> bool:
        names = [each.metadata.name for each in self.core.list_namespaced_service_account(namespace).items]
        return "default" in names


def _established(crds: str) -> bool:
    found = json.loads(crds)
    return all(
        any(
            (condition["type"], condition["status"]) == ("Established", "True")
            for condition in each.get("status", {}).get("conditions") or []
        )
        for each in found.get("items", [found])
    )


def _is_ready(node: Any) -> bool:
    # The taint is removed shortly after the condition changes.
    tainted = any(taint.key.startswith("node.kubernetes.io/") for taint in node.spec.taints or [])
    conditions = {condition.type: condition.status for condition in node.status.conditions or []}
    return conditions.get("Ready") == "True" and not tainted


def restricted_pod_spec(image: str, *command: str) -> dict[str, Any]:
    """The smallest pod spec that may run in a test's namespace; its container is `stage`."""
    container = {
        "name": "stage",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(command),
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
    }


def user_name(namespace: str, service_account: str) -> str:
    """The user name of a service account, in RBAC and in the audit log."""
    return f"system:serviceaccount:{namespace}:{service_account}"
