"""A kubelet's side of the device plugin API over real sockets, and the emulator as a process of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from device_emulator.kubelet import v1beta1_pb2 as api
from device_emulator.kubelet import v1beta1_pb2_grpc

DEADLINE = 60.0
"""Seconds for anything to come true; most takes one."""

SOURCES = Path(__file__).resolve().parents[3] / "images" / "device-emulator"


class FakeKubelet(v1beta1_pb2_grpc.RegistrationServicer):
    """Registers plugins, dials back, and keeps what their lists say, as the kubelet does.

    Args:
        sockets: its folder; whatever is in it is removed at each start.
        refusal: what it answers to a plugin that it does not want.
    """

    def __init__(self, sockets: Path, refusal: str = "") -> None:
        self.sockets = sockets
        self.refusal = refusal
        self.registered: list[api.RegisterRequest] = []
        self.health: Mapping[str, str] = {}
        self._changed = threading.Condition()
        self._server: grpc.Server | None = None
        self._channels: list[grpc.Channel] = []

    def start(self) -> None:
        """Forget every plugin, and listen."""
        self.registered, self.health = [], {}
        for each in self.sockets.iterdir():
            each.unlink()
        self._server = grpc.server(ThreadPoolExecutor(2))
        v1beta1_pb2_grpc.add_RegistrationServicer_to_server(self, self._server)
        self._server.add_insecure_port(f"unix://{self.sockets / 'kubelet.sock'}")
        self._server.start()

    def stop(self) -> None:
        """End as a killed kubelet does: connections drop, plugins' sockets stay."""
        if self._server:
            self._server.stop(0).wait()
        for channel in self._channels:
            channel.close()
        self._channels = []

    def Register(self, request: api.RegisterRequest, context: grpc.ServicerContext) -> api.Empty:  # noqa: N802
        if self.refusal:
            context.abort(grpc.StatusCode.UNKNOWN, self.refusal)
        channel = grpc.insecure_channel(f"unix://{self.sockets / request.endpoint}")
        self._channels.append(channel)
        threading.Thread(target=self._listen, args=(channel,), daemon=True).start()
        with self._changed:
            self.registered.append(request)
            self._changed.notify_all()
        return api.Empty()

    def _listen(self, channel: grpc.Channel) -> None:
        try:
            for told in v1beta1_pb2_grpc.DevicePluginStub(channel).ListAndWatch(api.Empty()):
                with self._changed:
                    self.health = {each.id: each.health for each in told.devices}
                    self._changed.notify_all()
        except (grpc.RpcError, ValueError):
            with self._changed:
                self.health = {}
                self._changed.notify_all()

    def until(self, what: str, ready: Callable[["FakeKubelet"], bool]) -> None:
        """Wait until it is so; fail with what was waited for."""
        with self._changed:
            assert self._changed.wait_for(lambda: ready(self), DEADLINE), f"{what}: {self.health}"

    def allocate(self, *containers: tuple[str, ...]) -> api.AllocateResponse:
        """What the last plugin gives to containers with these devices."""
        plugin = v1beta1_pb2_grpc.DevicePluginStub(self._channels[-1])
        requests = [api.ContainerAllocateRequest(device_ids=ids) for ids in containers]
        given: api.AllocateResponse = plugin.Allocate(api.AllocateRequest(container_requests=requests))
        return given


@dataclass
class Emulator:
    """`python -m device_emulator`, on folders of the test."""

    sockets: Path
    failed: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def command(self, *arguments: str) -> list[str]:
        folders = ["--sockets", str(self.sockets), "--failed", str(self.failed)]
        return [sys.executable, "-m", "device_emulator", *folders, *arguments]

    @property
    def environment(self) -> dict[str, str]:
        offered = {"EMULATED_RESOURCE": "vastaitech.com/va", "EMULATED_COUNT": "2"}
        return {**os.environ, **offered, "PYTHONPATH": str(SOURCES)}

    def serve(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.command("serve"),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.processes.append(process)
        return process

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command that ends by itself."""
        return subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, timeout=DEADLINE
        )

    def end_of(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        """Exit code and output of what ends by itself, or has been told to."""
        output, _ = process.communicate(timeout=DEADLINE)
        return process.returncode, output

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own: a unix socket's path has 107 bytes at most."""
    made = Path(tempfile.mkdtemp(prefix="emulator-"))
    (made / "sockets").mkdir()
    yield made
    shutil.rmtree(made)


@pytest.fixture
def kubelet(folder: Path) -> Iterator[FakeKubelet]:
    made = FakeKubelet(folder / "sockets")
    yield made
    made.stop()


@pytest.fixture
def emulator(folder: Path) -> Iterator[Emulator]:
    made = Emulator(folder / "sockets", folder / "failed")
    yield made
    made.stop()
