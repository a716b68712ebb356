"""Clients for the simulators: one over picows, one over a bare socket that sees all; polling with a deadline."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
import struct
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import pytest
import trustme
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

if TYPE_CHECKING:
    from ferrofeed.sim import Simulator

DEADLINE_S = 30.0
Run = Callable[[Coroutine[Any, Any, None]], None]


async def until(condition: Callable[[], object], what: str = "") -> None:
    """Poll with a deadline."""
    end = asyncio.get_running_loop().time() + DEADLINE_S
    while not condition():
        assert asyncio.get_running_loop().time() < end, f"waited too long: {what}"
        await asyncio.sleep(0.001)


class Client(WSListener):
    """Collects messages; fragments are put together."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[bytes] = []
        self.pings = 0
        self.closed: int | None = None
        self.gone = False
        self._parts: list[bytes] = []
        self.transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.PING:
            self.pings += 1
            transport.send_pong(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            code: Any = frame.get_close_code()
            self.closed = int(code.value if hasattr(code, "value") else code)
            transport.send_close(code)
            transport.disconnect()
        elif frame.msg_type != WSMsgType.PONG:
            self._parts.append(frame.get_payload_as_bytes())
            if frame.fin:
                self.messages.append(b"".join(self._parts))
                self._parts.clear()

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        self.gone = True

    def send(self, message: dict[str, Any] | bytes) -> None:
        assert self.transport is not None
        self.transport.send(WSMsgType.TEXT, message if isinstance(message, bytes) else json.dumps(message).encode())

    def close(self) -> None:
        if self.transport is not None:
            self.transport.disconnect()

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(message) for message in self.messages if message.startswith(b"{")]

    async def expect(self, count: int = 1) -> list[bytes]:
        """Take the next messages."""
        await until(lambda: len(self.messages) >= count, f"{count} messages, got {self.messages[:5]}")
        taken, self.messages = self.messages[:count], self.messages[count:]
        return taken


class Frame(NamedTuple):
    fin: bool
    rsv: int
    opcode: int
    masked: bool
    payload: bytes


class RawClient:
    """A client over a bare socket that hides nothing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
        self.reader, self.writer, self.status, self.body = reader, writer, status, body

    def send(self, message: dict[str, Any] | bytes, opcode: int = 1, *, fin: bool = True) -> None:
        payload = message if isinstance(message, bytes) else json.dumps(message).encode()
        size = len(payload)
        head = bytes(((0x80 if fin else 0) | opcode,))
        head += bytes((0x80 | size,)) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
        mask = os.urandom(4)
        self.writer.write(head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload)))

    async def frame(self) -> Frame:
        async with asyncio.timeout(DEADLINE_S):
            first, second = await self.reader.readexactly(2)
            size = second & 127
            if size == 126:
                size = struct.unpack("!H", await self.reader.readexactly(2))[0]
            elif size == 127:
                size = struct.unpack("!Q", await self.reader.readexactly(8))[0]
            masked = bool(second & 128)
            mask = await self.reader.readexactly(4) if masked else bytes(4)
            data = await self.reader.readexactly(size)
        payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data)) if masked else data
        return Frame(bool(first & 128), first >> 4 & 7, first & 15, masked, payload)

    async def text(self) -> bytes:
        """Take the next whole text message; control frames are skipped."""
        parts: list[bytes] = []
        while True:
            frame = await self.frame()
            if frame.opcode in (0, 1):
                parts.append(frame.payload)
                if frame.fin:
                    return b"".join(parts)

    def close(self) -> None:
        # not gracefully: a TLS goodbye that nobody answers would outlive the test's loop
        self.writer.transport.abort()


async def connect_raw(
    url: str, headers: dict[str, str] | None = None, tls: ssl.SSLContext | None = None, limit: int = 1 << 22
) -> RawClient:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port, ssl=tls, server_hostname="localhost" if tls else None, limit=limit
    )
    lines = [
        f"GET {parts.path}{'?' if parts.query else ''}{parts.query} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    async with asyncio.timeout(DEADLINE_S):
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        body = b"" if status == 101 else await reader.read()
    return RawClient(reader, writer, status, body)


class Tls(NamedTuple):
    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="session")
def tls() -> Tls:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return Tls(server, client)


@pytest.fixture
def run() -> Run:
    """Run a coroutine on uvloop."""

    def call(main: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)

    return call


@pytest.fixture(params=["asyncio", "uvloop"])
def run_each(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine on either loop."""

    def call(main: Coroutine[Any, Any, None]) -> None:
        factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main)

    return call


class Kit:
    """What the tests of this folder share."""

    until = staticmethod(until)
    raw = staticmethod(connect_raw)

    @staticmethod
    async def client(sim: Simulator, key: str | None = "sim-key", tls: Tls | None = None, url: str = "") -> Client:
        """Connect in the way of the venue; Ziario's login stays to be sent."""
        client = Client()
        headers: dict[str, str] = {}
        if sim.venue.name == "infoway" and not url:
            url = sim.url_for(business="crypto", apikey=key or "")
        elif sim.venue.name == "itick" and key is not None:
            headers["token"] = key
        await ws_connect(
            lambda: client,
            url or sim.url,
            ssl_context=tls.client if tls else None,
            extra_headers=headers,
            enable_auto_pong=False,
            logger_name="sim-test",
        )
        return client


@pytest.fixture
def kit() -> Kit:
    return Kit()
