"""Speaking with the API server: JSON in, JSON out, one pool of connections, each request with a deadline.

The kubernetes client finds the server and the credentials (in a pod, or by a
kubeconfig) and renews them. Its typed layers are left out: they cost several
times what the server takes, and a decision rests on a few fields. Nothing is
retried here; whoever asked knows whether to look again.
"""

import json
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.client.rest import RESTClientObject

Json = dict[str, Any]

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0

METADATA = 500
"""Objects in one page of a list of metadata: what is held in memory at once."""

BODIES = 100
"""Whole objects in one page: a pod is ten kilobytes, and in memory several times that while it is read."""

METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
MERGE_PATCH = "application/merge-patch+json"


class ApiError(Exception):
    """The server refused, or did not answer.

    Attributes:
        status: of HTTP; 0 where there was no answer.
        reason: the server's word for it (`NotFound`, `Conflict`, `AlreadyExists`, `Expired`).
        retry_after: seconds that the server asks to wait.
    """

    def __init__(self, status: int, reason: str, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after

    @property
    def not_found(self) -> bool:
        """There is no such object."""
        return self.status == 404

    @property
    def conflict(self) -> bool:
        """The object is not what it was when it was read."""
        return self.status == 409 and self.reason == "Conflict"

    @property
    def already_exists(self) -> bool:
        """There is an object of this name."""
        return self.status == 409 and self.reason == "AlreadyExists"

    @property
    def refused(self) -> bool:
        """The request itself is refused (a quota, a webhook, a field); the same again is too, for now."""
        return 400 <= self.status < 500 and self.status not in (401, 404, 408, 409, 410, 429)


@dataclass(frozen=True, slots=True)
class Kind:
    """Where objects of a kind are found."""

    root: str
    plural: str

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """Of one object, or of all; `namespace` None is all namespaces, or none."""
        parts = [self.root]
        if namespace is not None:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)


DEPLOYMENTS = Kind("/apis/nerd.dev/v1alpha1", "nerdeployments")
RUNTIMES = Kind("/apis/nerd.dev/v1alpha1", "nerruntimes")
JOBS = Kind("/apis/batch/v1", "jobs")
PODS = Kind("/api/v1", "pods")
EVENTS = Kind("/api/v1", "events")


def configure() -> client.Configuration:
    """Of the service account in a pod, else of the kubeconfig (`KUBECONFIG`).

    Raises:
        kubernetes.config.ConfigException: there is neither.
    """
    configuration = client.Configuration()
    try:
        config.load_incluster_config(configuration)
    except config.ConfigException:
        config.load_kube_config(client_configuration=configuration)
    return configuration


class Api:
    """A connection to one API server; safe for many threads.

    Args:
        configuration: of server and credentials; what it renews is used at once.
        connections: kept open, one for each thread that asks.
    """

    def __init__(self, configuration: client.Configuration, connections: int = 8) -> None:
        self._configuration = configuration
        self._pool: urllib3.PoolManager = RESTClientObject(configuration, maxsize=connections).pool_manager
        self._agent = f"nerd-operator/{version('nerdeployment')}"

    def get(self, kind: Kind, namespace: str | None, name: str) -> Json:
        """One object."""
        return self.request("GET", kind.path(namespace, name))

    def create(self, kind: Kind, namespace: str | None, body: Mapping[str, Any]) -> Json:
        """The object as it is stored."""
        return self.request("POST", kind.path(namespace), body=body)

    def patch_status(self, kind: Kind, namespace: str | None, name: str, patch: Mapping[str, Any]) -> Json:
        """The object after a merge patch of its status; `metadata.resourceVersion` in it is a condition."""
        path = kind.path(namespace, name, "status")
        return self.request("PATCH", path, body=patch, content_type=MERGE_PATCH)

    def delete(self, kind: Kind, namespace: str | None, name: str, uid: str) -> Json:
        """Delete this very object and, in the background, what it owns; returns what the server says is left.

        The raw API orphans a Job's pods unless it is told a propagation policy.
        """
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        return self.request("DELETE", kind.path(namespace, name), body=body)

    def listed(self, kind: Kind, namespace: str, labels: str) -> Json:
        """A short list in one piece: the server's list object.

        Without a limit the server answers out of its own memory; a page it may have to read from etcd, all
        objects of the kind until it has found enough that are meant.
        """
        found = self.request("GET", kind.path(namespace), query={"labelSelector": labels})
        found["items"] = found["items"] or []
        return found

    def pages(
        self,
        kind: Kind,
        namespace: str | None,
        labels: str = "",
        fields: str = "",
        metadata_only: bool = False,
    ) -> Iterator[Json]:
        """A list, page by page; each page is the server's list object."""
        query = {"limit": str(METADATA if metadata_only else BODIES)}
        if labels:
            query["labelSelector"] = labels
        if fields:
            query["fieldSelector"] = fields
        while True:
            accept = METADATA_ONLY if metadata_only else "application/json"
            page = self.request("GET", kind.path(namespace), query=query, accept=accept)
            following = page["metadata"].get("continue")
            # An empty list of metadata says null.
            page["items"] = page["items"] or []
            yield page
            if not following:
                return
            query["continue"] = following

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Json:
        """Ask, and return the parsed answer.

        Raises:
            ApiError: the server refused, or did not answer.
        """
        headers = {"Accept": accept, "User-Agent": self._agent}
        for setting in self._configuration.auth_settings().values():
            headers[setting["key"]] = setting["value"]
        data = None
        if body is not None:
            headers["Content-Type"] = content_type
            data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        url = self._configuration.host.rstrip("/") + path
        if query:
            url += "?" + urllib.parse.urlencode(query)
        try:
            answer = self._pool.request(
                method,
                url,
                body=data,
                headers=headers,
                retries=False,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            )
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(0, "NoAnswer", f"{method} {path}: {error}") from error
        if answer.status >= 400:
            raise _error_of(answer, f"{method} {path}")
        parsed: Json = json.loads(answer.data)
        return parsed


def _error_of(answer: urllib3.BaseHTTPResponse, what: str) -> ApiError:
    try:
        told = json.loads(answer.data)
    except ValueError:
        told = {}
    if not isinstance(told, dict):
        told = {}
    message = told.get("message") or answer.data[:256].decode(errors="replace") or answer.reason or ""
    after = answer.headers.get("Retry-After", "")
    return ApiError(
        answer.status,
        str(told.get("reason", "")),
        f"{what}: {answer.status} {message}",
        float(after) if after.isdecimal() else 0.0,
    )
