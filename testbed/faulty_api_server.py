"""A proxy before the API server that applies faults to requests.

A test chooses which requests meet a fault (`api_faults.py`), and how many. The
proxy forwards the client's own token, so the audit log names the client.

    with faulty_api_server(plane, account.kubeconfig) as server:
        server.let(CREATES_A_JOB, answers(500), times=3)
        server.let(WATCHES, watch_fails(410))
"""

import contextlib
import functools
import http.client
import http.server
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from testbed.api_faults import Answer, Fault, Request, Rule
from testbed.control_plane import ControlPlane
from testbed.waiting import free_port

_FORWARDED = ("Content-Type", "Content-Encoding", "Retry-After")
_CHUNK = 1 << 16


@dataclass(eq=False)
class _Stream:
    """An open watch."""

    client: socket.socket
    server: socket.socket | None
    stalled: bool = False

    def end(self) -> None:
        """Close both sides: a stalled side does not notice that the other is closed."""
        _close(self.client)
        if self.server is not None:
            _close(self.server)


class FaultyApiServer:
    """The proxy. Without a fault it forwards every request.

    Attributes:
        kubeconfig: of the same user, through this proxy.
    """

    def __init__(self, plane: ControlPlane, kubeconfig: Path) -> None:
        """Prepare the proxy; `start` makes it accept connections.

        Args:
            plane: the control plane of the API server.
            kubeconfig: of the client.
        """
        self._plane = plane
        self._tls = ssl.create_default_context(cafile=str(plane.authority.certificate))
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._open: set[socket.socket] = set()
        self._streams: set[_Stream] = set()
        self._port = free_port()
        self._server: _Listener | None = None
        self.kubeconfig = kubeconfig.with_name(f"{kubeconfig.stem}-by-{self._port}.kubeconfig")
        config = yaml.safe_load(kubeconfig.read_text())
        config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{self._port}"}
        self.kubeconfig.write_text(yaml.safe_dump(config))
        self.kubeconfig.chmod(0o600)

    def let(self, pattern: str, fault: Fault, times: int = 1) -> Rule:
        """Apply a fault to the next requests that match; the first matching rule counts.

        Args:
            pattern: regular expression, searched in `METHOD path?query body`.
            fault: what goes wrong.
            times: with how many requests.
        """
        rule = Rule(re.compile(pattern), fault, times)
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self, *rules: Rule) -> None:
        """Remove these faults; without arguments, all faults."""
        with self._lock:
            self._rules = [each for each in self._rules if rules and each not in rules]

    def stall_watches(self) -> int:
        """Stop forwarding events of the open watches, without closing them; returns how many there are."""
        with self._lock:
            for stream in self._streams:
                stream.stalled = True
            return len(self._streams)

    def cut_watches(self, most: int | None = None) -> int:
        """Close the open watches, at most this many of them; returns how many were closed."""
        with self._lock:
            streams = list(self._streams)[:most]
        for stream in streams:
            stream.end()
        return len(streams)

    @property
    def watches(self) -> int:
        """How many watches are open and not stalled."""
        with self._lock:
            return sum(1 for stream in self._streams if not stream.stalled)

    @property
    def serves(self) -> bool:
        """Whether it accepts connections."""
        return self._server is not None

    def start(self) -> None:
        """Accept connections."""
        self._server = _Listener(("127.0.0.1", self._port), functools.partial(_Connection, self))
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Refuse new connections, and close the open ones."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        self.cut_watches()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            _close(connection)

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Be unreachable for the duration of a block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def upstream(self) -> http.client.HTTPSConnection:
        """A connection to the API server itself."""
        place = self._plane.place
        return http.client.HTTPSConnection(place.address, place.port, timeout=3600, context=self._tls)

    def fault_of(self, request: Request) -> Fault | None:
        """The fault that applies to a request; the rule's counters change."""
        with self._lock:
            if not self._rules:
                return None
            text = request.text
            for rule in self._rules:
                if rule.left > 0 and rule.pattern.search(text):
                    rule.left -= 1
                    rule.met += 1
                    return rule.fault
            return None

    @contextlib.contextmanager
    def connected(self, connection: socket.socket) -> Iterator[None]:
        """Register a connection for the duration of a block."""
        with self._lock:
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)

    @contextlib.contextmanager
    def streaming(self, client: socket.socket, server: socket.socket | None) -> Iterator[_Stream]:
        """Register a watch for the duration of a block."""
        stream = _Stream(client, server)
        with self._lock:
            self._streams.add(stream)
        try:
            yield stream
        finally:
            with self._lock:
                self._streams.discard(stream)


@contextlib.contextmanager
def faulty_api_server(plane: ControlPlane, kubeconfig: Path) -> Iterator[FaultyApiServer]:
    """Run a proxy for the duration of a block.

    Args:
        plane: the control plane of the API server.
        kubeconfig: of the client.
    """
    server = FaultyApiServer(plane, kubeconfig)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class _Listener(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Closed connections are expected here."""


class _Connection(http.server.BaseHTTPRequestHandler):
    """One connection of a client, with its own connection to the server."""

    protocol_version = "HTTP/1.1"
    # Otherwise each small answer waits for the client's acknowledgement of its first half.
    disable_nagle_algorithm = True

    def __init__(self, proxy: FaultyApiServer, *arguments: Any) -> None:
        self._proxy = proxy
        self._upstream = proxy.upstream()
        super().__init__(*arguments)

    def handle(self) -> None:
        """Serve requests until either side closes the connection."""
        with self._proxy.connected(self.connection), contextlib.closing(self._upstream):
            super().handle()

    def do_GET(self) -> None:
        """Handle one request of any method."""
        size = int(self.headers.get("Content-Length") or 0)
        request = Request(self.command, self.path, self.rfile.read(size))
        fault = self._proxy.fault_of(request)
        try:
            if fault is None and request.watches:
                self._stream(request)
                return
            forward = functools.partial(self._forward, request)
            answer = fault(request, forward) if fault else forward()
        except (OSError, http.client.HTTPException):
            answer = None
        if answer is None:
            self.close_connection = True
            _close(self.connection)
        else:
            self._answer(answer)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Write no log."""

    def _ask(self, request: Request) -> http.client.HTTPResponse:
        # Headers of a hop are not forwarded.
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        self._upstream.request(request.method, request.path, request.body or None, headers)
        return self._upstream.getresponse()

    def _forward(self, request: Request) -> Answer:
        response = self._ask(request)
        return Answer(response.status, response.read(), _headers(response))

    def _answer(self, answer: Answer) -> None:
        headers = {**answer.headers, "Content-Length": str(len(answer.body))}
        # In one write: two small writes would be two packets.
        self.wfile.write(_head(answer.code, headers) + answer.body)

    def _stream(self, request: Request) -> None:
        """Forward the events of a watch until one side closes the connection."""
        response = self._ask(request)
        if response.status != 200:
            self._answer(Answer(response.status, response.read(), _headers(response)))
            return
        with self._proxy.streaming(self.connection, self._upstream.sock) as stream:
            self.close_connection = True
            self.wfile.write(_head(200, {**_headers(response), "Transfer-Encoding": "chunked"}))
            while data := response.read1(_CHUNK):
                if not stream.stalled:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.write(b"0\r\n\r\n")


_HOP = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})


def _head(code: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {code} {http.client.responses.get(code, '')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def _headers(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name: value for name in _FORWARDED if (value := response.headers.get(name))}


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
