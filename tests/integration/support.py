"""Simulators on loopback, feeds against them, and what must hold of every feed when its test ends."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest

from ferrofeed.config import Config, LoopConfig, Secret, ServiceConfig, Subscription, VenueConfig
from ferrofeed.feed import Feed
from ferrofeed.session import BackoffPolicy, Phase
from ferrofeed.sim import Options, SimulatorThread
from ferrofeed.spec import Nack, Refused
from ferrofeed.venues import SPECS

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Sequence

    from ferrofeed.consumer import Consumer
    from ferrofeed.events import Event, Status
    from ferrofeed.session import Snapshot
    from ferrofeed.sim import Simulator, Trade
    from ferrofeed.spec import Control, Dialect, VenueSpec

VENUES = ("ziario", "itick", "infoway")
WITH_BOOKS = ("itick", "infoway")
TRANSPORTS = ("tcp", "tls")
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
CHANNELS = {
    "ziario": ("quote",),
    "itick": ("quote", "depth", "trade", "bar:1m"),
    "infoway": ("trade", "depth", "bar:1m"),
}
KEY = "integration-key-0123456789"
SECRET = "integration-secret-9876543210"
each_loop = pytest.mark.parametrize("harness", ["sleeps", "polls"], indirect=True)
"""With a feed that sleeps until a socket is readable, and with one that polls."""
OPTIONS = Options(keys={KEY: SECRET})
DEADLINE_S = 30.0
STOP_S = 5.0
QUICK = BackoffPolicy(
    floor_s=0.01, base_s=0.1, cap_s=0.5, kick_count=3, kick_young_s=0.0, kick_delay_s=0.5, kick_cap_s=1
)
"""No connection counts as kicked: what is dropped here is dropped by faults."""


class Tls(NamedTuple):
    """A test authority: the server's context and the PEM file clients trust."""

    server: ssl.SSLContext
    ca: Path


def eventually(condition: Callable[[], object], what: str = "", deadline_s: float = DEADLINE_S) -> None:
    """Poll until the condition holds; fail with ``what`` when it does not in time."""
    end = time.monotonic() + deadline_s
    pause = threading.Event()
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s:g} s: {what or condition}")
        pause.wait(0.005)


def during(seconds: float, condition: Callable[[], object], what: str = "") -> None:
    """The condition holds, and goes on to hold for so long."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < end:
        assert condition(), what
        pause.wait(0.005)


class Hasty:
    """A dialect whose venue asks to be left alone for less long: waits of a minute become ``most_s``."""

    def __init__(self, real: Dialect, most_s: float) -> None:
        self._real = real
        self._most_s = most_s

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def handshake_refused(self, status: int, /) -> Refused:
        return cast("Refused", self._shortened(self._real.handshake_refused(status)))

    def control(self, frame: bytes, /) -> Sequence[Control]:
        return [self._shortened(item) for item in self._real.control(frame)]

    def _shortened(self, item: Control) -> Control:
        if isinstance(item, Refused | Nack) and item.retry_after_s is not None:
            return replace(item, retry_after_s=min(item.retry_after_s, self._most_s))
        return item


def brisk(
    kind: str,
    *,
    heartbeat_s: float = 0.3,
    timeout_s: float = 3.0,
    ack_s: float = 0.5,
    wait_s: float | None = None,
    stale_s: float | None = None,
    login_s: float = 2.0,
    **limits: Any,
) -> VenueSpec:
    """A venue with the times of a test instead of the real ones; nothing else differs.

    ``wait_s``: the most a refusal makes us wait (None: as long as the venue's table says).
    """
    spec = SPECS[kind]
    answered = spec.heartbeat.answered
    # venues that count requests count heartbeats too
    beat = heartbeat_s if answered else max(heartbeat_s, 0.8)
    gap = min(spec.limits.request_gap_s, 0.001)
    return replace(
        spec,
        dialect=spec.dialect if wait_s is None else cast("Dialect", Hasty(spec.dialect, wait_s)),
        limits=replace(spec.limits, ack_timeout_s=ack_s, request_gap_s=gap, **limits),
        heartbeat=replace(spec.heartbeat, interval_s=beat, timeout_s=timeout_s),
        connect_timeout_s=3.0,
        login_timeout_s=login_s,
        stale_after_s=spec.stale_after_s
        if stale_s is None
        else dict.fromkeys(("quote", "depth", "trade", "bar"), stale_s),
    )


BRISK = {kind: brisk(kind) for kind in VENUES}


class Sim:
    """A simulator on a thread of its own, seen from a test."""

    def __init__(self, kind: str, transport: str, tls: Tls, **settings: Any) -> None:
        self.kind = kind
        self.ca = tls.ca if transport == "tls" else None
        self.thread = SimulatorThread(
            kind,
            tls=tls.server if transport == "tls" else None,
            **{"options": OPTIONS, "symbols": SYMBOLS, "rate": 400.0, **settings},
        )
        self.thread.start()
        self.url = self.thread.url
        self.call = self.thread.call

    def config(
        self,
        name: str = "",
        *,
        key: str = KEY,
        symbols: Sequence[str] = SYMBOLS,
        channels: Sequence[str] | None = None,
        **more: Any,
    ) -> VenueConfig:
        """The configuration of a venue at this simulator."""
        chosen = CHANNELS[self.kind] if channels is None else channels
        return VenueConfig(
            id=name or self.kind,
            kind=self.kind,
            url=self.url,
            api_key=Secret(key),
            api_secret=Secret(SECRET) if "api_secret" in SPECS[self.kind].credentials else None,
            tls_ca=self.ca,
            subscribe=(Subscription(symbols=tuple(symbols), channels=tuple(chosen)),) if symbols and chosen else (),
            **more,
        )

    def inject(self, *faults: str) -> None:
        """Let faults strike now."""

        def strike(simulator: Simulator) -> None:
            for fault in faults:
                simulator.inject(fault)

        self.call(strike)

    def topics(self) -> set[tuple[str, str]]:
        """What the venue thinks is subscribed, over all its connections."""
        return self.call(lambda sim: {topic for conn in sim.connections.values() for topic in conn.session.topics})

    def sent(self) -> int:
        """Market data messages put on the wire."""
        return self.call(lambda sim: sim.stats.data.total())

    def accepted(self) -> int:
        """Handshakes seen."""
        return self.call(lambda sim: sim.stats.accepted)

    def open(self) -> int:
        """Connections open."""
        return self.call(lambda sim: len(sim.connections))

    def freeze(self) -> None:
        """Let the market stand still."""
        self.call(lambda sim: sim.pause())

    def trades(self, symbol: str) -> list[tuple[str, str, str]]:
        """The latest trades as (price, size, side), exact text."""

        def text(sim: Simulator) -> list[tuple[str, str, str]]:
            instrument = sim.market.state(symbol).instrument
            return [_trade_text(trade, instrument) for trade in sim.market.last_trades[symbol]]

        return self.call(text)

    def book(self, symbol: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """The book as it stands, exact text."""
        return self.call(lambda sim: sim.market.book_text(symbol))


def _trade_text(trade: Trade, instrument: Any) -> tuple[str, str, str]:
    return instrument.price_numbers[trade.price], instrument.sizes[trade.size], trade.side


def plain(value: Decimal | None) -> str | None:
    """Exactly the digits, never an exponent."""
    return None if value is None else f"{value:f}"


def book_text(feed: Feed, venue: str, symbol: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]] | None:
    """Our book as exact text; None while it is not valid."""
    book = feed.book(venue, symbol)
    if book is None or not book.valid:
        return None
    return tuple([(f"{price:f}", f"{size:f}") for price, size in side] for side in (book.bids, book.asks))  # type: ignore[return-value]


def opened(feed: Feed, number: int) -> None:
    """Wait until the (first) connection was opened so many times."""
    eventually(lambda: epoch(feed) == number, f"connection {number}")


def same_book(feed: Feed, sim: Sim, symbol: str) -> None:
    """Wait until our book equals the simulator's, digit for digit."""
    eventually(lambda: book_text(feed, sim.kind, symbol) == sim.book(symbol), f"the book of {symbol}")


def nobody(*sims: Sim) -> None:
    """Wait until nobody is connected."""
    eventually(lambda: all(sim.open() == 0 for sim in sims), "no connection is left open")


class Sink:
    """Takes everything from a consumer, in order."""

    def __init__(self, consumer: Consumer) -> None:
        self.consumer = consumer
        self.events: list[Event] = []

    def take(self) -> list[Event]:
        """All events so far."""
        while (batch := self.consumer.poll()) is not None:
            self.events.extend(batch)
        return self.events

    def of(self, kind: str, symbol: str | None = None) -> list[Any]:
        """Those of one kind so far."""
        return [event for event in self.take() if event.type == kind and symbol in (None, event.symbol)]

    def states(self, *, venue: str | None = None) -> list[tuple[str, str]]:
        """(state, reason) of every status event so far."""
        found: list[Status] = self.of("status")
        return [(event.state, event.reason) for event in found if venue in (None, event.venue)]


class Lines(logging.Handler):
    """Every log record from warnings on, and the errors a test expects."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []
        self._expected: list[re.Pattern[str]] = []
        self._forgiven: list[re.Pattern[str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def expect(self, pattern: str) -> None:
        """An error like this must be logged."""
        self._expected.append(re.compile(pattern))

    def forgive(self, *patterns: str) -> None:
        """Errors like these may be logged."""
        self._forgiven += map(re.compile, patterns)

    def texts(self, level: int = logging.WARNING) -> list[str]:
        """Messages of this level and above."""
        return [record.getMessage() for record in self.records if record.levelno >= level]

    def count(self, pattern: str, level: int = logging.DEBUG) -> int:
        """How many messages are like this."""
        return sum(re.search(pattern, text) is not None for text in self.texts(level))

    def verdict(self) -> list[str]:
        """What was logged and not expected, and what was expected and not logged."""
        errors = self.texts(logging.ERROR)
        known = self._expected + self._forgiven
        wrong = [f"unexpected: {text}" for text in errors if not any(p.search(text) for p in known)]
        return wrong + [f"missing: {p.pattern}" for p in self._expected if not any(p.search(text) for text in errors)]


class Harness:
    """Starts simulators and feeds; :meth:`finish` stops them and holds them to account."""

    def __init__(self, tls: Tls, *, busy_poll: bool = False) -> None:
        self.logs = Lines()
        self.busy_poll = busy_poll
        self._tls = tls
        self._sims: list[Sim] = []
        self._feeds: list[Feed] = []
        self._consumers: list[Consumer] = []
        self._threads = set(threading.enumerate())
        logging.getLogger().addHandler(self.logs)

    def sim(self, kind: str, transport: str = "tcp", **settings: Any) -> Sim:
        """Start a simulator."""
        sim = Sim(kind, transport, self._tls, **settings)
        self._sims.append(sim)
        return sim

    def feed(
        self,
        *venues: VenueConfig,
        specs: dict[str, VenueSpec] | None = None,
        backoff: BackoffPolicy = QUICK,
        start: bool = True,
        busy_poll: bool | None = None,
    ) -> Feed:
        """Make a feed of these venues, and start it."""
        loop = LoopConfig(busy_poll=self.busy_poll if busy_poll is None else busy_poll)
        config = Config(venues=venues, service=ServiceConfig(metrics="", loop=loop))
        feed = Feed(config, specs=BRISK | (specs or {}), backoff=backoff, seed=1)
        self._feeds.append(feed)
        if start:
            feed.start()
        return feed

    def sink(self, feed: Feed, **options: Any) -> Sink:
        """A consumer that must lose nothing."""
        consumer = feed.consumer(**{"policy": "drop_oldest", "capacity": 1 << 18, **options})
        self._consumers.append(consumer)
        return Sink(consumer)

    def live(self, *pairs: tuple[Feed, Sim] | Feed) -> None:
        """Wait until every wanted subscription is live, books and all."""
        for pair in pairs:
            feed = pair if isinstance(pair, Feed) else pair[0]
            eventually(feed.ready, f"live: {[snapshot for _, snapshot in feed.snapshots()]}")

    def settle(self, feed: Feed) -> None:
        """Hold a stopped feed to account now, and forget it."""
        problems = accounting(feed)
        self._feeds.remove(feed)
        for consumer in [consumer for consumer in self._consumers if consumer in feed.consumers]:
            self._consumers.remove(consumer)
        assert not problems, "\n".join(problems)

    def finish(self) -> None:
        """Stop all, then check what must always hold."""
        problems: list[str] = []
        for feed in self._feeds:
            begin = time.monotonic()
            feed.stop()
            if (took := time.monotonic() - begin) > STOP_S:
                problems.append(f"the feed took {took:.1f} s to stop")
        for sim in self._sims:
            sim.thread.stop()
        logging.getLogger().removeHandler(self.logs)
        for feed in self._feeds:
            problems += accounting(feed)
        for consumer in self._consumers:
            problems += consumer_accounting(consumer)
        eventually(lambda: set(threading.enumerate()) <= self._threads, f"threads gone: {threading.enumerate()}")
        problems += self.logs.verdict()
        assert not problems, "\n".join(problems)


def accounting(feed: Feed) -> list[str]:
    """What is wrong with the counters of a feed that stands still."""
    problems = []
    for index, venue in enumerate(feed.names.venues):
        counters = feed.core.counters(index)
        fates = counters["data"] + counters["control"]
        fates += sum(counters["ignored"].values()) + sum(counters["quarantined"].values())
        if not counters["messages"] == counters["accounted"] == fates:
            problems.append(
                f"{venue}: {counters['messages']} messages, {counters['accounted']} accounted for: {counters}"
            )
        if counters["quarantined"].get("internal"):
            problems.append(f"{venue}: a decoder panicked")
    for consumer in feed.consumers:
        problems += consumer_accounting(consumer)
    return problems


def consumer_accounting(consumer: Consumer) -> list[str]:
    """What is wrong with the accounts of a consumer, over all and of each instrument."""
    accounts = {("total", ""): consumer.totals()} | consumer.accounts()
    problems = [
        f"{consumer.name} {key}: {account}"
        for key, account in accounts.items()
        if account.received != account.delivered + account.conflated + account.dropped + account.pending
    ]
    parts = [sum(column) for column in zip(*consumer.accounts().values(), strict=True)]
    if parts and parts != list(consumer.totals()):
        problems.append(f"{consumer.name}: instruments sum to {parts}, total {consumer.totals()}")
    return problems


def snapshot(feed: Feed, venue: str = "") -> Snapshot:
    """The session of a feed's (only) connection to a venue."""
    return next(shown for link, shown in feed.snapshots() if venue in ("", link.config.id))


def phase(feed: Feed, venue: str = "") -> Phase:
    """Its phase."""
    return snapshot(feed, venue).phase


def epoch(feed: Feed, connection: int = 0) -> int:
    """How many times the connection was opened."""
    return feed.core.epoch(connection)


def quarantined(feed: Feed, connection: int = 0) -> dict[str, int]:
    """Messages quarantined by reason, those that occurred."""
    return {reason: count for reason, count in feed.core.counters(connection)["quarantined"].items() if count}


def wanted_topics(kind: str, symbols: Iterable[str] = SYMBOLS) -> set[tuple[str, str]]:
    """What the venue should have subscribed."""
    return {(channel, symbol) for channel in CHANNELS[kind] for symbol in symbols}
