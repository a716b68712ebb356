"""One client of a simulator: carries a session's actions to the wire, through the faults in force.

All bytes after the handshake are written here and in order, control frames included, so that a fault which slows or
splits the stream never tears a frame apart.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport

from ferrofeed.sim.frames import PONG, close_frame, forbidden
from ferrofeed.sim.frames import frame as framed
from ferrofeed.sim.inject import Injector
from ferrofeed.sim.protocol import Close, Drop, Send

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from ferrofeed.sim.faults import Fault
    from ferrofeed.sim.inject import Wired
    from ferrofeed.sim.protocol import Action, Kind, ServerSession, Topic
    from ferrofeed.sim.server import Simulator
    from ferrofeed.sim.stats import ConnectionStats

_CLOSE_WAIT_S = 1.0
"""How long the client may take to answer a close frame."""
_DRIP_LIMIT = 1 << 16
_RESET = struct.pack("ii", 1, 0)


class Connection(WSListener):
    """One upgraded connection."""

    def __init__(
        self,
        server: Simulator,
        session: ServerSession,
        first: Iterable[Action],
        stats: ConnectionStats,
    ) -> None:
        super().__init__()
        self.session = session
        self.stats = stats
        self.blocked_since: float | None = None
        """Loop time since when the send buffer is above its limit."""
        self.injector: Injector | None = None
        self._server = server
        self._first = list(first)
        self._chunks: list[bytes] = []
        self._parts: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None
        self._drip: _Drip | None = None
        self._frozen = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Do what the session wanted done at the handshake."""
        self._transport = transport.underlying_transport
        limit = self._server.send_buffer_limit
        self._transport.set_write_buffer_limits(high=limit, low=limit // 4)
        if self._server.socket_buffer is not None:
            self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._server.socket_buffer)
        self._server.connected(self)
        self.act(self._first)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:  # noqa: ARG002  # picows' names
        """Take a frame of the client."""
        kind = frame.msg_type
        if kind == WSMsgType.PING:
            self.stats.pings += 1
            self._control(framed(frame.get_payload_as_bytes(), PONG))
        elif kind == WSMsgType.PONG:
            self.stats.pongs += 1
        elif kind == WSMsgType.CLOSE:
            self.stats.closed = int(frame.get_close_code().value)
            if not self._closing:
                self._control(close_frame(int(frame.get_close_code().value)))
            self.end()
        else:
            self._parts.append(frame.get_payload_as_bytes())
            if frame.fin:
                text = b"".join(self._parts)
                self._parts.clear()
                self._received(text)

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002  # picows' name
        """Forget the connection."""
        if self._timer is not None:
            self._timer.cancel()
        if self._drip is not None:
            self._drip.stop()
        self._closing = True
        self._chunks.clear()
        self.blocked_since = None
        self.stats.open = False
        self._server.disconnected(self)

    def pause_writing(self) -> None:
        """Note that the send buffer went above its limit."""
        self.blocked_since = self._server.time()

    def resume_writing(self) -> None:
        """Note that the send buffer went well below its limit."""
        self.blocked_since = None
        self._server.unblocked()

    def _received(self, text: bytes) -> None:
        if self._closing:
            return
        now_ns = self._server.now_ns()
        self.stats.requests += 1
        actions = self.session.received(text, now_ns)
        if self.session.key is not None:
            self._server.stats.request(self.session.key, now_ns)
        self.act(actions)
        self._server.heard()

    def act(self, actions: Iterable[Action]) -> None:
        """Do what the session wants."""
        for action in actions:
            if isinstance(action, Send):
                self.stats.refusals += action.kind == "nack"
                self.send(action.payload, framed(action.payload), action.kind, action.topic)
            elif isinstance(action, Close):
                self.close(action.code, action.reason, kicked=action.reason or "refused")
            elif isinstance(action, Drop):
                self._server.drop(action.session, reset=action.reset, reason=action.reason)
        self.flush()
        self._server.changed(self)

    def send(self, payload: bytes, whole: bytes, kind: Kind, topic: Topic) -> None:
        """Queue one message; ``whole`` is its frame, made once for all connections."""
        if self._closing:
            return
        if self.injector is not None:
            before = self.injector.withheld
            self._queue(self.injector.process(payload, kind, topic), kind)
            self.stats.withheld += self.injector.withheld - before
            return
        self.stats.messages += 1
        if kind == "data":
            self.stats.data[topic] += 1
        self._chunks.append(whole)

    def _queue(self, wired: list[Wired], kind: Kind) -> None:
        if self._drip is not None and kind == "data" and len(self._drip) > _DRIP_LIMIT:
            self.stats.withheld += len(wired)
            return
        for message in wired:
            self.stats.messages += 1
            if kind == "data":
                self.stats.data[message.topic] += 1
            self._chunks.append(message.data)

    def flush(self) -> None:
        """Write what was queued."""
        if self._chunks:
            data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
            self._chunks.clear()
            self._write(data)

    def _control(self, data: bytes) -> None:
        if not self._frozen:
            self.flush()
            self._write(data)

    def _write(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self.stats.bytes += len(data)
        if self._drip is not None:
            self._drip.feed(data)
        else:
            self._transport.write(data)

    @property
    def buffered(self) -> int:
        """Bytes the client has not taken yet (beyond the kernel's own buffer)."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def close(self, code: int | None, reason: str, *, kicked: str) -> None:
        """End the connection, with a close frame if there is a code."""
        if self._closing:
            return
        if self._frozen:
            # on a half-open path no goodbye arrives either
            self.abort(kicked)
            return
        self.stats.kicked = kicked
        self.flush()
        self._closing = True
        if code is None or self._frozen:
            self.end()
            return
        self._write(close_frame(code, reason))
        self._timer = self._server.later(_CLOSE_WAIT_S, self.end)

    def end(self) -> None:
        """Send what is queued and end TCP."""
        if self._transport is None:
            return
        self._closing = True
        if self._drip is not None:
            self._drip.finish()
        if self._frozen:
            # nothing is read any more, so it could not end in good order
            self._transport.abort()
            return
        self._transport.close()
        if self._timer is not None:
            self._timer.cancel()
        # over TLS the other side has its word to say, and may be gone
        self._timer = self._server.later(_CLOSE_WAIT_S, self._transport.abort)

    def abort(self, kicked: str, *, reset: bool = False) -> None:
        """End TCP at once, with a reset if asked; what is queued is lost."""
        if self._transport is None:
            return
        self.stats.kicked = self.stats.kicked or kicked
        self._closing = True
        if reset:
            self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    def _socket(self) -> Any:
        assert self._transport is not None
        return self._transport.get_extra_info("socket")

    def fault(self, fault: Fault, until: float | None = None) -> None:
        """Let a fault strike this connection."""
        kind = fault.kind
        if self._transport is None or self._closing:
            return
        if kind == "disconnect":
            self._disconnect(fault.mode)
        elif kind == "close":
            self.close(int(fault.number("code")), fault.words.get("reason", ""), kicked="fault: close")
        elif kind == "protocol_error":
            self._control(forbidden(fault.mode))
        else:
            if self.injector is None:
                self.injector = Injector(self._server.faults.seed, self.stats.number)
            self.flush()
            self.injector.start(fault, self._server.time(), until)
            self._settle()

    def _disconnect(self, mode: str) -> None:
        kicked = f"fault: {mode}"
        if mode == "clean":
            self.close(1000, "", kicked=kicked)
        elif mode == "fin":
            self.close(None, "", kicked=kicked)
        else:
            if mode == "mid":
                # a frame that says 200 bytes and has 20
                self._control(framed(b"x" * 200)[:24])
            self.abort(kicked, reset=mode == "rst")

    def tick(self, now: float) -> None:
        """End faults that are over."""
        if self.injector is not None and not self._closing:
            self._queue_late(self.injector.expire(now))
            self._settle()
            if not self.injector.active and self._drip is None:
                self.injector = None

    def _queue_late(self, wired: list[Wired]) -> None:
        if wired:
            self._queue(wired, "data")
            self.flush()

    def _settle(self) -> None:
        """Bring the transport in line with the faults in force."""
        if self.injector is None or self._transport is None:
            return
        frozen = self.injector.has("half_open") is not None
        if frozen != self._frozen:
            self._frozen = frozen
            if frozen:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()
        drip = self.injector.has("drip")
        if drip is not None and self._drip is None:
            self._drip = _Drip(self._server, self._transport, drip.fault.number("delay"))
        elif drip is None and self._drip is not None:
            self._drip.finish()
            self._drip = None


class _Drip:
    """Writes one byte at a time, one a loop turn or one every ``delay`` seconds."""

    def __init__(self, server: Simulator, transport: asyncio.Transport, delay: float) -> None:
        self._server = server
        self._transport = transport
        self._delay = delay
        self._queue = bytearray()
        self._sent = 0
        self._handle: asyncio.Handle | None = None

    def __len__(self) -> int:
        return len(self._queue) - self._sent

    def feed(self, data: bytes) -> None:
        self._queue += data
        if self._handle is None:
            self._handle = self._server.later(self._delay, self._drop)

    def _drop(self) -> None:
        self._handle = None
        if self._transport.is_closing():
            return
        self._transport.write(bytes(self._queue[self._sent : self._sent + 1]))
        self._sent += 1
        if self._sent < len(self._queue):
            self._handle = self._server.later(self._delay, self._drop)
        else:
            self._queue.clear()
            self._sent = 0

    def stop(self) -> None:
        """Forget the rest."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._queue.clear()
        self._sent = 0

    def finish(self) -> None:
        """Write the rest at once."""
        rest = bytes(self._queue[self._sent :])
        self.stop()
        if rest and not self._transport.is_closing():
            self._transport.write(rest)
