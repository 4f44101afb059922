"""Real servers in processes of their own, and a proxy of ours that stands in the way of one.

versitygw is the S3 server of the shared material; moto's is there wherever the
tests are installed. Each test gets a bucket of its own.
"""

import contextlib
import functools
import http.client
import http.server
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from ner_jobs.store.directory import DirectoryStore
from ner_jobs.store.parts import MIB, Transfers
from ner_jobs.store.protocol import Store
from ner_jobs.store.retrying import Retries
from ner_jobs.store.s3 import S3Store
from ner_jobs.task import StorageSettings

ACCESS, SECRET = "tester", "tester-secret"
READY_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A running S3 server."""

    endpoint: str

    @functools.cached_property
    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=ACCESS,
            aws_secret_access_key=SECRET,
            config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
        )

    def new_bucket(self) -> str:
        bucket = f"test-{secrets.token_hex(8)}"
        self.client.create_bucket(Bucket=bucket)
        return bucket


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def served(command: list[str], log: Path, scheme: str = "http") -> Iterator[Server]:
    """Run a server until the block ends; PORT in its command becomes a free one."""
    environment = {**os.environ, "ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": SECRET}
    port = free_port()
    command = [argument.replace("PORT", str(port)) for argument in command]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        wait_for_port(port, process, log)
        yield Server(f"{scheme}://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    pause = threading.Event()
    for _ in range(READY_SECONDS * 20):
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        pause.wait(0.05)
    raise AssertionError(f"no server on port {port}: {log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="session")
def versitygw_program(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    subprocess.run([str(shared / "kube" / "unpack"), str(folder), "versitygw"], check=True)
    return folder / "versitygw"


@pytest.fixture(scope="session")
def versitygw(versitygw_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("versitygw")
    (folder / "data").mkdir()
    command = [str(versitygw_program), "--port", "127.0.0.1:PORT", "posix", str(folder / "data")]
    with served(command, folder / "log") as server:
        yield server


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pytest.importorskip("moto.server")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "PORT"]
    with served(command, tmp_path_factory.mktemp("moto") / "log") as server:
        yield server


@pytest.fixture(scope="session")
def any_server(request: pytest.FixtureRequest) -> Server:
    """versitygw, or moto where the shared material is absent: for faults, which need one real server."""
    present = (Path(__file__).resolve().parents[3] / "shared" / "kube" / "unpack").is_file()
    server: Server = request.getfixturevalue("versitygw" if present else "moto")
    return server


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


PATIENT = Retries(first=0.001, longest=0.01)
"""As in life, but waiting for nothing."""

SMALL_PARTS = Transfers(part=5 * MIB, parallel=3)


def open_s3(endpoint: str, bucket: str, **settings: Any) -> S3Store:
    uri = f"s3://{bucket}/a prefix/of+ours"
    return S3Store(
        StorageSettings(uri=uri, endpoint_url=endpoint, **settings), retries=PATIENT, transfers=SMALL_PARTS
    )


@pytest.fixture
def serving() -> Callable[..., Any]:
    return served


@pytest.fixture
def s3() -> Callable[..., S3Store]:
    return open_s3


@pytest.fixture(params=["directory", "versitygw", "moto"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Every store that there is; one suite holds them all."""
    if request.param == "directory":
        return DirectoryStore(tmp_path / "the store")
    server: Server = request.getfixturevalue(request.param)
    return open_s3(server.endpoint, server.new_bucket())


@pytest.fixture(params=["directory", "versitygw"])
def racing_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """The stores whose conditional writes are atomic; moto looks first and writes then."""
    if request.param == "directory":
        return DirectoryStore(tmp_path / "the store")
    server: Server = request.getfixturevalue("versitygw")
    return open_s3(server.endpoint, server.new_bucket())


@dataclass
class Fault:
    """Something that goes wrong with requests of a method whose path holds a word, some times.

    Attributes:
        kind: `refuse` answers 503 without asking the server; `lose` asks it and hangs up without an
            answer; `cut` hangs up in the middle of the answer's body; `strip` takes a header away.
    """

    kind: str
    method: str
    word: str = ""
    times: int = 1
    header: str = ""


@dataclass
class Proxy:
    """Stands between a store and its server."""

    endpoint: str
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault_of(self, method: str, path: str, headers: set[str]) -> Fault | None:
        with self.lock:
            self.seen.append((method, path))
            for fault in self.faults:
                applies = fault.kind != "strip" or fault.header in headers
                if fault.times and applies and fault.method == method and fault.word in path:
                    fault.times -= 1
                    return fault
        return None

    def count(self, method: str, word: str = "") -> int:
        return sum(1 for seen, path in self.seen if seen == method and word in path)


def signed_without(header: str, method: str, url: str, body: bytes) -> dict[str, str]:
    """Headers of the same request without one of them: as a server sees it that knows none such."""
    request = AWSRequest(method, url, data=body)
    S3SigV4Auth(Credentials(ACCESS, SECRET), "s3", "us-east-1").add_auth(request)
    assert header not in {name.lower() for name in request.headers}
    return dict(request.headers.items())


HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive"}


def handler_of(proxy: Proxy, host: str, port: int) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            pass

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = proxy.fault_of(self.command, self.path, {name.lower() for name in self.headers})
            kind = fault.kind if fault else ""
            if kind == "refuse":
                self.answer(503, {}, b"<Error><Code>SlowDown</Code><Message>later</Message></Error>")
                return
            headers = dict(self.headers.items())
            if fault and kind == "strip":
                headers = signed_without(fault.header, self.command, f"http://{host}:{port}{self.path}", body)
            upstream = http.client.HTTPConnection(host, port, timeout=60)
            # The signature covers the host as the store knows it, so all headers go on as they came.
            upstream.request(self.command, self.path, body or None, headers)
            response = upstream.getresponse()
            data = response.read()
            upstream.close()
            if kind == "lose":
                self.hang_up()
                return
            kept = {name: value for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP}
            self.answer(response.status, kept, data, cut=kind == "cut")

        def answer(self, status: int, headers: dict[str, str], data: bytes, cut: bool = False) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() != "content-length" or self.command == "HEAD":
                    self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if cut else data)
            if cut:
                self.hang_up()

        def hang_up(self) -> None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = forward  # noqa: N815

    return Handler


class ProxyServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that was hung up on is what is being tested."""


@pytest.fixture
def proxy(any_server: Server) -> Iterator[Proxy]:
    host, port = any_server.endpoint.removeprefix("http://").split(":")
    proxied = Proxy("")
    with ProxyServer(("127.0.0.1", 0), handler_of(proxied, host, int(port))) as listening:
        proxied.endpoint = f"http://127.0.0.1:{listening.server_address[1]}"
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield proxied
        listening.shutdown()


@pytest.fixture
def fault() -> type[Fault]:
    return Fault
