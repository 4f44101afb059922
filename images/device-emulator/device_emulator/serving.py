"""Offers the devices to the kubelet until it is stopped.

A kubelet that starts removes all sockets of its folder and forgets its
plugins. The plugin notices a restart only because nobody reads its list of
devices any more. So it serves, registers, and starts again when the kubelet
stops reading.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc

from device_emulator.devices import Resource
from device_emulator.kubelet import v1beta1_pb2 as api
from device_emulator.kubelet import v1beta1_pb2_grpc
from device_emulator.plugin import EmulatorPlugin

KUBELET_SOCKET = "kubelet.sock"
VERSION = "v1beta1"

AGAIN_SECONDS = 1.0
"""Seconds between two attempts to register; a kubelet takes seconds to start."""

ANSWER_SECONDS = 10.0
"""Seconds in which the kubelet must answer, and then read the list."""

AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
"""Status of a call to a kubelet that is not running; any other error is a refusal."""

log = logging.getLogger(__name__)


class CannotServeError(Exception):
    """A permanent error: the socket cannot be created, or the kubelet refuses; the message says which."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The resource that is offered, and its folders.

    Attributes:
        sockets: the kubelet's folder of device plugins.
        failed: the folder of failed devices (`failures.py`).
    """

    resource: Resource
    sockets: Path
    failed: Path

    @property
    def socket(self) -> Path:
        """Socket of the plugin. Its name contains the resource, so that two emulators can run."""
        return self.sockets / f"emulated-{self.resource.name.replace('/', '-')}.sock"


async def serve(offer: Offer, stopping: asyncio.Event) -> None:
    """Offer the devices until `stopping` is set; afterwards remove the socket.

    Raises:
        CannotServeError: the socket cannot be created, or the kubelet refuses.
    """
    away = ""
    while not stopping.is_set():
        async with _served(offer) as plugin:
            former, away = away, await _register(offer)
            if not away:
                log.info("registered %s; devices: %s", offer.resource.name, ", ".join(offer.resource.ids()))
                if await _any_of(stopping, plugin.listening, within=ANSWER_SECONDS):
                    await _any_of(stopping, plugin.left)
                log.info("stopping" if stopping.is_set() else "the kubelet stopped reading the device list")
            elif away != former:
                log.info("waiting for a kubelet at %s: %s", offer.sockets / KUBELET_SOCKET, away)
        await _any_of(stopping, within=AGAIN_SECONDS)


@contextlib.asynccontextmanager
async def _served(offer: Offer) -> AsyncIterator[EmulatorPlugin]:
    plugin = EmulatorPlugin(offer.resource, offer.failed)
    server = grpc.aio.server()
    v1beta1_pb2_grpc.add_DevicePluginServicer_to_server(plugin, server)
    try:
        server.add_insecure_port(f"unix://{offer.socket}")
    except RuntimeError as error:
        raise CannotServeError(f"{offer.socket} cannot be created: {error}") from error
    await server.start()
    try:
        yield plugin
    finally:
        await server.stop(grace=0)
        offer.socket.unlink(missing_ok=True)


async def _register(offer: Offer) -> str:
    """Register with the kubelet; returns why it is not reachable, or an empty string."""
    async with grpc.aio.insecure_channel(f"unix://{offer.sockets / KUBELET_SOCKET}") as channel:
        kubelet = v1beta1_pb2_grpc.RegistrationStub(channel)
        request = api.RegisterRequest(
            version=VERSION, endpoint=offer.socket.name, resource_name=offer.resource.name
        )
        try:
            await kubelet.Register(request, timeout=ANSWER_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() in AWAY:
                return error.code().name
            raise CannotServeError(f"the kubelet refuses {offer.resource.name}: {error.details()}") from error
    return ""


async def _any_of(*events: asyncio.Event, within: float | None = None) -> bool:
    """Wait for one of the events; returns whether one was set in time."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    done, pending = await asyncio.wait(waits, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    for wait in pending:
        wait.cancel()
    return bool(done)
