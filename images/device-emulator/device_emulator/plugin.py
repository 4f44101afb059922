"""The gRPC service that the kubelet calls: which devices there are, and what a container is given."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

import grpc

from device_emulator.devices import DEVICE_NODE, NoSuchDeviceError, Resource, grant, health_of
from device_emulator.drill import read_failed
from device_emulator.kubelet import v1beta1_pb2 as api
from device_emulator.kubelet.v1beta1_pb2_grpc import DevicePluginServicer

LOOK_SECONDS = 0.5
"""Between two looks at the folder of failed devices."""

HEALTH = {True: "Healthy", False: "Unhealthy"}

log = logging.getLogger(__name__)


class EmulatorPlugin(DevicePluginServicer):
    """One resource's devices, as one kubelet sees them.

    Args:
        resource: what is offered.
        failed: the folder of failed devices (`drill.py`).

    Attributes:
        listening: set once the kubelet listens to the list of devices.
        left: set once it no longer does.
    """

    def __init__(self, resource: Resource, failed: Path) -> None:
        self._resource = resource
        self._failed = failed
        self.listening = asyncio.Event()
        self.left = asyncio.Event()

    async def GetDevicePluginOptions(
        self, request: api.Empty, context: "grpc.aio.ServicerContext[api.Empty, api.DevicePluginOptions]"
    ) -> api.DevicePluginOptions:
        """Nothing optional is offered."""
        return api.DevicePluginOptions()

    async def ListAndWatch(
        self, request: api.Empty, context: "grpc.aio.ServicerContext[api.Empty, api.ListAndWatchResponse]"
    ) -> AsyncIterator[api.ListAndWatchResponse]:
        """All devices at once, and again whenever the health of one changes."""
        self.listening.set()
        told: Mapping[str, bool] | None = None
        try:
            while True:
                health = health_of(self._resource, read_failed(self._failed))
                if health != told:
                    log.info("%s: %s", self._resource.name, _in_words(health))
                    yield _listed(health)
                    told = health
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self.left.set()

    async def Allocate(
        self,
        request: api.AllocateRequest,
        context: "grpc.aio.ServicerContext[api.AllocateRequest, api.AllocateResponse]",
    ) -> api.AllocateResponse:
        """What each container is given."""
        try:
            given = [self._given(each.device_ids) for each in request.container_requests]
        except NoSuchDeviceError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return api.AllocateResponse(container_responses=given)

    def _given(self, ids: Iterable[str]) -> api.ContainerAllocateResponse:
        given = grant(self._resource, tuple(ids))
        log.info("%s: a container is given %s", self._resource.name, ", ".join(given.nodes))
        return api.ContainerAllocateResponse(
            envs=given.environment,
            annotations=given.annotations,
            devices=[
                api.DeviceSpec(container_path=node, host_path=DEVICE_NODE, permissions="rw")
                for node in given.nodes
            ],
        )


def _listed(health: Mapping[str, bool]) -> api.ListAndWatchResponse:
    return api.ListAndWatchResponse(
        devices=[api.Device(id=each, health=HEALTH[well]) for each, well in health.items()]
    )


def _in_words(health: Mapping[str, bool]) -> str:
    failed = [each for each, well in health.items() if not well]
    words = f"{len(health) - len(failed)} of {len(health)} devices are healthy"
    return f"{words}; failed: {', '.join(failed)}" if failed else words
