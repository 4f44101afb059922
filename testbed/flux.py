"""Flux's kustomize-controller on a test cluster, without a Git repository.

There is no source-controller: a commit is a tar.gz that this process serves,
and a status of the GitRepository with its URL.
"""

import hashlib
import http.server
import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from testbed.cluster import Cluster
from testbed.processes import Server
from testbed.programs import SHARED, find_program
from testbed.waiting import answers, free_port, until

CRDS = SHARED / "flux" / "crds.yaml"
UNUSED = {"OCIRepository": "ocirepositories", "Bucket": "buckets"}
"""Kinds that the controller needs to start, and that no test uses."""

SOURCE = "models"
TIME = "2026-01-02T03:04:05Z"


@dataclass
class Flux:
    """A controller that applies the last commit, in a namespace of its own.

    Attributes:
        namespace: of Flux's objects.
        controller: the process.
        served: archives by name.
        commits: revisions so far.
    """

    cluster: Cluster
    namespace: str
    controller: Server
    port: int
    served: dict[str, bytes]
    commits: list[str] = field(default_factory=list)

    def add_kustomization(self, name: str, **spec: Any) -> None:
        """Create a Kustomization of all committed files."""
        whole = {
            "interval": "1h",
            "path": "./",
            "prune": True,
            "wait": True,
            "timeout": "10m",
            "sourceRef": {"kind": "GitRepository", "name": SOURCE},
        }
        self.cluster.apply(
            [
                {
                    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
                    "kind": "Kustomization",
                    "metadata": {"name": name, "namespace": self.namespace},
                    "spec": {**whole, **spec},
                }
            ]
        )

    def commit(self, files: Mapping[str, str]) -> str:
        """Replace all files of the repository; returns the revision."""
        archive = _tar(files)
        digest = hashlib.sha256(archive).hexdigest()
        revision = f"main@sha1:{hashlib.sha1(archive).hexdigest()}"
        name = f"{len(self.commits)}.tar.gz"
        self.served[name] = archive
        self.commits.append(revision)
        artifact = {
            "path": name,
            "url": f"http://127.0.0.1:{self.port}/{name}",
            "revision": revision,
            "digest": f"sha256:{digest}",
            "lastUpdateTime": TIME,
            "size": len(archive),
        }
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "Succeeded",
            "message": revision,
            "lastTransitionTime": TIME,
        }
        status = {"observedGeneration": 1, "artifact": artifact, "conditions": [ready]}
        self._patch("gitrepository", SOURCE, {"status": status}, "--subresource=status")
        return revision

    def reconcile(self, name: str, token: str) -> None:
        """Request a reconciliation of a Kustomization, as `flux reconcile` does."""
        annotations = {"reconcile.fluxcd.io/requestedAt": token}
        self._patch("kustomization", name, {"metadata": {"annotations": annotations}})

    def status(self, name: str) -> dict[str, Any]:
        """The status of a Kustomization."""
        shown = self.cluster.kubectl(
            "--namespace", self.namespace, "get", "kustomization", name, "-o", "json"
        )
        found: dict[str, Any] = json.loads(shown).get("status") or {}
        return found

    def ready(self, name: str) -> dict[str, Any]:
        """Its condition Ready; empty if it has none yet."""
        self.controller.check()
        conditions = self.status(name).get("conditions") or []
        return next((each for each in conditions if each["type"] == "Ready"), {})

    def _patch(self, kind: str, name: str, patch: Mapping[str, Any], *options: str) -> None:
        self.cluster.kubectl(
            *("--namespace", self.namespace, "patch", kind, name, "--type=merge"),
            *(f"--patch={json.dumps(patch)}", *options),
        )


@contextmanager
def flux(cluster: Cluster, folder: Path) -> Iterator[Flux]:
    """Run the controller for the duration of a block.

    Args:
        folder: of its log.
    """
    cluster.kubectl("apply", "--server-side", "-f", str(CRDS))
    cluster.apply([_crd(kind, plural) for kind, plural in UNUSED.items()])
    cluster.wait_for_crds("crd")
    served: dict[str, bytes] = {}
    with cluster.namespace("flux") as namespace, _serving(served) as port:
        health, metrics = free_port(), free_port()
        controller = Server(
            "kustomize-controller",
            [
                str(find_program("kustomize-controller")),
                f"--health-addr=127.0.0.1:{health}",
                f"--metrics-addr=127.0.0.1:{metrics}",
                "--watch-all-namespaces=false",
            ],
            folder,
            {"KUBECONFIG": str(cluster.kubeconfig), "RUNTIME_NAMESPACE": namespace},
        )
        repository = {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": SOURCE, "namespace": namespace},
            "spec": {"interval": "1h", "url": "http://127.0.0.1/models.git"},
        }
        cluster.apply([repository])
        controller.start()
        try:
            until("kustomize-controller", lambda: _alive(controller, health))
            yield Flux(cluster, namespace, controller, port, served)
        finally:
            controller.stop()


def _crd(kind: str, plural: str) -> dict[str, Any]:
    """The CRD of a source kind, without a schema."""
    group = "source.toolkit.fluxcd.io"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def _alive(controller: Server, port: int) -> bool:
    controller.check()
    return answers("127.0.0.1", port)


def _tar(files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            data = text.encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


@contextmanager
def _serving(served: Mapping[str, bytes]) -> Iterator[int]:
    """Serve archives by name; yields the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = served.get(self.path.lstrip("/"))
            self.send_response(200 if data is not None else 404)
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, format: str, *arguments: Any) -> None:
            """Write no log."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
