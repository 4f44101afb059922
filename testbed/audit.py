"""The API server's audit log: every request with its user and its time, in microseconds.

Timestamps in objects have whole seconds, and a watch does not see every write.
A line is written when its request has been answered.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request that the API server answered.

    Attributes:
        user: `system:serviceaccount:NAMESPACE:NAME` for one.
        verb: `get`, `list`, `watch`, or one of `WRITES`.
        resource: `jobs`, `nerdeployments/status`.
        name: of the object; empty for a list, and for a generated name.
        code: HTTP status of the answer.
        received, answered: seconds since the epoch.
        body: of the request, if the policy records it.
    """

    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    code: int
    received: float
    answered: float
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def writes(self) -> bool:
        """Whether it is a write, successful or not."""
        return self.verb in WRITES

    @property
    def adds_complete(self) -> bool:
        """Whether it is the status write that completes a Job."""
        if self.resource != "jobs/status" or self.code >= 400:
            return False
        conditions = self.body.get("status", {}).get("conditions") or []
        return any(each["type"] == "Complete" and each["status"] == "True" for each in conditions)


def read_requests(log: Path, wanted: Callable[[Request], bool] = lambda request: True) -> Iterator[Request]:
    """The requests of a log, in the order of their answers, without an unfinished last line."""
    with log.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                request = _request(json.loads(line))
                if wanted(request):
                    yield request


def writes_by(log: Path, user: str) -> list[Request]:
    """The writes of a user, successful or not."""
    return list(read_requests(log, lambda request: request.writes and request.user == user))


def _request(event: dict[str, Any]) -> Request:
    about = event.get("objectRef") or {}
    resource = about.get("resource", event.get("requestURI", ""))
    below = about.get("subresource")
    return Request(
        user=event.get("impersonatedUser", event["user"])["username"],
        verb=event["verb"],
        resource=f"{resource}/{below}" if below else resource,
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        code=int((event.get("responseStatus") or {}).get("code", 0)),
        received=_seconds(event["requestReceivedTimestamp"]),
        answered=_seconds(event["stageTimestamp"]),
        body=event.get("requestObject") or {},
    )


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp()
