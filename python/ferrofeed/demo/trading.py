"""The demo's trading: a paper exchange against the simulated books, the toy market maker, and what they came to."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ferrofeed.config import GatewayConfig, OrdersConfig, RiskConfig, TradeConfig, VenueConfig
from ferrofeed.demo.maker import NAME, Maker, Settings
from ferrofeed.demo.tally import NONE, Sum, Tally

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ferrofeed.config import Config
    from ferrofeed.feed import Feed

VENUE: Final = "paper"
MARKET: Final = "itick"
MONEY: Final = "USDT"
CASH: Final = Decimal(100_000)
LATENCY_US: Final = (200, 800)
"""Of the exchange: least and most of one way."""
STOP_S: Final = 5.0
"""How long the last cancels may take."""
COLLAR_BPS: Final = 200
"""How far through the other side of the book the orders of people may go."""
DESK: Final = 0
"""The core's number of the only trading venue."""
SETTINGS: Final = {
    "BTC/USDT": Settings(Decimal("0.01"), Decimal("0.01"), distance=15, skew=15, threshold=30, limit=Decimal("0.05")),
    "ETH/USDT": Settings(
        Decimal("0.01"), Decimal("0.1"), distance=2, skew=2, threshold=3, limit=Decimal("0.5"), replaces=False
    ),
    "SOL/USDT": Settings(
        Decimal("0.01"), Decimal(1), distance=2, skew=2, threshold=3, limit=Decimal(5), replaces=False
    ),
}
"""Threshold above distance: the market often comes before a quote has moved. One moves its orders, two cancel them."""
LOT: Final = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class ToyRow:
    """The toy in one instrument."""

    symbol: str
    position: Decimal
    bid: Decimal | None
    ask: Decimal | None
    """Our own live quotes."""
    traded: Decimal
    """Bought and sold."""
    fees: Decimal
    gain: Decimal | None
    """After fees, what is held marked to the middle of the book; None: there is no middle."""


@dataclass(frozen=True, slots=True)
class Toy:
    """The toy at one moment."""

    state: str
    """Of the paper exchange, or what keeps it from taking orders."""
    rows: list[ToyRow]
    placed: int
    live: int
    fills: int
    moves: int
    ended: Mapping[str, int]
    refused: Mapping[str, int]
    """Commands not taken, by rule."""
    tick_to_order_ns: list[int]
    """From the read of the book to the order: p50, p99."""
    order_to_ack_ns: list[int]
    """From the order to the exchange's answer: p50, p99."""
    latency_us: tuple[int, int] = LATENCY_US
    """What the exchange takes of that for one way: least and most."""

    @property
    def fees(self) -> Decimal:
        """Of all instruments."""
        return sum((row.fees for row in self.rows), NONE)

    @property
    def gain(self) -> Decimal | None:
        """Of all instruments; None if one has no middle."""
        gains = [row.gain for row in self.rows]
        return None if None in gains else sum((gain for gain in gains if gain is not None), NONE)


def with_paper(config: Config, folder: Path, listen: str = "", *, toy: bool = True) -> Config:
    """The configuration with a paper exchange besides, whose journal is in ``folder``, and a gateway at ``listen``.

    Of every coin as much is on the account as may be owed: spot can't be sold that isn't there. The limits of the
    ``toy`` are its own: without it there is only the collar.
    """
    trade = [
        TradeConfig(
            symbols=[symbol],
            reference=MARKET,
            tick=settings.tick,
            lot=LOT,
            min_size=LOT,
            risk=_limits(settings) if toy else RiskConfig(collar_bps=COLLAR_BPS),
        )
        for symbol, settings in SETTINGS.items()
    ]
    coins = {symbol.partition("/")[0]: settings.limit for symbol, settings in SETTINGS.items()}
    venue = VenueConfig(
        id=VENUE,
        kind="paper",
        market=MARKET,
        seed=1,
        latency_us=LATENCY_US,
        balances={MONEY: CASH, **coins},
        trade=trade,
        risk=RiskConfig(orders_per_window=300, window_s=1.0, cancel_reserve=50),
    )
    orders = OrdersConfig(journal=folder, fsync="batched", settle_s=0.5, on_stop="cancel")
    gateway = GatewayConfig(listen) if listen else None
    return replace(config, venues=[*config.venues, venue], orders=orders, gateway=gateway)


def _limits(settings: Settings) -> RiskConfig:
    return RiskConfig(
        max_quantity=settings.size,
        collar_bps=50,
        max_position=2 * settings.limit,
        max_open_orders_per_symbol=4,
    )


class Trading:
    """The toy on a feed that has the paper exchange."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._orders = feed.orders
        self._events = feed.orders.events(name=NAME)
        self._start = {symbol: settings.limit for symbol, settings in SETTINGS.items()}
        self._maker = Maker(feed, feed.orders, VENUE, MARKET, settings=SETTINGS, start=self._start)
        self._tally = Tally(feed.orders.view, NAME)
        self._marks: dict[str, Decimal] = {}
        """The last middle of every book."""
        self.was_ready = False
        """Whether the exchange ever took orders."""

    def start(self) -> None:
        """Quote from the first book on."""
        self._maker.start()

    def stop(self) -> tuple[Toy, list[str]]:
        """Stop quoting, cancel everything, wait until nothing is live; gives what it came to and what does not add up.

        The account follows the last fills by a moment.
        """
        self._maker.stop()
        end = time.monotonic() + STOP_S
        while True:
            toy, wrong = self.look(), self.wrong()
            if not wrong or time.monotonic() > end:
                return toy, wrong
            time.sleep(0.01)

    def look(self) -> Toy:
        """Take in what happened and show where the toy stands."""
        self._tally.take(self._events.poll())
        state = self._orders.desk_state(VENUE)
        self.was_ready = self.was_ready or state == "ready"
        mode = self._orders.mode
        percentiles = self._orders.core.percentiles
        tally = self._tally
        return Toy(
            state=state if mode.in_force == "active" else mode.in_force,
            rows=[self._row(symbol) for symbol in SETTINGS],
            placed=tally.placed,
            live=tally.live,
            fills=tally.fills,
            moves=tally.moves,
            ended=dict(tally.ended),
            refused=dict(self._maker.refused),
            tick_to_order_ns=percentiles(DESK, "tick_to_order", [50.0, 99.0]),
            order_to_ack_ns=percentiles(DESK, "order_to_ack", [50.0, 99.0]),
        )

    def wrong(self) -> list[str]:
        """What does not add up once everything has stopped; a line for each.

        What the orders say is held against what the router and the exchange's account say, to the last digit.
        """
        found: list[str] = []
        if not self.was_ready:
            found.append("the paper exchange never took orders")
        if left := self._orders.open_orders(VENUE):
            found.append(f"live orders left: {len(left)}")
        tally = self._tally
        if not tally.adds_up():
            found.append(
                f"{tally.placed} orders placed, {tally.ended.total()} over, {tally.live} live, "
                f"{tally.missed} not seen, {tally.unsure} unsure"
            )
        counters = self._orders.core.counters(DESK)
        gateway = self._feed.gateway
        # the venue counts the orders of the gateway's clients too
        alone = gateway is None or not gateway.counters()["logins"]
        if alone and (counters["placed"], counters["fills"]) != (tally.placed, tally.fills):
            found.append(
                f"the router counts {counters['placed']} orders and {counters['fills']} fills, their events say "
                f"{tally.placed} and {tally.fills}"
            )
        sums = {symbol: tally.sum(symbol) for symbol in SETTINGS}
        balances = self._orders.balances(VENUE)
        money = CASH + sum((one.money - one.fees for one in sums.values()), NONE)
        expected = {MONEY: money} | {
            symbol.partition("/")[0]: self._start[symbol] + one.position for symbol, one in sums.items()
        }
        for currency, amount in expected.items():
            total = balances[currency].total if currency in balances else None
            if total != amount:
                found.append(f"{currency}: the exchange says {total}, the orders say {amount}")
        for symbol, one in sums.items():
            held = self._orders.position(VENUE, symbol).long
            if held != self._start[symbol] + one.position:
                found.append(f"{symbol}: the router holds {held}, the orders say {self._start[symbol] + one.position}")
        return found

    def _row(self, symbol: str) -> ToyRow:
        one: Sum = self._tally.sum(symbol)
        book = self._feed.book(MARKET, symbol, 1)
        middle = None if book is None else book.mid
        if middle is not None:
            self._marks[symbol] = middle
        mark = self._marks.get(symbol)
        return ToyRow(
            symbol=symbol,
            position=one.position,
            bid=max(self._tally.quotes(symbol, "buy"), default=None),
            ask=min(self._tally.quotes(symbol, "sell"), default=None),
            traded=one.bought + one.sold,
            fees=one.fees,
            gain=None if mark is None else one.gain(mark),
        )


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Where the demo's journal lives as long as the demo does."""
    return tempfile.TemporaryDirectory(prefix="ferrofeed-demo-", ignore_cleanup_errors=True)
