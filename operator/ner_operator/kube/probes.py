"""The HTTP endpoints: /metrics for Prometheus, /healthz and /readyz for the kubelet's probes."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from ner_operator.kube.liveness import Liveness

TEXT = "text/plain; charset=utf-8"


def serve(port: int, registry: CollectorRegistry, liveness: Liveness) -> ThreadingHTTPServer:
    """Answer requests in background threads until the server is shut down.

    Args:
        port: 0 takes a free one; `server_port` of the result is its number.

    Raises:
        OSError: the port is in use.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
            elif path == "/healthz":
                failure = liveness.failure()
                self._answer(503 if failure else 200, TEXT, f"{failure or 'ok'}\n".encode())
            elif path == "/readyz":
                text = b"ok\n" if liveness.ready else b"the cluster has not been read yet\n"
                self._answer(200 if liveness.ready else 503, TEXT, text)
            else:
                self._answer(404, TEXT, b"not found: try /metrics, /healthz or /readyz\n")

        def _answer(self, code: int, content_type: str, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing: the kubelet sends a request every few seconds."""

    server = ThreadingHTTPServer(("", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()
    return server
