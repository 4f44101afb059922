"""Faults of requests to an API server: which requests, and what goes wrong.

A `Fault` is a function of a request and a way to forward it. It returns the
answer, or None to close the connection. `faulty_api_server.py` applies them.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

CREATES_A_JOB = r"^POST \S+/jobs "
DELETES_A_JOB = r"^DELETE \S+/jobs/"
WRITES_A_STATUS = r"^PATCH \S+/status "
CREATES_AN_EVENT = r"^POST \S+/events "
READS_A_DEPLOYMENT = r"^GET \S+/nerdeployments/[^/\s]+ "
LISTS_PODS = r"^GET \S+/pods\?"
WATCHES = r"^GET \S+[?&]watch=true"
ANYTHING = ""

FOR_EVER = 10**9

_REASONS = {409: "Conflict", 410: "Expired", 429: "TooManyRequests", 500: "InternalError"}


@dataclass(frozen=True, slots=True)
class Request:
    """A client's request.

    Attributes:
        path: with the query.
    """

    method: str
    path: str
    body: bytes = b""

    @property
    def text(self) -> str:
        """The text that a fault's pattern is searched in: `POST /api/v1/…/events {"kind": …}`."""
        return f"{self.method} {self.path} {self.body.decode(errors='replace')}"

    @property
    def watches(self) -> bool:
        """Whether it is a watch."""
        return re.search(WATCHES, self.text) is not None


@dataclass(frozen=True, slots=True)
class Answer:
    """The server's answer."""

    code: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


Forward = Callable[[], Answer]
"""Forwards a request and returns the server's answer."""

Fault = Callable[[Request, Forward], Answer | None]


def answers(code: int, reason: str = "", retry_after: int | None = None) -> Fault:
    """Answer with an error, as a Status object; the request is not forwarded.

    Args:
        code: HTTP status.
        reason: of the Status; by default the reason that belongs to the code.
        retry_after: seconds of the header Retry-After.
    """
    headers = {"Content-Type": "application/json"}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    answer = Answer(code, json.dumps(_status(code, reason or _REASONS.get(code, ""))).encode(), headers)
    return lambda request, forward: answer


def watch_fails(code: int) -> Fault:
    """Let a watch begin, and end it at once with an ERROR event."""
    event = {"type": "ERROR", "object": _status(code, _REASONS.get(code, ""))}
    answer = Answer(200, json.dumps(event).encode() + b"\n", {"Content-Type": "application/json"})
    return lambda request, forward: answer


def request_lost(request: Request, forward: Forward) -> None:
    """Close the connection; the request does not reach the server."""


def answer_lost(request: Request, forward: Forward) -> None:
    """Forward the request, and close the connection without an answer."""
    forward()


def after(done: Callable[[], Any]) -> Fault:
    """Forward the request, call `done`, and close the connection without an answer."""

    def fault(request: Request, forward: Forward) -> None:
        forward()
        done()

    return fault


def before(done: Callable[[], Any]) -> Fault:
    """Call `done`, and close the connection; the request does not reach the server."""

    def fault(request: Request, forward: Forward) -> None:
        done()

    return fault


def meanwhile(done: Callable[[], Any]) -> Fault:
    """Call `done`, then forward the request and its answer."""

    def fault(request: Request, forward: Forward) -> Answer:
        done()
        return forward()

    return fault


@dataclass(eq=False)
class Rule:
    """A fault, and the requests that it is applied to.

    Attributes:
        left: number of requests to which it will still be applied.
        met: number of requests to which it was applied.
    """

    pattern: re.Pattern[str]
    fault: Fault
    left: int
    met: int = 0


def _status(code: int, reason: str) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": f"the test answers {code}",
    }
