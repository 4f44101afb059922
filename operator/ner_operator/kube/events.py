"""Events: what people read with `kubectl describe`."""

import hashlib
import logging
import time
from dataclasses import dataclass

from ner_operator.kube.client import Api, ApiError
from ner_operator.kube.objects import EVENTS, Json, ObjectReference

logger = logging.getLogger(__name__)

LONGEST_MESSAGE = 1024
"""Bytes of an Event's message; the API server refuses more."""


@dataclass(frozen=True, slots=True)
class EventRecorder:
    """Writes Events; safe for many threads.

    Attributes:
        reporter: name of the controller.
    """

    api: Api
    reporter: str

    def record(self, regarding: ObjectReference, type: str, reason: str, message: str) -> None:
        """Write one Event. An error is logged and changes nothing else.

        Args:
            type: `Normal` or `Warning`.
        """
        event = event_manifest(regarding, type, reason, message, self.reporter, time.time())
        try:
            self.api.create(EVENTS, regarding.namespace, event)
        except ApiError as error:
            # An equal Event was written before and has not expired yet.
            if not error.already_exists:
                logger.warning("cannot write an Event: %s", error)


def event_manifest(
    regarding: ObjectReference, type: str, reason: str, message: str, reporter: str, now: float
) -> Json:
    """The Event as an object to create. Equal Events have equal names, so that each is stored once.

    Args:
        now: seconds since the epoch.
    """
    content = "\0".join((regarding.uid, type, reason, message))
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {"name": f"{regarding.name[:236]}.{digest}", "namespace": regarding.namespace},
        "involvedObject": {
            "apiVersion": regarding.resource.api_version,
            "kind": regarding.resource.kind,
            "name": regarding.name,
            "namespace": regarding.namespace,
            "uid": regarding.uid,
            "resourceVersion": regarding.resource_version,
        },
        "type": type,
        "reason": reason,
        "message": _truncated(message),
        "source": {"component": reporter},
        "reportingComponent": reporter,
        "reportingInstance": reporter,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }


def _truncated(message: str) -> str:
    data = message.encode()
    if len(data) <= LONGEST_MESSAGE:
        return message
    return data[: LONGEST_MESSAGE - 3].decode(errors="ignore") + "…"
