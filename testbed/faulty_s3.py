"""A proxy before an S3 server that applies faults to requests."""

import contextlib
import http.client
import http.server
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from testbed.s3_servers import ACCESS, SECRET


@dataclass
class Fault:
    """A fault of the next `times` requests of a method whose path contains `word`.

    Attributes:
        kind: `refuse` answers 503 and `deny` 403, and neither forwards the request; `lose` forwards it and
            closes the connection without an answer; `cut` closes it in the middle of the answer's body;
            `strip` forwards the request without a header.
        header: that `strip` removes, in lower case.
    """

    kind: str
    method: str
    word: str = ""
    times: int = 1
    header: str = ""


@dataclass
class Proxy:
    """The proxy's faults, and method and path of each request that came."""

    endpoint: str
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault_of(self, method: str, path: str, headers: set[str]) -> Fault | None:
        """The fault that applies to this request; its counter goes down."""
        with self.lock:
            self.seen.append((method, path))
            for fault in self.faults:
                applies = fault.kind != "strip" or fault.header in headers
                if fault.times and applies and fault.method == method and fault.word in path:
                    fault.times -= 1
                    return fault
        return None

    def count(self, method: str, word: str = "") -> int:
        """How many requests of a method came whose path contains the word."""
        return sum(1 for seen, path in self.seen if seen == method and word in path)


def _signed_without(header: str, method: str, url: str, body: bytes) -> dict[str, str]:
    """Headers of the same request, signed without one of them, as for a server that ignores it."""
    request = AWSRequest(method, url, data=body)
    S3SigV4Auth(Credentials(ACCESS, SECRET), "s3", "us-east-1").add_auth(request)
    assert header not in {name.lower() for name in request.headers}
    return dict(request.headers.items())


_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive"}


def _handler_of(proxy: Proxy, host: str, port: int) -> type[http.server.BaseHTTPRequestHandler]:
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
            if kind == "deny":
                self.answer(403, {}, b"<Error><Code>AccessDenied</Code><Message>no right</Message></Error>")
                return
            headers = dict(self.headers.items())
            if fault and kind == "strip":
                headers = _signed_without(
                    fault.header, self.command, f"http://{host}:{port}{self.path}", body
                )
            upstream = http.client.HTTPConnection(host, port, timeout=60)
            # The signature covers the host that the store used, so all headers are forwarded unchanged.
            upstream.request(self.command, self.path, body or None, headers)
            response = upstream.getresponse()
            data = response.read()
            upstream.close()
            if kind == "lose":
                self.hang_up()
                return
            kept = {name: value for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP}
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


class _ProxyServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Closed connections are expected here."""


@contextlib.contextmanager
def proxy_before(endpoint: str) -> Iterator[Proxy]:
    """Run a proxy before a server for the duration of a block."""
    host, port = endpoint.removeprefix("http://").split(":")
    proxy = Proxy("")
    with _ProxyServer(("127.0.0.1", 0), _handler_of(proxy, host, int(port))) as listening:
        proxy.endpoint = f"http://127.0.0.1:{listening.server_address[1]}"
        threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
        yield proxy
        listening.shutdown()
