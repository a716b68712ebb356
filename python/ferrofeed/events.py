"""Events as a Python user sees them: NumPy records of a batch in place, and a small object for each event touched.

The layout is that of the Rust core's ``Event`` (``rust/core/src/event/mod.rs``): 128 bytes, all integers. Prices, sizes
and turnovers are integers at the scales each record carries: ``value = integer / 10**scale``. The objects give the same
numbers as exact :class:`decimal.Decimal`.
"""

from __future__ import annotations

import struct
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from ferrofeed.errors import UsageError
from ferrofeed.spec import INTERVALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from ferrofeed import _core

KINDS: Final = ("trade", "quote", "book", "bar", "status")
"""Names of the kinds; a record's ``kind`` is the index here plus one."""
SIDES: Final = ("unknown", "buy", "sell")
ACTIONS: Final = ("snapshot", "update")
STATES: Final = (
    "",
    "connected",
    "disconnected",
    "gap",
    "resync",
    "stale",
    "subscribed",
    "unsubscribed",
    "refused",
    "scale",
)
REASONS: Final = (
    "none",
    "peer_closed",
    "local_closed",
    "protocol_error",
    "heartbeat_timeout",
    "data_timeout",
    "login_refused",
    "request_refused",
    "crossed",
    "sequence_gap",
    "checksum",
    "decode_error",
    "snapshot",
    "value_out_of_scale",
    "kicked",
    "network_error",
    "ack_timeout",
)
TRADE, QUOTE, BOOK, BAR, STATUS = range(1, 6)
NO_INSTRUMENT: Final = 0xFFFF_FFFF
"""``instrument`` of an event about a whole connection."""

_HEAD: Final[dict[str, tuple[str, int]]] = {
    "kind": ("u1", 0),
    "side": ("u1", 1),
    "action": ("u1", 2),
    "state": ("u1", 3),
    "price_scale": ("u1", 4),
    "size_scale": ("u1", 5),
    "turnover_scale": ("u1", 6),
    "flags": ("u1", 7),
    "venue": ("<u2", 8),
    "interval": ("u1", 10),
    "change_scale": ("u1", 11),
    "instrument": ("<u4", 12),
    "seq": ("<u8", 16),
    "ts_event": ("<i8", 24),
    "ts_recv": ("<i8", 32),
    "ts_booked": ("<i8", 40),
    "epoch": ("<u4", 48),
    "reason": ("<u2", 52),
    "present": ("<u2", 54),
}
_WORDS: Final[dict[str, dict[str, int]]] = {
    "trade": {"price": 0, "size": 1, "turnover": 2},
    "quote": {"last": 0, "volume": 1, "turnover": 2, "change": 3, "open": 4, "high": 5, "low": 6, "status": 7},
    "book": {"bid": 0, "bid_size": 1, "ask": 2, "ask_size": 3, "at": 4, "bids": 5, "asks": 6},
    "bar": {"open": 0, "high": 1, "low": 2, "close": 3, "volume": 4, "turnover": 5, "ts_open": 6},
    "status": {},
}


def _dtype(kind: str | None = None) -> np.dtype[np.void]:
    fields = dict(_HEAD)
    if kind is None:
        fields["v"] = ("(9,)<i8", 56)
    else:
        fields |= {name: ("<i8", 56 + 8 * word) for name, word in _WORDS[kind].items()}
    if kind == "trade":
        fields["trade_id"] = ("S48", 80)
    return np.dtype(
        {
            "names": list(fields),
            "formats": [form for form, _ in fields.values()],
            "offsets": [offset for _, offset in fields.values()],
            "itemsize": 128,
        },
    )


EVENT: Final = _dtype()
"""Any event: the common fields, and the nine payload words as ``v``."""
DTYPES: Final = {kind: _dtype(kind) for kind in KINDS}
"""The same 128 bytes with the payload's names of one kind."""
LEVEL: Final = np.dtype([("price", "<i8"), ("size", "<i8")])
"""A book level."""

EXACT: Final = Context(prec=60, traps=[InvalidOperation, DivisionByZero, Inexact])
"""For arithmetic on what an event holds, whatever precision the user's own context has."""
_RECORD: Final = struct.Struct("<8BHBBIQqqqIHH9q")
assert _RECORD.size == EVENT.itemsize == 128  # noqa: PLR2004

_TURNOVER, _VOLUME, _CHANGE, _OPEN, _HIGH, _LOW, _STATUS = (1 << bit for bit in range(7))
_VALID, _LOSSY = 1, 2


def to_decimal(value: int, scale: int) -> Decimal:
    """The exact decimal of an integer at a scale, without trailing zeros after the point."""
    if value == 0:
        return Decimal(0)
    while scale > 0 and value % 10 == 0:
        value //= 10
        scale -= 1
    return Decimal(value).scaleb(-scale, EXACT)


class Names:
    """Labels of venue connections and symbols of instruments, by the indices that events carry. Only ever grows."""

    __slots__ = ("owners", "symbols", "venues")

    def __init__(self) -> None:
        self.venues: list[str] = []
        self.symbols: list[tuple[str, str]] = []
        """``(symbol, raw_symbol)`` by instrument."""
        self.owners: list[int] = []
        """Venue connection by instrument."""

    def owner(self, instrument: int) -> str:
        """Id of the venue that an instrument belongs to."""
        return self.venues[self.owners[instrument]]


class Event:
    """What every event has. Its numbers are worked out only when asked for."""

    __slots__ = ("_core", "_names", "_row")
    type: ClassVar[str] = ""

    def __init__(self, core: _core.Batch, names: Names, row: tuple[int, ...]) -> None:
        self._core = core
        self._names = names
        self._row = row

    @property
    def venue(self) -> str:
        """Id of the venue in the configuration."""
        return self._names.venues[self._row[8]]

    @property
    def symbol(self) -> str:
        """Canonical symbol; empty for an event about a whole connection."""
        index = self._row[11]
        return "" if index == NO_INSTRUMENT else self._names.symbols[index][0]

    @property
    def raw_symbol(self) -> str:
        """The venue's own spelling."""
        index = self._row[11]
        return "" if index == NO_INSTRUMENT else self._names.symbols[index][1]

    @property
    def instrument(self) -> int:
        """Index of the instrument in this feed."""
        return self._row[11]

    @property
    def seq(self) -> int:
        """Number of the event in the feed: 1, 2, 3 …; what is missing was filtered out, conflated or dropped."""
        return self._row[12]

    @property
    def ts_event(self) -> int:
        """The venue's time, ns since the Unix epoch; 0 if it sent none."""
        return self._row[13]

    @property
    def ts_recv(self) -> int:
        """Time of the socket read, ns since the Unix epoch."""
        return self._row[14]

    @property
    def epoch(self) -> int:
        """The connection's epoch: one more with every (re)connection."""
        return self._row[16]

    @property
    def lossy(self) -> bool:
        """Whether this consumer lost or conflated events of this instrument just before this one."""
        return bool(self._row[7] & _LOSSY)

    @property
    def price_scale(self) -> int:
        """Digits after the decimal point of the record's prices."""
        return self._row[4]

    @property
    def size_scale(self) -> int:
        """Digits after the decimal point of the record's sizes and volumes."""
        return self._row[5]

    @property
    def turnover_scale(self) -> int:
        """Digits after the decimal point of the record's turnovers."""
        return self._row[6]

    def _price(self, word: int) -> Decimal:
        return to_decimal(self._row[19 + word], self._row[4])

    def _size(self, word: int) -> Decimal:
        return to_decimal(self._row[19 + word], self._row[5])

    def _turnover(self, word: int) -> Decimal | None:
        return to_decimal(self._row[19 + word], self._row[6]) if self._row[18] & _TURNOVER else None

    def as_dict(self) -> dict[str, Any]:
        """Every field by name: the JSON line's names, with Decimals for its decimal strings."""
        names = ("type", "venue", "symbol", "raw_symbol", "ts_event", "ts_recv", "seq", *self._fields)
        return {name: getattr(self, name) for name in names}

    _fields: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={_shown(value)}" for name, value in self.as_dict().items() if name != "type")
        return f"{type(self).__name__}({fields})"


def _shown(value: object) -> str:
    """As a person writes it: decimals without an exponent."""
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, tuple):
        return " x ".join(map(_shown, value))  # pyright: ignore[reportUnknownArgumentType]
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


class Trade(Event):
    """One execution on the venue."""

    __slots__ = ()
    type = "trade"
    _fields = ("price", "size", "side", "trade_id", "turnover")

    @property
    def price(self) -> Decimal:
        """Price."""
        return self._price(0)

    @property
    def size(self) -> Decimal:
        """Size."""
        return self._size(1)

    @property
    def turnover(self) -> Decimal | None:
        """Money that changed hands, if the venue says it."""
        return self._turnover(2)

    @property
    def side(self) -> str:
        """The aggressor: ``buy``, ``sell`` or ``unknown``."""
        return SIDES[self._row[1]]

    @property
    def trade_id(self) -> str:
        """The venue's id, empty if it has none."""
        return struct.pack("<6q", *self._row[22:28]).rstrip(b"\0").decode("ascii", "replace")


class Quote(Event):
    """The venue's ticker. What the venue did not send is None."""

    __slots__ = ()
    type = "quote"
    _fields = ("last", "volume", "turnover", "change", "open", "high", "low", "status")

    def _optional(self, bit: int, read: Callable[[int], Decimal], word: int) -> Decimal | None:
        return read(word) if self._row[18] & bit else None

    @property
    def last(self) -> Decimal:
        """Last price."""
        return self._price(0)

    @property
    def volume(self) -> Decimal | None:
        """Volume of the venue's period (mostly a day)."""
        return self._optional(_VOLUME, self._size, 1)

    @property
    def turnover(self) -> Decimal | None:
        """Turnover of the same period."""
        return self._turnover(2)

    @property
    def change(self) -> Decimal | None:
        """Change in percent."""
        return to_decimal(self._row[22], self._row[10]) if self._row[18] & _CHANGE else None

    @property
    def open(self) -> Decimal | None:
        """Open price."""
        return self._optional(_OPEN, self._price, 4)

    @property
    def high(self) -> Decimal | None:
        """High price."""
        return self._optional(_HIGH, self._price, 5)

    @property
    def low(self) -> Decimal | None:
        """Low price."""
        return self._optional(_LOW, self._price, 6)

    @property
    def status(self) -> int | None:
        """The venue's trading status, 0 = normal."""
        return self._row[26] if self._row[18] & _STATUS else None


Levels = list[tuple[Decimal, Decimal]]


class BookEvent(Event):
    """A new state of an order book, or (``action`` ``update``) changes of it."""

    __slots__ = ()
    type = "book"
    _fields = ("bids", "asks", "depth", "valid", "action")

    def _levels(self, start: int, stop: int) -> Levels:
        price_scale, size_scale = self._row[4], self._row[5]
        levels = self._core.level_pairs(start, stop)
        return [(to_decimal(price, price_scale), to_decimal(size, size_scale)) for price, size in levels]

    @property
    def bids(self) -> Levels:
        """``(price, size)``, best first."""
        at = self._row[23]
        return self._levels(at, at + self._row[24])

    @property
    def asks(self) -> Levels:
        """``(price, size)``, best first."""
        at = self._row[23] + self._row[24]
        return self._levels(at, at + self._row[25])

    @property
    def best_bid(self) -> tuple[Decimal, Decimal] | None:
        """Best bid of the book after this event, ``(price, size)``."""
        return (self._price(0), self._size(1)) if self._row[20] else None

    @property
    def best_ask(self) -> tuple[Decimal, Decimal] | None:
        """Best ask of the book after this event, ``(price, size)``."""
        return (self._price(2), self._size(3)) if self._row[22] else None

    @property
    def depth(self) -> int:
        """Levels of the deeper side in this event."""
        return max(self._row[24], self._row[25])

    @property
    def valid(self) -> bool:
        """Whether the book was valid after this event."""
        return bool(self._row[7] & _VALID)

    @property
    def action(self) -> str:
        """``snapshot`` or ``update``."""
        return ACTIONS[self._row[2]]


class Bar(Event):
    """A price bar."""

    __slots__ = ()
    type = "bar"
    _fields = ("interval", "open", "high", "low", "close", "volume", "turnover", "ts_open")

    @property
    def interval(self) -> str:
        """``1m`` … ``1Y``; empty if the venue did not say."""
        index = self._row[9]
        return INTERVALS[index - 1] if index else ""

    @property
    def open(self) -> Decimal:
        """Open price."""
        return self._price(0)

    @property
    def high(self) -> Decimal:
        """High price."""
        return self._price(1)

    @property
    def low(self) -> Decimal:
        """Low price."""
        return self._price(2)

    @property
    def close(self) -> Decimal:
        """Close price."""
        return self._price(3)

    @property
    def volume(self) -> Decimal | None:
        """Volume."""
        return self._size(4) if self._row[18] & _VOLUME else None

    @property
    def turnover(self) -> Decimal | None:
        """Turnover."""
        return self._turnover(5)

    @property
    def ts_open(self) -> int:
        """Open time of the bar, ns since the Unix epoch."""
        return self._row[25]


class Status(Event):
    """What happened to a connection, a subscription or an instrument."""

    __slots__ = ()
    type = "status"
    _fields = ("state", "reason", "epoch")

    @property
    def state(self) -> str:
        """``connected disconnected gap resync stale subscribed unsubscribed refused scale``."""
        return STATES[self._row[3]]

    @property
    def reason(self) -> str:
        """Why; ``none`` if nothing more is known."""
        return REASONS[self._row[17]]

    def as_dict(self) -> dict[str, Any]:
        """Every field by name; the scales too where they are the news."""
        fields = super().as_dict()
        if self.state == "scale":
            fields |= {name: getattr(self, name) for name in ("price_scale", "size_scale", "turnover_scale")}
        return fields


CLASSES: Final[tuple[type[Event], ...]] = (Event, Trade, Quote, BookEvent, Bar, Status)
"""The class of each kind, by its value."""


class Batch:
    """Events in the order they happened: iterate over objects, or work on :attr:`records` and :attr:`levels`."""

    __slots__ = ("_levels", "_records", "core", "names")

    def __init__(self, core: _core.Batch, names: Names) -> None:
        self.core = core
        self.names = names
        self._records: NDArray[np.void] | None = None
        self._levels: NDArray[np.void] | None = None

    def __len__(self) -> int:
        return len(self.core)

    @property
    def records(self) -> NDArray[np.void]:
        """The events as a structured array (:data:`EVENT`): read-only, no copy, alive as long as the array is."""
        records = self._records
        if records is None:
            records = self._records = np.frombuffer(memoryview(self.core.events), dtype=EVENT)
        return records

    @property
    def levels(self) -> NDArray[np.void]:
        """The levels of all book events (:data:`LEVEL`): a book's start at ``at``, ``bids`` of them, then ``asks``."""
        levels = self._levels
        if levels is None:
            levels = self._levels = np.frombuffer(memoryview(self.core.levels), dtype=LEVEL)
        return levels

    def of(self, kind: str) -> NDArray[np.void]:
        """The records of one kind under its payload's names: ``batch.of("trade")["price"]``.

        No copy if every event of the batch is of that kind, as with a consumer of one kind; else a copy of those.
        """
        (kind,) = kinds_of([kind])
        wanted = self.records.view(DTYPES[kind])
        chosen = wanted["kind"] == KINDS.index(kind) + 1
        return wanted if chosen.all() else wanted[chosen]

    def __iter__(self) -> Iterator[Event]:
        classes, core, names = CLASSES, self.core, self.names
        for row in _RECORD.iter_unpack(core.events):
            yield classes[row[0]](core, names, row)

    def __getitem__(self, index: int) -> Event:
        offset = range(len(self))[index] * _RECORD.size
        row: tuple[int, ...] = _RECORD.unpack_from(memoryview(self.core.events), offset)
        return CLASSES[row[0]](self.core, self.names, row)

    def __repr__(self) -> str:
        return f"Batch({len(self)} events)"


def kinds_of(names: Iterable[str]) -> list[str]:
    """The given kind names, checked; ``depth`` is taken for ``book``, as channels call it so."""
    kinds = ["book" if name == "depth" else name for name in names]
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(f"no kind {kind!r}; there are {', '.join(KINDS)}")
    return kinds
