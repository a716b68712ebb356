"""A seeded, plausible market: moving prices, books that never cross, trades at the touch, bars that agree with them.

Everything is an exact integer and everything follows from the seed and the number of steps taken; the clock is an
argument and only stamps what happens. Two markets of one seed that are stepped with the same times are equal for ever.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from ferrofeed.sim.bars import BarBuilder
from ferrofeed.sim.instruments import instruments_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ferrofeed.sim.bars import Bar, Day
    from ferrofeed.sim.instruments import Instrument

MAX_DEPTH = 20
START_MS = 1_731_690_000_000
"""Where a market's own clock begins when nobody gives it the time."""
_KEPT_TRADES = 1000
_VOL_MEAN = 256
_VOL_MIN = 32
_VOL_MAX = 2048
_TABLE = 1024
_TABLE_MASK = _TABLE - 1
_VOL_EVERY = 7
"""Mask: one step in eight moves the volatility."""


class Trade(NamedTuple):
    """One trade, always at the best price of the side it hit."""

    symbol: str
    price: int
    size: int
    side: Literal["buy", "sell"]
    """The side of the taker."""
    ts_ms: int
    trade_id: int


@dataclass(frozen=True, slots=True)
class Book:
    """A copy of one book: levels of (price units, size units), best first."""

    symbol: str
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    ts_ms: int
    version: int
    """How many steps this book has seen."""


class State:
    """One instrument's live state. Renderers read it; only :class:`Market` writes it."""

    __slots__ = (
        "ask_prices",
        "ask_sizes",
        "bars",
        "bid_prices",
        "bid_sizes",
        "fair",
        "gap",
        "instrument",
        "last",
        "sigma",
        "sizes",
        "stride",
        "trade",
        "trades",
        "ts_ms",
        "version",
        "vol",
    )

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        ticks = instrument.price // instrument.tick
        self.fair = instrument.price << 8
        """The hidden price, in 1/256 of a price unit."""
        self.vol = _VOL_MEAN
        self.gap = max(2, ticks // 200_000)
        """Levels are 1 to so many ticks apart."""
        self.sigma = max(64 * instrument.tick, instrument.price * 512 // 1_000_000)
        """Usual move of ``fair`` in a step, in its own units."""
        self.stride = self.sigma * self.vol
        """The same, times the volatility of the hour."""
        self.sizes: tuple[int, ...] = ()
        """A table to draw sizes from."""
        self.bid_prices: list[int] = []
        self.bid_sizes: list[int] = []
        self.ask_prices: list[int] = []
        self.ask_sizes: list[int] = []
        self.bars = BarBuilder(instrument.price)
        self.trades: deque[Trade] = deque(maxlen=_KEPT_TRADES)
        self.trade: Trade | None = None
        """The trade of the latest step, None if that step made none."""
        self.ts_ms = 0
        self.version = 0


class Market:
    """The market of some instruments, moved one step at a time."""

    def __init__(
        self,
        seed: int = 0,
        instruments: Iterable[Instrument] | None = None,
        *,
        depth: int = 5,
        start_ms: int = START_MS,
        step_ms: int = 10,
    ) -> None:
        """:param depth: levels a side, 1 to 20. :param step_ms: how far a step moves the clock when none is given."""
        if not 1 <= depth <= MAX_DEPTH:
            raise ValueError(f"depth is {depth}: expected 1 to {MAX_DEPTH}")
        self.instruments = tuple(instruments) if instruments is not None else instruments_for(None)
        self.depth = depth
        self.now_ms = start_ms
        self.steps = 0
        self._step_ms = step_ms
        self._trade_id = 0
        rng = random.Random(seed)  # noqa: S311 - reproducible on purpose, protects nothing
        self._bits = rng.getrandbits
        # sums of three dice, less their mean: a bell without floats
        self._bell = [sum(rng.randrange(-255, 256, 2) for _ in range(3)) for _ in range(_TABLE)]
        self._states = [State(instrument) for instrument in self.instruments]
        self._by_symbol = {state.instrument.symbol: state for state in self._states}
        self._by_spelling: dict[str, State] = {}
        for state in self._states:
            for spelling in (state.instrument.symbol, state.instrument.raw, state.instrument.pair):
                self._by_spelling[spelling] = state
            state.ts_ms = start_ms
            shift = state.instrument.size_shift
            state.sizes = tuple(1 + ((rng.randrange(1, 4096) << rng.randrange(8)) >> shift) for _ in range(_TABLE))
            self._fill(state)

    @property
    def last_trades(self) -> Mapping[str, deque[Trade]]:
        """The latest trades by canonical symbol, newest last, up to 1000 each."""
        return {symbol: state.trades for symbol, state in self._by_symbol.items()}

    def find(self, spelling: str) -> State | None:
        """Find an instrument by any of its spellings."""
        return self._by_spelling.get(spelling.upper())

    def state(self, symbol: str) -> State:
        """Return the live state of a canonical symbol. :raises KeyError: not traded here."""
        return self._by_symbol[symbol]

    def states(self) -> tuple[State, ...]:
        """Return the live states of all instruments."""
        return tuple(self._states)

    def book(self, symbol: str) -> Book:
        """Return a copy of the book of a canonical symbol."""
        state = self._by_symbol[symbol]
        return Book(
            symbol,
            tuple(zip(state.bid_prices, state.bid_sizes, strict=True)),
            tuple(zip(state.ask_prices, state.ask_sizes, strict=True)),
            state.ts_ms,
            state.version,
        )

    def book_text(self, symbol: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Return bids and asks as exact decimal text without trailing zeros, best first."""
        instrument, book = self._by_symbol[symbol].instrument, self.book(symbol)
        price, size = instrument.price_numbers, instrument.sizes
        return [(price[p], size[s]) for p, s in book.bids], [(price[p], size[s]) for p, s in book.asks]

    def bar(self, symbol: str, interval: str) -> Bar | None:
        """Return the bar that holds the latest trade, None before the first."""
        return self._by_symbol[symbol].bars.bar(interval)

    def day(self, symbol: str) -> Day:
        """Return the last 24 hours."""
        return self._by_symbol[symbol].bars.day()

    def step(self, now_ms: int | None = None) -> State:
        """Move one instrument once: always its book, with a trade in every other step (:attr:`State.trade`).

        A time before the last one counts as the last one.
        """
        self.now_ms = max(self.now_ms, self.now_ms + self._step_ms if now_ms is None else now_ms)
        self.steps += 1
        noise = self._bits(30)
        state = self._states[noise % len(self._states)]
        state.ts_ms = self.now_ms
        state.version += 1
        # the trade comes first: it hits the book that everybody has seen
        noise = self._bits(30)
        if noise & 1:
            state.trade = self._trade(state, noise)
        else:
            state.trade = None
            sizes = state.ask_sizes if noise & 2 else state.bid_sizes
            sizes[(noise >> 2 & 0xFF) % len(sizes)] = state.sizes[noise >> 10 & _TABLE_MASK]
        self._move(state, noise >> 20)
        return state

    def _trade(self, state: State, noise: int) -> Trade:
        buy = noise & 2
        prices, sizes = (state.ask_prices, state.ask_sizes) if buy else (state.bid_prices, state.bid_sizes)
        price, resting = prices[0], sizes[0]
        size = resting >> (noise >> 2 & 3) or 1
        self._trade_id += 1
        trade = Trade(state.instrument.symbol, price, size, "buy" if buy else "sell", self.now_ms, self._trade_id)
        if size < resting:
            sizes[0] = resting - size
        else:
            self._drop_best(state, prices, sizes, 1 if buy else -1)
        state.trades.append(trade)
        state.bars.trade(price, size, self.now_ms)
        return trade

    def _drop_best(self, state: State, prices: list[int], sizes: list[int], direction: int) -> None:
        """Take the best level away and put a new one behind the last."""
        noise = self._bits(30)
        prices.append(prices[-1] + direction * (1 + (noise >> 10) % state.gap) * state.instrument.tick)
        sizes.append(state.sizes[noise & _TABLE_MASK])
        del prices[0], sizes[0]

    def _move(self, state: State, noise: int) -> None:
        """Walk the hidden price and let the book follow so that best bid < hidden price < best ask."""
        state.fair += (self._bell[noise] * state.stride + 32768) >> 16
        if not state.version & _VOL_EVERY:
            self._breathe(state)
        tick = state.instrument.tick
        level = (state.fair >> 8) // tick * tick
        asks, bids = state.ask_prices, state.bid_prices
        while asks[0] <= level:
            self._drop_best(state, asks, state.ask_sizes, 1)
        while bids[0] >= level:
            self._drop_best(state, bids, state.bid_sizes, -1)
        reach = state.gap * tick
        if level - bids[0] > reach:
            self._improve(state, bids, state.bid_sizes, level, -1)
        if asks[0] - level > reach:
            self._improve(state, asks, state.ask_sizes, level, 1)

    def _breathe(self, state: State) -> None:
        """Move the volatility, which comes back to its mean, and pull the hidden price a little to where it began."""
        vol = state.vol + ((_VOL_MEAN - state.vol) >> 4) + (((self._bits(8) - 127) * state.vol) >> 10)
        state.vol = min(max(vol, _VOL_MIN), _VOL_MAX)
        state.stride = state.sigma * state.vol
        anchor = state.instrument.price << 8
        state.fair += (anchor - state.fair) >> 21
        state.fair = min(max(state.fair, anchor >> 1), anchor << 1)

    def _improve(self, state: State, prices: list[int], sizes: list[int], level: int, direction: int) -> None:
        """Put a new best level near the hidden price and take the last away."""
        noise = self._bits(30)
        prices.insert(0, level + direction * (1 + (noise >> 10) % state.gap) * state.instrument.tick)
        sizes.insert(0, state.sizes[noise & _TABLE_MASK])
        del prices[-1], sizes[-1]

    def _fill(self, state: State) -> None:
        tick = state.instrument.tick
        level = state.instrument.price // tick * tick
        for prices, sizes, direction in (
            (state.bid_prices, state.bid_sizes, -1),
            (state.ask_prices, state.ask_sizes, 1),
        ):
            price = level
            for _ in range(self.depth):
                noise = self._bits(30)
                price += direction * (1 + (noise >> 10) % state.gap) * tick
                prices.append(price)
                sizes.append(state.sizes[noise & _TABLE_MASK])
