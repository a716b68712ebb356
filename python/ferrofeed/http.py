"""The HTTP endpoint: ``/metrics``, ``/healthz``, ``/readyz``, from a board, on threads of its own.

The service serves it from a process of its own (:mod:`ferrofeed.exporter`); a program that embeds a feed and
does not mind the interpreter lock may serve it itself.
"""

from __future__ import annotations

import logging
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self

from prometheus_client.exposition import choose_encoder

from ferrofeed.board import missing, trouble
from ferrofeed.errors import UsageError
from ferrofeed.metrics import registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from ferrofeed._core import MetricsView
    from ferrofeed.feed import Feed

_LOG = logging.getLogger("ferrofeed.http")
_TEXT = "text/plain; charset=utf-8"
BACKLOG: Final = 16


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, listener: socket.socket, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("", 0), handler, bind_and_activate=False)
        self.socket.close()  # made by the base class, and never bound
        self.socket = listener
        self.server_address = listener.getsockname()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves in the middle is no news."""
        _LOG.debug("a request of %s failed: %r", client_address, request, exc_info=True)


def listen(host: str, port: int, *, what: str = "service.metrics", backlog: int = BACKLOG) -> socket.socket:
    """A socket that listens there; port 0 picks a free one. Raises :class:`UsageError`, which names ``what``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise UsageError(f"{what}: can't listen on {host}:{port}: {error.strerror or error}") from None
    return listener


class Endpoint:
    """Serves a board on a listening socket, which it owns, until stopped."""

    def __init__(
        self,
        view: MetricsView,
        metrics: CollectorRegistry,
        listener: socket.socket,
        gone: Callable[[], str] = str,
    ) -> None:
        """``gone`` says what else is wrong with the feed, empty if nothing is."""

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
                    wrong = gone() or trouble(view)
                    self._answer(503 if wrong else 200, f"{wrong or 'ok'}\n".encode(), _TEXT)
                elif path == "/readyz":
                    wrong = gone()
                    lacks = [wrong] if wrong else missing(view)
                    text = "".join(f"{line}\n" for line in lacks) or "ready\n"
                    self._answer(503 if lacks else 200, text.encode(), _TEXT)
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

        self._server = _Server(listener, Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="ferrofeed-http", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port it listens on."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def start(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(2.0)
        self._server.server_close()


class MetricsServer(Endpoint):
    """Serves a feed of this process. Port 0 picks a free one, see :attr:`address`."""

    def __init__(self, feed: Feed, host: str, port: int) -> None:
        super().__init__(feed.core.board.view(), registry(feed), listen(host, port))
