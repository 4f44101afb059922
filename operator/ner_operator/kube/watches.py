"""Watches: kopf watches the API server and passes each event to the informers. Nothing else is done here.

Only `kopf.on.event` is used, since it writes nothing into the objects. Other
handlers would add finalizers and copies of the spec. What else kopf does by
default is turned off here, each with the reason.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import kopf
from kubernetes import client

from ner_operator.kube.client import OBJECT_PAGE
from ner_operator.kube.informers import Informer
from ner_operator.kube.objects import Resource

BACKOFFS = (0.5, 1, 2, 3, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5)
"""Seconds between attempts of one request. They stay short, since a server that is away may come back at any
moment. Errors that last longer than their sum end the process."""

LONGEST_DELAY = 20.0
"""Seconds by which the watches may begin later than the workers."""


class NoDiffBase(kopf.DiffBaseStorage):
    """Stores no copy of the spec. kopf would write one into an annotation, and make one for each event."""

    def build(self, **_: Any) -> Any:
        """Nothing: no handler asks what has changed."""
        return None

    def fetch(self, **_: Any) -> Any:
        """Nothing."""
        return None

    def store(self, **_: Any) -> None:
        """Store nothing."""


def registry(
    informers: Sequence[Informer], configuration: client.Configuration, idle: Callable[[], bool]
) -> kopf.OperatorRegistry:
    """The handlers: one for each informer."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.startup(registry=handlers)
    async def wait_for_first_reconciles(**_: Any) -> None:
        # A watch begins with a list of everything, which has just been read. At a start with thousands of
        # objects, parsing it would slow down the reconciles. Changes until then are in that list.
        loop = asyncio.get_running_loop()
        latest = loop.time() + LONGEST_DELAY
        while not idle() and loop.time() < latest:
            await asyncio.sleep(0.05)

    @kopf.on.login(registry=handlers)
    def login(**_: Any) -> kopf.ConnectionInfo:
        return connection(configuration)

    for number, informer in enumerate(informers):
        resource = informer.resource
        subscribe = kopf.on.event(
            resource.group, resource.version, resource.plural, id=f"informer-{number}", registry=handlers
        )
        subscribe(_handler(informer))
    return handlers


def _handler(informer: Informer) -> Callable[..., Any]:
    async def on_event(event: dict[str, Any], **_: Any) -> None:
        if event["type"] == "DELETED":
            informer.remove(event["object"])
        else:
            informer.update(event["object"])

    return on_event


def settings(informers: Sequence[Informer], timeout: float) -> kopf.OperatorSettings:
    """The settings of kopf.

    Args:
        timeout: seconds without any event after which a watch is restarted. The server sends a bookmark
            each minute.
    """
    chosen = kopf.OperatorSettings()
    for resource in {informer.resource for informer in informers}:
        if selector := common_selector(resource, informers):
            selectors = chosen.watching.label_selectors
            selectors[resource.group, resource.version, resource.plural] = selector
    chosen.watching.inactivity_timeout = timeout
    chosen.watching.connect_timeout = 10.0
    chosen.watching.chunk_size = OBJECT_PAGE
    chosen.networking.connect_timeout = 10.0
    chosen.networking.request_timeout = 60.0
    chosen.networking.error_backoffs = BACKOFFS
    # Lists of CRDs and namespaces need rights that nothing else here needs.
    chosen.scanning.disabled = True
    chosen.posting.enabled = False
    # A worker keeps the last body of its object until it ends: thousands of bodies at a start.
    chosen.queueing.idle_timeout = 0.05
    chosen.queueing.exit_timeout = 1.0
    chosen.persistence.diffbase_storage = NoDiffBase()
    return chosen


def common_selector(resource: Resource, informers: Sequence[Informer]) -> str:
    """A label selector that matches all objects of every informer of a resource.

    kopf watches a resource once, so this has the requirements that all selectors share. `Informer.update`
    ignores objects of others.
    """
    selectors = [informer.selector.split(",") for informer in informers if informer.resource == resource]
    first, *others = selectors
    return ",".join(each for each in first if all(each in other for other in others))


def connection(configuration: client.Configuration) -> kopf.ConnectionInfo:
    """Server and credentials of our own client, for kopf's."""
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


async def watch(
    informers: Sequence[Informer],
    configuration: client.Configuration,
    namespaces: Sequence[str],
    timeout: float,
    idle: Callable[[], bool],
) -> None:
    """Watch until SIGTERM.

    Args:
        namespaces: empty for the whole cluster.
        timeout: see `settings`.
        idle: whether the first reconciles have ended. The watches begin then.

    Raises:
        Exception: a watch has failed for good; the process must be restarted.
    """
    # It logs each event.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    await kopf.operator(
        registry=registry(informers, configuration, idle),
        settings=settings(informers, timeout),
        standalone=True,
        # By default kopf looks up the user's name, and the user of a container may have none. (A string,
        # whose type kopf does not export.)
        identity="controller",  # type: ignore[arg-type]
        clusterwide=not namespaces,
        namespaces=namespaces,
    )
