"""The API server's client: JSON in, JSON out, one connection pool, a deadline for each request.

The kubernetes package finds the server and the credentials (in a pod, or from
a kubeconfig) and renews them. Its typed models are not used: they cost several
times the server's own time, and a controller reads only a few fields. Nothing
is retried here: the caller decides.
"""

import json
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.client.rest import RESTClientObject

from ner_operator.kube.objects import Json, Resource

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0

METADATA_PAGE = 500
"""Objects in one page of a list of metadata. A page is held in memory at once."""

OBJECT_PAGE = 100
"""Whole objects in one page. A pod is ten kilobytes, and several times that in memory while it is parsed."""

METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
MERGE_PATCH = "application/merge-patch+json"


class ApiError(Exception):
    """The server refused the request, or did not answer.

    Attributes:
        status: HTTP status; 0 if there was no answer.
        reason: the server's reason (`NotFound`, `Conflict`, `AlreadyExists`, `Expired`).
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
        """The object has changed since it was read."""
        return self.status == 409 and self.reason == "Conflict"

    @property
    def already_exists(self) -> bool:
        """An object of this name exists."""
        return self.status == 409 and self.reason == "AlreadyExists"

    @property
    def refused(self) -> bool:
        """The request itself is refused (a quota, a webhook, a field). A retry would be refused too."""
        return 400 <= self.status < 500 and self.status not in (401, 404, 408, 409, 410, 429)


def configure() -> client.Configuration:
    """Server and credentials from the service account of the pod, else from the kubeconfig (`KUBECONFIG`).

    Raises:
        kubernetes.config.ConfigException: neither exists.
    """
    configuration = client.Configuration()
    try:
        config.load_incluster_config(configuration)
    except config.ConfigException:
        config.load_kube_config(client_configuration=configuration)
    return configuration


class Api:
    """A client of one API server; safe for many threads.

    Args:
        configuration: server and credentials. Renewed credentials are used at once.
        connections: number of connections to keep open, one for each thread.
        user_agent: name of the program, for the server's logs.
    """

    def __init__(
        self, configuration: client.Configuration, connections: int = 8, user_agent: str = "kube"
    ) -> None:
        self.configuration = configuration
        self._pool: urllib3.PoolManager = RESTClientObject(configuration, maxsize=connections).pool_manager
        self._user_agent = user_agent

    def get(self, resource: Resource, namespace: str | None, name: str) -> Json:
        """Read one object."""
        return self.request("GET", resource.path(namespace, name))

    def create(self, resource: Resource, namespace: str | None, body: Mapping[str, Any]) -> Json:
        """Create an object; returns it as stored."""
        return self.request("POST", resource.path(namespace), body=body)

    def patch_status(
        self, resource: Resource, namespace: str | None, name: str, patch: Mapping[str, Any]
    ) -> Json:
        """Merge-patch the status; returns the object. A `resourceVersion` in the patch is a condition."""
        path = resource.path(namespace, name, "status")
        return self.request("PATCH", path, body=patch, content_type=MERGE_PATCH)

    def delete(self, resource: Resource, namespace: str | None, name: str, uid: str) -> Json:
        """Delete the object with this UID and, in the background, what it owns.

        Without a propagation policy the API would orphan a Job's pods.

        Returns:
            The object that still exists while it is being deleted, or the server's Status.
        """
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        return self.request("DELETE", resource.path(namespace, name), body=body)

    def list(self, resource: Resource, namespace: str, labels: str) -> Json:
        """List a few objects in one request; returns the server's list object.

        Without a limit the server answers from its cache. For a page it may read from etcd, and it reads all
        objects of the kind until enough of them match.
        """
        found = self.request("GET", resource.path(namespace), query={"labelSelector": labels})
        found["items"] = found["items"] or []
        return found

    def pages(
        self,
        resource: Resource,
        namespace: str | None,
        labels: str = "",
        fields: str = "",
        metadata_only: bool = False,
    ) -> Iterator[Json]:
        """List many objects, page by page. Each page is a list object of the server."""
        query = {"limit": str(METADATA_PAGE if metadata_only else OBJECT_PAGE)}
        if labels:
            query["labelSelector"] = labels
        if fields:
            query["fieldSelector"] = fields
        while True:
            accept = METADATA_ONLY if metadata_only else "application/json"
            page = self.request("GET", resource.path(namespace), query=query, accept=accept)
            next_page = page["metadata"].get("continue")
            # The items of an empty list of metadata are null.
            page["items"] = page["items"] or []
            yield page
            if not next_page:
                return
            query["continue"] = next_page

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Json:
        """Send one request; returns the parsed answer.

        Raises:
            ApiError: the server refused the request, or did not answer.
        """
        headers = {"Accept": accept, "User-Agent": self._user_agent}
        for setting in self.configuration.auth_settings().values():
            headers[setting["key"]] = setting["value"]
        data = None
        if body is not None:
            headers["Content-Type"] = content_type
            data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        url = self.configuration.host.rstrip("/") + path
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


def missing_resources(api: Api, resources: Sequence[Resource]) -> list[str]:
    """Names of the resources that the server does not serve.

    Raises:
        ApiError: the server does not answer.
    """
    served = {root: _served(api, root) for root in {resource.root for resource in resources}}
    return sorted({each.plural for each in resources if each.plural not in served[each.root]})


def _served(api: Api, root: str) -> set[str]:
    try:
        return {each["name"] for each in api.request("GET", root).get("resources", [])}
    except ApiError as error:
        if error.not_found:
            return set()
        raise


def _error_of(answer: urllib3.BaseHTTPResponse, request: str) -> ApiError:
    try:
        status = json.loads(answer.data)
    except ValueError:
        status = {}
    if not isinstance(status, dict):
        status = {}
    message = status.get("message") or answer.data[:256].decode(errors="replace") or answer.reason or ""
    after = answer.headers.get("Retry-After", "")
    return ApiError(
        answer.status,
        str(status.get("reason", "")),
        f"{request}: {answer.status} {message}",
        float(after) if after.isdecimal() else 0.0,
    )
