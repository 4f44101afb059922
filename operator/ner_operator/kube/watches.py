"""kopf's part: it keeps the three watches up, and hands each event on. Nothing is decided or written here.

Only `on.event` is used, which leaves objects alone: other handlers would put
finalizers and copies of the spec into them. What kopf would do besides is
turned off here, each with the reason.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import kopf
from kubernetes import client

from ner_operator.api.meta import GROUP
from ner_operator.api.v1alpha1.version import VERSION
from ner_operator.controllers.nerdeployment.labels import OURS
from ner_operator.controllers.nerdeployment.watch import Watch
from ner_operator.kube.client import BODIES, Json

BACKOFFS = (0.5, 1, 2, 3, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5)
"""Seconds between tries of one request. A server that is away may come back at any moment, so they stay
short; what answers with errors for longer than all of them together ends the process."""

LONGEST_DELAY = 20.0
"""Seconds that the watches may begin after the process has read the cluster."""

Event = dict[str, Any]


class NoDiffBase(kopf.DiffBaseStorage):
    """Keeps no copy of a spec anywhere; kopf would put one into an annotation, and take one of each event."""

    def build(self, **_: Any) -> Any:
        """Nothing: no handler asks what has changed."""
        return None

    def fetch(self, **_: Any) -> Any:
        """Nothing."""
        return None

    def store(self, **_: Any) -> None:
        """Nowhere."""


def registry(
    watch: Watch, configuration: client.Configuration, looked: Callable[[], bool]
) -> kopf.OperatorRegistry:
    """Who is called for what."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.startup(registry=handlers)
    async def let_first_looks_end(**_: Any) -> None:
        # A watch begins with a list of everything, which has just been read: at a start with thousands of
        # Jobs it would take the processor from the looks that wait. What happens meanwhile is in that list.
        loop = asyncio.get_running_loop()
        latest = loop.time() + LONGEST_DELAY
        while not looked() and loop.time() < latest:
            await asyncio.sleep(0.05)

    @kopf.on.login(registry=handlers)
    def login(**_: Any) -> kopf.ConnectionInfo:
        return connection(configuration)

    def hand_on(what: Callable[[bool, Json], None]) -> Callable[..., Any]:
        async def told(event: Event, **_: Any) -> None:
            what(event["type"] == "DELETED", event["object"])

        return told

    kopf.on.event(GROUP, VERSION, "nerdeployments", id="deployment", registry=handlers)(
        hand_on(watch.deployment)
    )
    kopf.on.event(GROUP, VERSION, "nerruntimes", id="runtime", registry=handlers)(hand_on(watch.runtime))
    kopf.on.event("batch", "v1", "jobs", id="job", registry=handlers)(hand_on(watch.job))
    return handlers


def settings(silence: float) -> kopf.OperatorSettings:
    """How kopf behaves.

    Args:
        silence: seconds without any event after which a watch is taken for dead. The server sends a
            bookmark each minute.
    """
    chosen = kopf.OperatorSettings()
    chosen.watching.label_selectors["batch", "v1", "jobs"] = OURS
    chosen.watching.inactivity_timeout = silence
    chosen.watching.connect_timeout = 10.0
    chosen.watching.chunk_size = BODIES
    chosen.networking.connect_timeout = 10.0
    chosen.networking.request_timeout = 60.0
    chosen.networking.error_backoffs = BACKOFFS
    # Lists of CRDs and namespaces need rights that we have no other use for.
    chosen.scanning.disabled = True
    chosen.posting.enabled = False
    # A worker keeps the last body of its object until it ends: thousands at a start.
    chosen.queueing.idle_timeout = 0.05
    chosen.queueing.exit_timeout = 1.0
    chosen.persistence.diffbase_storage = NoDiffBase()
    return chosen


def connection(configuration: client.Configuration) -> kopf.ConnectionInfo:
    """The server and credentials of our own client, for kopf's."""
    token = next((setting["value"] for setting in configuration.auth_settings().values()), "") or ""
    scheme, _, secret = token.rpartition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        scheme=scheme.title() or None,
        token=secret or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
    )


async def watch_until_stopped(
    watch: Watch,
    configuration: client.Configuration,
    namespaces: Iterable[str],
    silence: float,
    looked: Callable[[], bool],
) -> None:
    """Keep the watches up until SIGTERM.

    Args:
        looked: whether nobody waits for a look any more; the watches begin then.

    Raises:
        Exception: a watch failed for good; the process has to be started again.
    """
    served: Sequence[str] = tuple(namespaces)
    # It tells of each event that it was handled.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    await kopf.operator(
        registry=registry(watch, configuration, looked),
        settings=settings(silence),
        standalone=True,
        # It would look up the user's name otherwise, and in our image the user has none. (A string, whose
        # type kopf keeps to itself.)
        identity="nerd-operator",  # type: ignore[arg-type]
        clusterwide=not served,
        namespaces=served,
    )
