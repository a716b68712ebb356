"""A connection without a socket: a server's bytes go through the Rust reader, a dummy plays picows."""

from __future__ import annotations

from pathlib import Path

from ferrofeed import _core
from ferrofeed.events import Batch, Names
from ferrofeed.sim.frames import frame

GOLDEN = Path(__file__).resolve().parents[2] / "rust/core/tests/golden"
ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n"


class Inner:
    """Plays picows' protocol: collects the header and accepts the upgrade when it is whole."""

    def __init__(self, *, accepts: bool = True, room: int = 64) -> None:
        self.reader: _core.Reader | None = None
        self.seen = bytearray()
        self.calls: list[str] = []
        self._accepts = accepts
        self._room = bytearray(room)

    def get_buffer(self, hint: int) -> memoryview:
        assert hint == -1
        return memoryview(self._room)

    def buffer_updated(self, n: int) -> None:
        self.seen += self._room[:n]
        if self._accepts and self.seen.endswith(b"\r\n\r\n"):
            assert self.reader is not None
            self.reader.upgrade()

    def eof_received(self) -> str:
        self.calls.append("eof")
        return "kept open"

    def connection_made(self, _transport: object) -> None:
        self.calls.append("made")

    def connection_lost(self, error: object) -> None:
        self.calls.append(f"lost {error}")

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")


def fill(reader: _core.Reader, data: bytes, step: int | None = None) -> None:
    """Let the reader read, as a transport does: so many bytes a read, or as many as it takes."""
    at = 0
    while at < len(data):
        view = memoryview(reader.get_buffer(-1)).cast("B")
        n = min(len(view), len(data) - at, step or len(data))
        view[:n] = data[at : at + n]
        view.release()
        reader.buffer_updated(n)
        at += n


class Wire:
    """A feed core with one open connection and a consumer of everything."""

    def __init__(self, kind: str | None, *, symbols: dict[str, tuple[str, ...]] | None = None) -> None:
        self.core = _core.FeedCore()
        self.venue = self.core.add_connection(kind)
        self.names = Names()
        self.names.venues.append("v")
        self.notices: list[tuple[str, bytes, int | None]] = []
        for symbol, spellings in (symbols or {}).items():
            self.core.add_instrument(self.venue, symbol, list(spellings))
            self.names.symbols.append((symbol, spellings[0]))
            self.names.owners.append(self.venue)
        self.consumer = self.core.add_consumer(capacity=10_000, policy="drop_oldest")
        self.inner = Inner()
        self.reader = _core.Reader(self.core, self.venue, self.inner, self._notify)
        self.inner.reader = self.reader

    def _notify(self, notices: list[tuple[str, bytes, int | None]], _full: bool) -> None:
        self.notices += notices

    def open(self) -> Wire:
        fill(self.reader, ANSWER)
        assert self.reader.upgraded
        return self

    def send(self, *messages: bytes) -> None:
        fill(self.reader, b"".join(map(frame, messages)))

    def take(self) -> Batch | None:
        batch, closed = self.consumer.take(0.0)
        assert closed is None
        return None if batch is None else Batch(batch, self.names)

    def batch(self, *messages: bytes) -> Batch:
        """What these messages give."""
        self.send(*messages)
        batch = self.take()
        assert batch is not None
        return batch


CRYPTO = {
    "ETH/USDT": ("ETHUSDT", "ETH_USDT"),
    "BTC/USDT": ("BTCUSDT", "BTC_USDT"),
    "AAPL.US": ("AAPL.US",),
    "AMZN.US": ("AMZN.US",),
    "002594.SZ": ("002594.SZ",),
}


def golden(venue: str) -> list[bytes]:
    """Every golden frame of a venue that could come over a wire."""
    return [path.read_bytes() for path in sorted((GOLDEN / venue).glob("*.json"))]
