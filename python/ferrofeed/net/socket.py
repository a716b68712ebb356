"""One WebSocket of one connection: picows opens it and sends on it, the Rust reader reads it."""

from __future__ import annotations

import asyncio
import functools
import logging
import ssl
from typing import TYPE_CHECKING, Any, Protocol

from picows import WSError, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect

from ferrofeed import _core

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ferrofeed.net.tuning import Tuning
    from ferrofeed.session import Reason

_QUIET = logging.getLogger("ferrofeed.picows")
_QUIET.setLevel(logging.ERROR)

CLOSE_GRACE_S = 1.0
"""How long the peer has to answer our close frame before the socket is cut."""


def tls_context(authority: Path | None = None) -> ssl.SSLContext:
    """What to trust: the system's authorities, or those of a PEM file, read again when the file changes.

    Reading the system's takes tens of milliseconds, in which the loop would read nothing: so once for all.
    """
    return _tls_context(authority, 0 if authority is None else authority.stat().st_mtime_ns)


@functools.lru_cache(maxsize=16)
def _tls_context(authority: Path | None, _changed_ns: int) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=None if authority is None else str(authority))


class HandshakeRefusedError(Exception):
    """The peer answered the upgrade with another HTTP status than 101."""

    def __init__(self, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(f"the server answered the WebSocket handshake with HTTP status {status}")
        self.status = status
        self.retry_after_s = retry_after_s
        """What its header ``Retry-After`` asks for, if in seconds."""


class ConnectFailedError(Exception):
    """No connection: name resolution, TCP, TLS or the handshake failed. The text holds no credential."""


class Owner(Protocol):
    """Who is told what a socket brings. Called on the loop's thread."""

    def on_open(self) -> None:
        """The WebSocket is open; nothing was read yet."""

    def on_control(self, frame: bytes) -> None:
        """A message for the session."""

    def on_message(self, payload: bytes, *, binary: bool) -> None:
        """A message of a raw connection."""

    def on_pong(self, payload: bytes) -> None:
        """A WebSocket pong."""

    def on_quarantined(self, reason: str, at: int) -> None:
        """The first message rejected for this reason."""

    def on_pressure(self) -> None:
        """A blocking consumer is full."""

    def on_lost(self, reason: Reason, detail: str) -> None:
        """The socket is gone, once. ``reason`` is one of the core's; ``detail`` is for people: close code and text."""


class _Listener(WSListener):
    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._socket.upgraded(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:  # noqa: ARG002  # picows' names
        # Unreachable while the reader stands in front of picows; a frame here would be one that nobody accounts for.
        raise RuntimeError(f"picows read a frame of type {frame.msg_type}: the reader does not stand in front of it")

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002  # picows' name
        self._socket.lost()

    def pause_writing(self) -> None:
        """Requests are few and small; the transport buffers them."""

    def resume_writing(self) -> None:
        """See :meth:`pause_writing`."""


class Socket:
    """Open it once with :meth:`open`; afterwards :meth:`send`, until ``owner.on_lost`` says that it is gone."""

    def __init__(self, core: _core.FeedCore, venue: int, owner: Owner, tuning: Tuning | None = None) -> None:
        self._core = core
        self._tuning = tuning
        self._venue = venue
        self._owner = owner
        self._reader: _core.Reader | None = None
        self._transport: WSTransport | None = None
        self._reason: Reason | None = None
        self._detail = ""
        self._cut: asyncio.TimerHandle | None = None
        self._raw: asyncio.Transport | None = None
        """The transport while picows upgrades it: cancelled then, picows would leave it open."""
        self._given_up = False
        self._opened = False
        self._lost = False
        self._paused = False

    async def open(
        self, url: str, headers: Mapping[str, str], *, timeout_s: float = 10.0, tls_ca: Path | None = None
    ) -> None:
        """Connect and upgrade; :class:`HandshakeRefusedError` or :class:`ConnectFailedError` never tell the URL."""
        try:
            context = tls_context(tls_ca) if url.startswith("wss:") else None
            async with asyncio.timeout(timeout_s):
                await ws_connect(
                    lambda: _Listener(self),
                    url,
                    ssl_context=context,
                    websocket_handshake_timeout=timeout_s,
                    extra_headers=dict(headers),
                    enable_auto_pong=False,
                    use_aiofastnet=False,  # the loop's own create_connection is aiofastnet's, with the reader in front
                    logger_name=_QUIET,
                    max_redirects=0,  # a redirect would carry the credentials to another host
                    reader_factory=self._make_reader,
                    on_transport=self._connected,
                )
        except WSHandshakeError as error:
            if error.response is not None:
                after = error.response.headers.get("Retry-After", "")
                seconds = float(after) if after.isascii() and after.isdigit() else None
                raise HandshakeRefusedError(int(error.response.status), seconds) from None
            raise ConnectFailedError("the server's answer to the WebSocket handshake is not HTTP") from None
        except TimeoutError:
            raise ConnectFailedError(f"no connection within {timeout_s:g} s") from None
        except ssl.SSLError as error:
            raise ConnectFailedError(f"TLS: {error.reason or type(error).__name__}") from None
        except (OSError, WSError) as error:
            raise ConnectFailedError(f"{type(error).__name__}: {error}") from None
        finally:
            if not self._opened:
                self._given_up = True
                if self._raw is not None:
                    self._raw.abort()
            self._raw = None
        if not self._opened:
            raise ConnectFailedError("the connection was lost during the WebSocket handshake")

    def _connected(self, transport: asyncio.Transport) -> None:
        self._raw = transport
        if self._tuning is not None:
            self._tuning.connected(transport)

    def _make_reader(self, inner: asyncio.BaseProtocol) -> _core.Reader:
        self._reader = _core.Reader(self._core, self._venue, inner, self._notices)
        return self._reader

    def upgraded(self, transport: WSTransport) -> None:
        """The upgrade was accepted by picows."""
        assert self._reader is not None
        if self._given_up:
            transport.disconnect(graceful=False)
            return
        self._transport = transport
        self._opened = True
        full = self._reader.upgrade()
        if self._tuning is not None:
            self._tuning.upgraded(self._reader, transport.underlying_transport)
        if full:
            self._owner.on_pressure()
        self._owner.on_open()

    def lost(self) -> None:
        """The transport is gone, says picows."""
        if self._lost or not self._opened:
            return
        self._lost = True
        if self._cut is not None:
            self._cut.cancel()
        self._transport = self._reader = None
        self._owner.on_lost(self._reason or "network_error", self._detail)

    @property
    def sends_now(self) -> bool:
        """Whether what is sent goes to the system at once: it is open, and nothing waits in front of it."""
        transport = self._transport
        if transport is None or self._reason is not None:
            return False
        return not transport.underlying_transport.get_write_buffer_size()

    def send(self, payload: bytes) -> None:
        """Send one text message; nothing is sent on a socket that is closing."""
        if self._transport is not None and self._reason is None:
            self._transport.send(WSMsgType.TEXT, payload)

    def send_binary(self, payload: bytes) -> None:
        """Send one binary message."""
        if self._transport is not None and self._reason is None:
            self._transport.send(WSMsgType.BINARY, payload)

    def ping(self, payload: bytes) -> None:
        """Send a WebSocket ping."""
        if self._transport is not None and self._reason is None:
            self._transport.send_ping(payload)

    def close(self, code: int, reason: Reason) -> None:
        """Send a close frame and end the connection, by force if the peer does not follow. ``on_lost`` comes later."""
        if self._transport is None or self._reason is not None:
            return
        self._reason = reason
        self._transport.send(WSMsgType.CLOSE, code.to_bytes(2, "big"))
        self._cut = asyncio.get_running_loop().call_later(CLOSE_GRACE_S, self.abort)

    def abort(self, reason: Reason = "local_closed") -> None:
        """Cut the connection at once."""
        if self._transport is not None:
            self._reason = self._reason or reason
            self._poll(on=False)
            self._transport.disconnect(graceful=False)

    def pause_reading(self) -> None:
        """Let the kernel's buffer fill: a blocking consumer has no room."""
        if self._transport is not None and not self._paused:
            self._paused = True
            self._poll(on=False)
            self._transport.underlying_transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self._transport is not None and self._paused:
            self._paused = False
            transport = self._transport.underlying_transport
            transport.resume_reading()
            self._poll(on=not transport.is_closing())
            # aiofastnet looks at the socket then, not at what it had read and not decrypted before the pause: without
            # this that stays where it is until the peer sends more
            retry = getattr(transport, "_retry_ssl_read", None)
            if retry is not None:
                asyncio.get_running_loop().call_soon(retry)

    def _poll(self, *, on: bool) -> None:
        if self._reader is not None:
            self._reader.set_polled(on)
        if self._tuning is not None:
            self._tuning.attend()  # what follows, follows from calls made ready

    def quick_ack(self) -> None:
        """See :meth:`Tuning.quick_ack`."""
        if self._transport is not None and self._tuning is not None:
            self._tuning.quick_ack(self._transport.underlying_transport)

    def _notices(self, notices: list[tuple[str, bytes, Any]], full: bool) -> None:
        for kind, payload, number in notices:
            match kind:
                case "control":
                    self._owner.on_control(payload)
                case "message":
                    self._owner.on_message(payload, binary=bool(number))
                case "ping":
                    if self._transport is not None and self._reason is None:
                        self._transport.send_pong(payload)
                case "pong":
                    self._owner.on_pong(payload)
                case "close":
                    self._detail = f"close code {number}: {payload.decode()!r}" if number else "no close code"
                    self._finish(number, "peer_closed")
                case "protocol_error":
                    self._detail = f"the venue broke the WebSocket protocol: {payload.decode()}"
                    self._finish(number, "protocol_error", payload)
                case _:
                    self._owner.on_quarantined(payload.decode(), number)
        if full:
            self._owner.on_pressure()

    def _finish(self, code: int | None, reason: Reason, text: bytes | None = None) -> None:
        """Answer the peer's close frame, or name its fault.

        The server ends the connection (RFC 6455, 7.1.1), or we do soon.
        """
        transport = self._transport
        if transport is None:
            return
        if self._reason is None:
            self._reason = reason
            transport.send(WSMsgType.CLOSE, b"" if code is None else code.to_bytes(2, "big") + (text or b""))
        if self._cut is None:
            self._cut = asyncio.get_running_loop().call_later(CLOSE_GRACE_S, self.abort)
