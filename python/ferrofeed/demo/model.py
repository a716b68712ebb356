"""What the view shows: rates and latencies of a feed between two looks at it."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ferrofeed.events import Quote, Trade

if TYPE_CHECKING:
    from ferrofeed.book import Book
    from ferrofeed.consumer import Account, Consumer
    from ferrofeed.demo.trading import Toy, Trading
    from ferrofeed.feed import Feed

PERCENTILES = [50.0, 99.0, 99.9]
WINDOW_S = 2.5
"""What rates are taken over."""


@dataclass(frozen=True, slots=True)
class VenueRow:
    """One connection."""

    venue: str
    phase: str
    up: bool
    acked: int
    wanted: int
    messages: int
    messages_per_s: float
    bytes_per_s: float
    quarantined: int
    accounted: bool
    """Whether messages = data + control + ignored + quarantined."""
    reconnects: int
    rtt_ns: int | None
    decode_ns: list[int]
    """Socket read to decoded: p50, p99, p99.9."""
    book_ns: list[int]
    """Decoded to booked."""
    venue_ns: list[int]
    """The venue's stamp to the socket read."""

    @property
    def live(self) -> bool:
        """Whether it is connected and every subscription acknowledged."""
        return self.up and self.acked == self.wanted


@dataclass(slots=True)
class Model:
    """Call :meth:`look` a few times a second."""

    feed: Feed
    consumer: Consumer
    """Everything, conflated."""
    recent: Consumer
    """The last trades, each one of them."""
    trading: Trading | None = None
    """None: the demo does not trade."""
    toy: Toy | None = None
    rows: list[VenueRow] = field(default_factory=list)
    trades: deque[Trade] = field(default_factory=lambda: deque(maxlen=32))
    quotes: dict[tuple[str, str], Quote] = field(default_factory=dict)
    events: int = 0
    _looks: dict[int, deque[tuple[float, int, int]]] = field(default_factory=dict)
    """By connection: time, messages and bytes of the last looks."""

    def look(self) -> None:
        """Take what is pending and read the counters."""
        batch = self.consumer.poll()
        if batch is not None:
            self.events += len(batch)
            for event in batch:
                if isinstance(event, Quote):
                    self.quotes[event.venue, event.symbol] = event
        trades = self.recent.poll()
        if trades is not None:
            self.trades.extend(trade for trade in trades if isinstance(trade, Trade))
        now = time.monotonic()
        rows = []
        for link, snapshot in self.feed.snapshots():
            counters = self.feed.core.counters(link.venue)
            messages, read = int(counters["messages"]), int(counters["bytes"])
            messages_per_s, bytes_per_s = self._speed(link.venue, now, messages, read)
            percentiles = self.feed.core.percentiles
            rows.append(
                VenueRow(
                    venue=link.config.id,
                    phase=snapshot.phase.value,
                    up=link.live,
                    acked=snapshot.acked,
                    wanted=snapshot.wanted,
                    messages=messages,
                    messages_per_s=messages_per_s,
                    bytes_per_s=bytes_per_s,
                    quarantined=sum(counters["quarantined"].values()),
                    accounted=messages == counters["accounted"],
                    reconnects=sum(snapshot.reconnects.values()),
                    rtt_ns=snapshot.last_rtt_ns,
                    decode_ns=percentiles(link.venue, "receive_to_decoded", PERCENTILES),
                    book_ns=percentiles(link.venue, "decoded_to_booked", PERCENTILES),
                    venue_ns=percentiles(link.venue, "venue_to_receive", PERCENTILES),
                )
            )
        self.rows = rows
        if self.trading is not None:
            self.toy = self.trading.look()

    @property
    def live(self) -> bool:
        """Whether every venue is live, and trading possible where it is wanted."""
        return all(row.live for row in self.rows) and (self.toy is None or self.toy.state == "ready")

    def _speed(self, venue: int, now: float, messages: int, read: int) -> tuple[float, float]:
        """Messages and bytes a second, over the last seconds."""
        looks = self._looks.setdefault(venue, deque())
        looks.append((now, messages, read))
        while now - looks[0][0] > WINDOW_S:
            looks.popleft()
        then, messages_then, read_then = looks[0]
        seconds = now - then
        return ((messages - messages_then) / seconds, (read - read_then) / seconds) if seconds > 0 else (0.0, 0.0)

    def books(self) -> list[Book]:
        """Every book there is, in the order of the configuration."""
        found = []
        for venue in self.feed.config.venues:
            for symbol, channel in venue.topics():
                if channel == "depth":
                    book = self.feed.book(venue.id, symbol)
                    if book is not None:
                        found.append(book)
        return found

    def delivery_ns(self) -> list[int]:
        """Booked to delivered to this view's consumer: p50, p99, p99.9."""
        return self.consumer.core.percentiles(PERCENTILES)

    def account(self) -> Account:
        """What became of the events offered to the view."""
        return self.consumer.totals()
