"""What goes wrong with requests to an API server: which of them, and how.

A `Fault` is a function that is given a request and the means to pass it on; it
returns the answer, or None to hang up. `faulty_api_server.py` lets requests
meet them.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

CREATES_A_JOB = r"^POST \S+/jobs "
DELETES_A_JOB = r"^DELETE \S+/jobs/"
WRITES_A_STATUS = r"^PATCH \S+/status "
TELLS_AN_EVENT = r"^POST \S+/events "
READS_A_DEPLOYMENT = r"^GET \S+/nerdeployments/[^/\s]+ "
LISTS_PODS = r"^GET \S+/pods\?"
WATCHES = r"^GET \S+[?&]watch=true"
ANYTHING = ""

FOR_EVER = 10**9

_REASONS = {409: "Conflict", 410: "Expired", 429: "TooManyRequests", 500: "InternalError"}


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks.

    Attributes:
        path: with the query.
    """

    method: str
    path: str
    body: bytes = b""

    @property
    def text(self) -> str:
        """All of it, as the patterns of faults see it: `POST /api/v1/…/events {"kind": …}`."""
        return f"{self.method} {self.path} {self.body.decode(errors='replace')}"

    @property
    def watches(self) -> bool:
        """Whether its answer has no end."""
        return re.search(WATCHES, self.text) is not None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server says."""

    code: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


Forward = Callable[[], Answer]
"""Passes a request on, and returns the server's answer."""

Fault = Callable[[Request, Forward], Answer | None]


def answers(code: int, reason: str = "", retry_after: int | None = None) -> Fault:
    """The server refuses, in the form that all its refusals have; it was never asked.

    Args:
        code: of HTTP.
        reason: the server's word; by default the one that goes with the code.
        retry_after: seconds that it asks to wait.
    """
    headers = {"Content-Type": "application/json"}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    answer = Answer(code, json.dumps(_status(code, reason or _REASONS.get(code, ""))).encode(), headers)
    return lambda request, forward: answer


def watch_fails(code: int) -> Fault:
    """A watch begins, and ends at once with an error in the server's own form."""
    event = {"type": "ERROR", "object": _status(code, _REASONS.get(code, ""))}
    answer = Answer(200, json.dumps(event).encode() + b"\n", {"Content-Type": "application/json"})
    return lambda request, forward: answer


def lost_on_the_way(request: Request, forward: Forward) -> None:
    """The request never reaches the server."""


def answer_lost(request: Request, forward: Forward) -> None:
    """It takes effect, and nobody hears of it."""
    forward()


def after(done: Callable[[], Any]) -> Fault:
    """The request takes effect, then something happens, and the answer is lost."""

    def fault(request: Request, forward: Forward) -> None:
        forward()
        done()

    return fault


def before(done: Callable[[], Any]) -> Fault:
    """Something happens, and the request never reaches the server."""

    def fault(request: Request, forward: Forward) -> None:
        done()

    return fault


def meanwhile(done: Callable[[], Any]) -> Fault:
    """Something happens, then the request goes on its way, and all is well."""

    def fault(request: Request, forward: Forward) -> Answer:
        done()
        return forward()

    return fault


@dataclass(eq=False)
class Rule:
    """A fault, and the requests that meet it.

    Attributes:
        left: how many still will.
        met: how many have.
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
