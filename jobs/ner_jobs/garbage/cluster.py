"""The NerDeployments of the cluster that this pod runs in: one request a page, and nothing else.

All pages or an error: a collector must not delete by half a list. There is no
client library: this is one GET, under an account that may do nothing else.
"""

import http.client
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from ner_jobs.task import ExitCode, PermanentError, RetryableError

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet puts the service account's token and the cluster's authority."""

PATH = "/apis/nerd.dev/v1alpha1/nerdeployments"
PAGE = 200
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """How to ask an API server.

    Attributes:
        url: `https://host:port`.
        token: of the service account.
        authority: PEM file of the authority that signed the server's certificate.
    """

    url: str
    token: str
    authority: Path

    @classmethod
    def of_pod(cls, host: str, port: str, account: Path) -> "Cluster":
        """The cluster that this pod runs in.

        Raises:
            PermanentError: this process runs in no pod, or in one without a token.
        """
        try:
            token = (account / "token").read_text().strip()
        except OSError as error:
            raise PermanentError(
                f"no service account's token at {account} ({error.strerror}): the collector asks the cluster "
                "what is in use, so it has to run in a pod of it; on this machine, run nerd gc",
                ExitCode.CONFIGURATION,
            ) from error
        address = f"[{host}]" if ":" in host else host
        return cls(f"https://{address}:{port}", token, account / "ca.crt")


def list_deployments(cluster: Cluster, page: int = PAGE) -> Iterator[dict[str, Any]]:
    """Every NerDeployment of the cluster.

    Args:
        cluster: to ask.
        page: objects at a time.

    Raises:
        RetryableError: the list is incomplete: the server refused, or the connection broke.
    """
    following = ""
    while True:
        query = {"limit": str(page)} | ({"continue": following} if following else {})
        body = _get(cluster, f"{PATH}?{urlencode(query)}")
        try:
            yield from body["items"]
            following = body["metadata"].get("continue", "")
        except (KeyError, TypeError, AttributeError) as error:
            raise _incomplete(cluster, f"the answer is no list ({error!r})") from error
        if not following:
            return


def _get(cluster: Cluster, path: str) -> Any:
    parts = urlsplit(cluster.url)
    try:
        context = ssl.create_default_context(cafile=str(cluster.authority))
        connection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=SECONDS, context=context
        )
        try:
            connection.request(
                "GET",
                path,
                headers={"Authorization": f"Bearer {cluster.token}", "Accept": "application/json"},
            )
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        body = json.loads(data) if answer.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _incomplete(cluster, f"{type(error).__name__}: {error}") from error
    if body is None:
        raise _incomplete(cluster, f"{answer.status} {_reason(data) or answer.reason}")
    return body


def _reason(data: bytes) -> str:
    """The message of a Status object; empty if the answer is none."""
    try:
        return str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        return ""


def _incomplete(cluster: Cluster, why: str) -> RetryableError:
    return RetryableError(
        f"the list of NerDeployments from {cluster.url} is incomplete ({why}): nothing is removed"
    )
