"""The service's HTTP endpoint: ``/metrics``, ``/healthz``, ``/readyz``, on a thread of its own."""

from __future__ import annotations

import logging
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from prometheus_client.exposition import choose_encoder

from ferrofeed.errors import UsageError
from ferrofeed.metrics import registry

if TYPE_CHECKING:
    from ferrofeed.feed import Feed

_LOG = logging.getLogger("ferrofeed.http")
_TEXT = "text/plain; charset=utf-8"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 16


class _Server6(_Server):
    address_family = socket.AF_INET6


class MetricsServer:
    """Serves a feed's metrics and health until stopped. Port 0 picks a free one, see :attr:`address`."""

    def __init__(self, feed: Feed, host: str, port: int) -> None:
        metrics = registry(feed)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            server_version = "ferrofeed"
            sys_version = ""
            timeout = 5.0

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path == "/metrics":
                    encoder, content_type = choose_encoder(self.headers.get("Accept", ""))
                    self._answer(200, encoder(metrics), content_type)
                elif path == "/healthz":
                    alive = feed.running
                    self._answer(200 if alive else 503, b"ok\n" if alive else b"stopped\n", _TEXT)
                elif path == "/readyz":
                    missing = feed.missing()
                    text = "ready\n" if not missing else "".join(f"{line}\n" for line in missing)
                    self._answer(503 if missing else 200, text.encode(), _TEXT)
                else:
                    self._answer(404, b"not found; there are /metrics, /healthz and /readyz\n", _TEXT)

            do_HEAD = do_GET  # noqa: N815  # the name http.server calls

            def _answer(self, status: int, body: bytes, content_type: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # http.server's name
                _LOG.debug(format, *args)

        try:
            self._server = (_Server6 if ":" in host else _Server)((host, port), Handler)
        except OSError as error:
            raise UsageError(f"service.metrics: can't listen on {host}:{port}: {error.strerror or error}") from None
        self._thread = threading.Thread(target=self._server.serve_forever, name="ferrofeed-http", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port it listens on."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def start(self) -> MetricsServer:
        """Serve."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(2.0)
        self._server.server_close()
