"""A server under abuse, an honest client beside it, and sockets that keep to no protocol.

The server is *open* (no TLS, no list of clients), or *guarded* (both).
"""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import trustme
from tests.gateway.client import DEADLINE_S, ETH, Client, Message
from tests.gateway.targets import Process, free_ports, head

VENUE = """
[[venue]]
id = "paper"
kind = "paper"
balances = {USDT = "1000000", ETH = "1000"}
[[venue.trade]]
symbols = ["ETH/USDT", "BTC/USDT"]
tick = "0.01"
lot = "0.0001"
"""
BTC = "BTC/USDT"
EQUALS = (
    *("honest", "witness", "mallory", "mallory-2", "operator"),
    *(f"stalled-{number}" for number in range(1, 6)),
    *(f"many-{number}" for number in range(9)),
    *(f"account-{number}" for number in range(100)),
)
"""Clients of the list who may trade everything; the operator may do more."""
LESSER = {
    "reader": 'permission = "read"',
    "elsewhere": 'platforms = ["other"]',
    "narrow": f'symbols = ["{BTC}"]',
    "small": 'max_quantity = "2"\nmax_notional = "1500"\nmax_open_orders = 1',
    "slow": "orders_per_s = 3",
}
CLIENT = """
[[gateway.client]]
id = "{name}"
access_key = "plain:{key[0]}"
secret_key = "plain:{key[1]}"
{more}
"""
FULL = os.environ.get("FERROFEED_ABUSE") == "full"
"""Many times as much of everything."""
ROOM_KB = (128 if FULL else 48) * 1024
"""How much larger a server may be afterwards: what its allocator keeps, nothing that grows with the abuse."""


def key(name: str) -> tuple[str, str]:
    """The keys of a client, whether or not anybody looks at them."""
    return name, f"{name}-secret"


@functools.cache
def _certificate() -> tuple[bytes, bytes, ssl.SSLContext]:
    """A certificate with its key, and a client that trusts it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    return b"".join(blob.bytes() for blob in issued.cert_chain_pems), issued.private_key_pem.bytes(), trust


class Server(Process):
    """``ferrofeed run`` with a paper venue where nothing trades, and its gateway."""

    def __init__(self, folder: Path, *, guarded: bool = False, **settings: Any) -> None:
        metrics, port = free_ports(2)
        self.guarded = guarded
        self.trust: ssl.SSLContext | None = None
        self.allowed: set[str] = set()
        """Orders that may be placed besides the honest ones."""
        listed = ""
        if guarded:
            cert, secret, self.trust = _certificate()
            files = {"tls_cert": folder / "cert.pem", "tls_key": folder / "key.pem"}
            folder.mkdir(parents=True, exist_ok=True)
            for path, data in zip(files.values(), (cert, secret), strict=True):
                path.write_bytes(data)
            settings |= {name: str(path) for name, path in files.items()}
            operator = {"operator": 'permission = "operator"'}
            listed = "".join(
                CLIENT.format(name=name, key=key(name), more=more)
                for name, more in (dict.fromkeys(EQUALS, "") | operator | LESSER).items()
            )
        text = head(port, metrics, **settings) + '\naliases = {other = "paper"}\n' + listed + VENUE
        super().__init__(folder, text, port, metrics)
        self.url = f"ws{'s' if guarded else ''}://127.0.0.1:{port}/ws/v1"
        self.scheme = "https" if guarded else "http"
        self.counts("handshake_failed", 0, 0)

    def client(self) -> Client:
        return Client(self.url, **({} if self.trust is None else {"ssl": self.trust}))

    def counted(self, reason: str) -> int:
        """How often something happened, by its own name."""
        lines = self.scrape().splitlines()
        mark = "ferrofeed_gateway_connections_total " if reason == "connections" else f'reason="{reason}"'
        found = [line for line in lines if line.startswith("ferrofeed_gateway_") and mark in line]
        assert found, f"nothing counts {reason}"
        looks = self.looks if reason == "handshake_failed" else 0
        return sum(int(float(line.rpartition(" ")[2])) for line in found) - looks

    def counts(self, reason: str, least: int, most: int | None = None) -> None:
        """Wait until so many are counted."""
        end = time.monotonic() + DEADLINE_S
        while (found := self.counted(reason)) < least:
            assert time.monotonic() < end, f"{reason}: {found} counted, expected {least}"
            time.sleep(0.02)
        assert most is None or found <= most, f"{reason}: {found} counted, expected {most} at most"

    def resident_kb(self) -> int:
        """How much memory it has."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("it is gone")

    def files(self) -> int:
        """How many files and sockets it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


class Honest:
    """Places and cancels an order, over and over, and is answered each time."""

    def __init__(self, server: Server) -> None:
        self._client = server.client()
        self.login = self._client.login("paper", key("honest"), ETH)
        self.orders: list[str] = []
        self._error: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        try:
            while not self._stop.wait(0.02):
                number = self.login.placed("BUY", "1000", "0.5")
                self.orders.append(number)
                listed = self.login.ask("open_orders", symbol=ETH)["data"]
                assert [row["order_no"] for row in listed] == [number]
                answer = self.login.ask("cancel_order", symbol=ETH, order_nos=[number])
                assert [row["result"] for row in answer["data"]] == [True]
                self._client.got.clear()
        except BaseException as error:  # noqa: BLE001  # told where the test waits for it
            self._error = error

    def served(self) -> None:
        """Wait until it was served once more."""
        before, end = len(self.orders), time.monotonic() + DEADLINE_S
        while len(self.orders) < before + 2:
            self._raise()
            assert time.monotonic() < end, "an honest client waits"
            time.sleep(0.005)

    def _raise(self) -> None:
        if self._error is not None:
            raise AssertionError("an honest client was not served") from self._error

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(DEADLINE_S)
        self._client.close()

    def check(self) -> None:
        """All its life it was served."""
        self._raise()
        assert self.orders


@contextlib.contextmanager
def abused(folder: Path, *, guarded: bool = False, **settings: Any) -> Iterator[tuple[Server, Honest]]:
    """A server beside whose abuse an honest client is served.

    In the end it lives, is no larger, and has the honest orders only.
    """
    server = Server(folder, guarded=guarded, **{"requests_per_s": 100_000, **settings})
    try:
        _witness(server)
        honest = Honest(server)
        try:
            honest.served()
            before, files = server.resident_kb(), server.files()
            yield server, honest
            honest.served()
            end = time.monotonic() + DEADLINE_S
            while server.files() > files + 8:
                assert time.monotonic() < end, f"{server.files()} files open, before {files}"
                time.sleep(0.05)
            grown = server.resident_kb() - before
            assert grown < ROOM_KB, f"{grown} kB larger"
        finally:
            honest.stop()
        honest.check()
        assert _witness(server)["data"] == []
        assert server.stop() == 0
        assert placed(server) == set(honest.orders) | server.allowed
        assert "Traceback" not in server.said()
        assert "-secret" not in server.said()
    finally:
        server.process.kill()
        server.process.wait()


def _witness(server: Server) -> Message:
    """What a client sees that has done nothing, and had its account before everybody else."""
    with server.client() as other:
        return other.login("paper", key("witness"), ETH).ask("open_orders", symbol=ETH)


def placed(server: Server) -> set[str]:
    """Every order that its journal knows."""
    return {number for text in server.journal() if (number := order_of(text))}


def order_of(text: str) -> str:
    """The number of the order that a journal's entry decides to place; empty: it is another entry."""
    words = text.split()
    return words[1].rstrip(":") if words[:1] == ["order"] and words[2:3] == ["placed:"] else ""


class Raw:
    """A TCP connection, over TLS where the server has it, that may turn into a WebSocket."""

    def __init__(self, server: Process, *, upgrade: bool = True, receive: int = 0, tls: bool = True) -> None:
        self.server = server
        self.sock = socket.socket()
        if receive:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self.sock.settimeout(DEADLINE_S)
        self.sock.connect(("127.0.0.1", server.port))
        trust = server.trust if isinstance(server, Server) and tls else None
        if trust is not None:
            self.sock = trust.wrap_socket(self.sock, server_hostname="127.0.0.1")
        self._pending = b""
        if upgrade:
            self.sock.sendall(request(server))
            assert self.head() == 101

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        """Send, or find that the server has closed."""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            self.sock.sendall(data)

    def _more(self) -> bool:
        try:
            data = self.sock.recv(1 << 16)
        except (ConnectionError, ssl.SSLError):
            return False
        self._pending += data
        return bool(data)

    def head(self) -> int:
        """The status of an HTTP answer; 0: the server closed without one."""
        while b"\r\n\r\n" not in self._pending:
            if not self._more():
                return 0
        answer, _, self._pending = self._pending.partition(b"\r\n\r\n")
        return int(answer.split(b" ", 2)[1])

    def frame(self) -> tuple[int, bytes] | None:
        """Opcode and payload of the next frame; None: the server has closed."""
        while True:
            data = self._pending
            if len(data) >= 2:
                size, start = data[1] & 127, 2
                width = {126: 2, 127: 8}.get(size, 0)
                if width:
                    size, start = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
                if len(data) >= start + size:
                    self._pending = data[start + size :]
                    return data[0] & 15, data[start : start + size]
            if not self._more():
                return None

    def message(self) -> Message:
        """The next message."""
        found = self.frame()
        assert found is not None, "closed"
        assert found[0] == 1, found
        message: Message = json.loads(found[1])
        return message

    def ask(self, asked: Message) -> Message:
        """Ask; the next message that is no news."""
        self.send(frame(json.dumps(asked).encode()))
        while (message := self.message())["op"] in {"state", "notify"}:
            pass
        return message

    def closed(self) -> int:
        """Wait for the end; the code of its close frame, 0 if there was none."""
        code = 0
        while (found := self.frame()) is not None:
            if found[0] == 8:
                code = int.from_bytes(found[1][:2], "big")
                self.send(frame(found[1][:2], 8))
        return code


def request(server: Process, path: str = "/ws/v1", host: str = "", *headers: str) -> bytes:
    """An upgrade."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host or f'127.0.0.1:{server.port}'}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def frame(payload: bytes, opcode: int = 1, *, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    """A frame, right or wrong. Its mask is zero: the payload stands as it is."""
    first = bytes([(fin << 7) | (rsv << 4) | opcode])
    return first + length(len(payload), masked=masked) + (bytes(4) if masked else b"") + payload


def length(size: int, *, masked: bool = True) -> bytes:
    """The length of a frame."""
    bit = 128 if masked else 0
    if size < 126:
        return bytes([bit | size])
    return (
        bytes([bit | 126]) + struct.pack(">H", size) if size < 1 << 16 else bytes([bit | 127]) + struct.pack(">Q", size)
    )


def order(token: str, **change: Any) -> Message:
    """A good order of a token."""
    return {
        "op": "place_order",
        "cid": "c",
        "token": token,
        "symbol": ETH,
        "action": "BUY",
        "price": 1000,
        "quantity": 1,
        "order_type": "LIMIT",
        **change,
    }


def login(
    raw: Raw, name: str, platform: str = "paper", symbols: Sequence[str] = (ETH,), secret: str | None = None
) -> Message:
    """Ask for a login; its answer."""
    access, right = key(name)
    keys = {"access_key": access, "secret_key": right if secret is None else secret}
    return raw.ask({"op": "login", "cid": "l", "platform": platform, "symbols": [*symbols], **keys})


def ready(raw: Raw, name: str, platform: str = "paper", symbols: Sequence[str] = (ETH,)) -> str:
    """Log in, and wait until orders would be taken; the token."""
    answer = login(raw, name, platform, symbols)
    assert answer["result"] is True, answer
    while (message := raw.message()).get("code") != 6:
        assert message["op"] in {"state", "notify"}, message
    return str(answer["token"])


def until(condition: Callable[[], object], what: str) -> None:
    """Poll with a deadline."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"waited too long: {what}"
        time.sleep(0.02)
