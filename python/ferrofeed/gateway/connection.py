"""One client's connection: frames in, frames out."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from ferrofeed import _core

if TYPE_CHECKING:
    import asyncio

    from ferrofeed.gateway.server import GatewayServer

CLOSE_WAIT_S: Final = 1.0
"""How long a client may take to answer a close frame."""
SLOW_S: Final = 5.0
"""How long a client may take to read what is above its limit: much may come at once, by no fault of its own."""
MOST_UNREAD: Final = 16
"""Limits above which nothing more is put before a client meanwhile."""
NORMAL: Final = 1000
UNSUPPORTED: Final = 1003
PROTOCOL: Final = 1002
NO_TEXT: Final = 1007
TOO_BIG: Final = 1009
_PONG: Final = 0x8A
_CLOSE: Final = 0x88
_MOST_CONTROL: Final = 125


class Connection(WSListener):
    """Lives on the feed's thread."""

    def __init__(self, server: GatewayServer, number: int) -> None:
        super().__init__()
        self.number = number
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        self._held = 0
        self._closing = False
        self._faulty = False
        self._timer: asyncio.TimerHandle | None = None
        self._slow: asyncio.TimerHandle | None = None
        """It has too much before it; when it is cut off for that."""

    # what picows calls

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The upgrade is done."""
        self._transport = transport.underlying_transport
        limit = self._server.send_buffer
        self._transport.set_write_buffer_limits(high=limit, low=limit // 2)
        self._server.connected(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take a frame."""
        read_ns = _core.monotonic_ns()
        kind = frame.msg_type
        # picows says goodbye by itself only to who broke the protocol, and may read on for a moment
        if (self._closing or transport.is_close_frame_sent) and kind != WSMsgType.CLOSE:
            return
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._fault("protocol_error", PROTOCOL, "a reserved bit is set")
            return
        if kind == WSMsgType.TEXT and frame.fin and not self._parts:
            self._text(frame.get_payload_as_bytes(), read_ns)
        elif kind == WSMsgType.PING:
            self._control(_PONG, frame.get_payload_as_bytes()[:_MOST_CONTROL])
        elif kind == WSMsgType.PONG:
            pass
        elif kind == WSMsgType.CLOSE:
            self._closed_by_client()
        elif kind == WSMsgType.BINARY:
            self._fault("malformed", UNSUPPORTED, "expected text messages")
        else:
            self._part(frame, read_ns)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection is gone."""
        if transport.is_close_frame_sent and not self._faulty:
            sent = transport.close_handshake.sent
            too_big = sent is not None and sent.code == WSCloseCode.MESSAGE_TOO_BIG
            self._server.count("oversized" if too_big else "protocol_error")
        if self._timer is not None:
            self._timer.cancel()
        self.resume_writing()
        self._server.disconnected(self)

    def pause_writing(self) -> None:
        """The client leaves much unread: it has a moment to read it."""
        if self._slow is None:
            self._slow = self._server.later(SLOW_S, self._cut_off)

    def resume_writing(self) -> None:
        """It has read most of it."""
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    # what the server calls

    def write(self, frames: bytes) -> None:
        """Send frames."""
        if self._transport is None or self._closing:
            return
        if self._slow is not None and self.unread > MOST_UNREAD * self._server.send_buffer:
            self._cut_off()
            return
        self._transport.write(frames)

    @property
    def unread(self) -> int:
        """Bytes that the client has not taken yet, beyond the kernel's own buffer."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def close(self, code: int, reason: str) -> None:
        """Say goodbye, and wait a moment for the answer."""
        if self._closing:
            return
        self._control(_CLOSE, struct.pack(">H", code) + reason.encode()[: _MOST_CONTROL - 2])
        self._closing = True
        self._timer = self._server.later(CLOSE_WAIT_S, self.abort)

    def abort(self) -> None:
        """Cut it."""
        if self._transport is not None:
            self._transport.abort()

    # inside

    def _cut_off(self) -> None:
        """It does not read."""
        if not self._closing:
            self._closing = True
            self._server.count("slow_client")
            self.abort()

    def _text(self, payload: bytes, read_ns: int) -> None:
        if not payload.isascii() and not _is_text(payload):
            self._fault("protocol_error", NO_TEXT, "not UTF-8")
            return
        self._server.message(self.number, payload, read_ns)

    def _part(self, frame: WSFrame, read_ns: int) -> None:
        """A part of a message in several frames."""
        first = frame.msg_type == WSMsgType.TEXT
        if first == bool(self._parts):
            self._fault("protocol_error", PROTOCOL, "a message in parts that do not fit")
            return
        part = frame.get_payload_as_bytes()
        self._parts.append(part)
        # empty parts take room too
        self._held += len(part) + 64
        if self._held > self._server.max_message:
            self._fault("oversized", TOO_BIG, "message too big")
        elif frame.fin:
            whole = b"".join(self._parts)
            self._parts.clear()
            self._held = 0
            self._text(whole, read_ns)

    def _fault(self, tally: str, code: int, why: str) -> None:
        """It broke the protocol: counted once, whatever stands behind that."""
        self._faulty = True
        self._server.count(tally)
        self.close(code, why)

    def _closed_by_client(self) -> None:
        if not self._closing:
            self._control(_CLOSE, struct.pack(">H", NORMAL))
            self._closing = True
        transport: Any = self._transport
        transport.close()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._server.later(CLOSE_WAIT_S, self.abort)

    def _control(self, head: int, payload: bytes) -> None:
        self.write(bytes((head, len(payload))) + payload)


def _is_text(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
