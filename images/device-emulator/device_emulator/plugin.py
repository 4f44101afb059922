"""The gRPC service that the kubelet calls: the list of devices, and what a container gets with them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

import grpc

from device_emulator.devices import DEVICE_NODE, NoSuchDeviceError, Resource, grant, health_of
from device_emulator.failures import read_failed
from device_emulator.kubelet import v1beta1_pb2 as api
from device_emulator.kubelet.v1beta1_pb2_grpc import DevicePluginServicer

POLL_SECONDS = 0.5
"""Seconds between two reads of the folder of failed devices."""

HEALTH = {True: "Healthy", False: "Unhealthy"}

log = logging.getLogger(__name__)


class EmulatorPlugin(DevicePluginServicer):
    """The devices of one resource, for one kubelet.

    Args:
        failed: the folder of failed devices (`failures.py`).

    Attributes:
        listening: set when the kubelet begins to read the list of devices.
        left: set when it stops.
    """

    def __init__(self, resource: Resource, failed: Path) -> None:
        self._resource = resource
        self._failed = failed
        self.listening = asyncio.Event()
        self.left = asyncio.Event()

    async def GetDevicePluginOptions(
        self, request: api.Empty, context: "grpc.aio.ServicerContext[api.Empty, api.DevicePluginOptions]"
    ) -> api.DevicePluginOptions:
        """No optional feature is supported."""
        return api.DevicePluginOptions()

    async def ListAndWatch(
        self, request: api.Empty, context: "grpc.aio.ServicerContext[api.Empty, api.ListAndWatchResponse]"
    ) -> AsyncIterator[api.ListAndWatchResponse]:
        """Send all devices now, and again whenever the health of one changes."""
        self.listening.set()
        sent: Mapping[str, bool] | None = None
        try:
            while True:
                health = health_of(self._resource, read_failed(self._failed))
                if health != sent:
                    log.info("%s: %s", self._resource.name, _summary(health))
                    yield _listed(health)
                    sent = health
                await asyncio.sleep(POLL_SECONDS)
        finally:
            self.left.set()

    async def Allocate(
        self,
        request: api.AllocateRequest,
        context: "grpc.aio.ServicerContext[api.AllocateRequest, api.AllocateResponse]",
    ) -> api.AllocateResponse:
        """What each container gets with its devices."""
        try:
            given = [self._given(each.device_ids) for each in request.container_requests]
        except NoSuchDeviceError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return api.AllocateResponse(container_responses=given)

    def _given(self, ids: Iterable[str]) -> api.ContainerAllocateResponse:
        granted = grant(self._resource, tuple(ids))
        log.info("%s: a container gets %s", self._resource.name, ", ".join(granted.nodes))
        return api.ContainerAllocateResponse(
            envs=granted.environment,
            annotations=granted.annotations,
            devices=[
                api.DeviceSpec(container_path=node, host_path=DEVICE_NODE, permissions="rw")
                for node in granted.nodes
            ],
        )


def _listed(health: Mapping[str, bool]) -> api.ListAndWatchResponse:
    return api.ListAndWatchResponse(
        devices=[api.Device(id=each, health=HEALTH[well]) for each, well in health.items()]
    )


def _summary(health: Mapping[str, bool]) -> str:
    failed = [each for each, well in health.items() if not well]
    summary = f"{len(health) - len(failed)} of {len(health)} devices are healthy"
    return f"{summary}; failed: {', '.join(failed)}" if failed else summary
