"""The same reader, decoders and books without a socket: what ferrofeed itself costs, and nothing of the kernel's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ferrofeed import _core
from ferrofeed.venues import SPECS

if TYPE_CHECKING:
    from ferrofeed.bench.workload import Workload

READ: Final = 65_536
_UPGRADED: Final = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


class _Inner:
    """Stands in for picows' protocol: takes the handshake's header and says yes."""

    def __init__(self) -> None:
        self.reader: _core.Reader | None = None
        self._room = bytearray(65_536)

    def get_buffer(self, _hint: int) -> bytearray:
        return self._room

    def buffer_updated(self, _n: int) -> None:
        assert self.reader is not None
        self.reader.upgrade()


def _no_notice(_notices: list[Any], _full: bool) -> None:  # called by Rust
    """A load has data only."""


class InProcess:
    """A feed of one connection whose reads come from memory.

    ``mode``: ``plain``, ``untouched`` (a conflating consumer that takes nothing), ``every`` (one that misses nothing).
    """

    def __init__(self, load: Workload, *, mode: str = "plain") -> None:
        self.core = _core.FeedCore()
        venue = self.core.add_connection(load.kind)
        dialect = SPECS[load.kind].dialect
        self.instruments: dict[str, int] = {}
        for symbol in load.symbols:
            raw = dialect.raw_symbol(symbol)
            self.instruments[symbol] = self.core.add_instrument(venue, symbol, list(dialect.spellings(raw)))
        for instrument in self.instruments.values():
            self.core.set_wanted(instrument, True)
        policy = {"plain": "", "untouched": "conflate", "every": "drop_oldest"}[mode]
        self.consumer = self.core.add_consumer(capacity=65_536, policy=policy) if policy else None
        inner = _Inner()
        self._reader = _core.Reader(self.core, venue, inner, _no_notice)
        inner.reader = self._reader
        self._put(_UPGRADED)
        inner.reader = None
        self._stream = memoryview(b"".join(load.frames()))
        self._messages = len(load.payloads)
        self._venue = venue

    def block(self) -> int:
        """Work through the whole block once, 64 KiB a read; gives how many messages that was."""
        for start in range(0, len(self._stream), READ):
            self._put(self._stream[start : start + READ])
        return self._messages

    def data(self) -> int:
        """How many messages gave events so far."""
        count: int = self.core.counters(self._venue)["data"]
        return count

    def _put(self, chunk: bytes | memoryview) -> None:
        reader, at = self._reader, 0
        while at < len(chunk):
            with memoryview(reader.get_buffer(-1)) as room:
                n = min(len(room), len(chunk) - at)
                room[:n] = chunk[at : at + n]
            reader.buffer_updated(n)
            at += n
