"""The market: reproducible, exact, never crossed, and its bars are its trades."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrofeed.sim import CATALOGUE, INTERVALS, Market, Trade
from ferrofeed.sim.bars import DAY_MS, BarBuilder, open_ms
from ferrofeed.sim.instruments import decimal_text, instrument_named, instruments_for, trimmed_text

START = 1_731_690_000_000


def stream(market: Market, count: int) -> list[object]:
    out: list[object] = []
    for _ in range(count):
        state = market.step()
        out.append((state.instrument.symbol, state.trade, market.book(state.instrument.symbol)))
    return out


def test_equal_seeds_make_equal_markets_and_others_do_not() -> None:
    first = stream(Market(7), 3000)
    assert first == stream(Market(7), 3000)
    assert first != stream(Market(8), 3000)


def test_the_clock_only_stamps() -> None:
    slow, fast = Market(3), Market(3)
    for index in range(2000):
        one, two = slow.step(START + index), fast.step(START + 10**9 * index)
        assert (one.instrument, one.bid_prices, one.ask_sizes) == (two.instrument, two.bid_prices, two.ask_sizes)
        assert (one.trade and one.trade[:4]) == (two.trade and two.trade[:4])


def test_a_clock_that_steps_back_is_held() -> None:
    market = Market(0)
    market.step(START + 5000)
    assert market.step(START).ts_ms == START + 5000
    assert market.step(START + 5001).ts_ms == START + 5001


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), depth=st.integers(1, 20))
def test_books_are_ordered_full_and_never_crossed(seed: int, depth: int) -> None:
    market = Market(seed, depth=depth)
    for _ in range(1500):
        state = market.step()
        bids, asks, tick = state.bid_prices, state.ask_prices, state.instrument.tick
        assert len(bids) == len(asks) == len(state.bid_sizes) == len(state.ask_sizes) == depth
        assert bids[0] < asks[0]
        assert bids == sorted(set(bids), reverse=True)
        assert asks == sorted(set(asks))
        assert min(bids) > 0
        assert min(state.bid_sizes + state.ask_sizes) > 0
        assert all(price % tick == 0 for price in bids + asks)


def test_trades_hit_the_touch_everybody_saw_and_take_from_it() -> None:
    market = Market(11, instruments_for(["ETH/USDT"]))
    sides = set()
    for _ in range(5000):
        before = market.book("ETH/USDT")
        trade = market.step().trade
        after = market.book("ETH/USDT")
        if trade is None:
            continue
        sides.add(trade.side)
        price, size = (before.asks if trade.side == "buy" else before.bids)[0]
        assert trade.price == price
        assert 0 < trade.size <= size
        left = dict(after.asks if trade.side == "buy" else after.bids)
        # a level that was taken whole may be quoted anew at once
        if trade.size < size:
            assert left.get(price, size - trade.size) == size - trade.size
    assert sides == {"buy", "sell"}
    assert [t.trade_id for t in market.last_trades["ETH/USDT"]] == sorted(
        t.trade_id for t in market.last_trades["ETH/USDT"]
    )


def test_prices_move_and_stay_plausible() -> None:
    market = Market(5)
    seen = defaultdict(set)
    for _ in range(100_000):
        state = market.step()
        seen[state.instrument.symbol].add(state.bid_prices[0])
    for instrument in CATALOGUE:
        prices = seen[instrument.symbol]
        assert len(prices) > 20, instrument.symbol
        assert instrument.price * 9 // 10 < min(prices)
        assert max(prices) < instrument.price * 11 // 10


def naive_open(interval: str, ts_ms: int) -> int:
    """An oracle of its own: walk back from the calendar."""
    moment = datetime.fromtimestamp(ts_ms / 1000, UTC).replace(second=0, microsecond=0)
    if interval == "1Y":
        moment = moment.replace(month=1, day=1, hour=0, minute=0)
    elif interval == "1Q":
        moment = moment.replace(month={0: 1, 1: 4, 2: 7, 3: 10}[(moment.month - 1) // 3], day=1, hour=0, minute=0)
    elif interval == "1M":
        moment = moment.replace(day=1, hour=0, minute=0)
    elif interval == "1w":
        days = moment.weekday()
        return int(moment.replace(hour=0, minute=0).timestamp() * 1000) - days * DAY_MS
    elif interval == "1d":
        moment = moment.replace(hour=0, minute=0)
    elif interval.endswith("h"):
        hours = int(interval[:-1])
        moment = moment.replace(hour=moment.hour // hours * hours, minute=0)
    else:
        minutes = int(interval[:-1])
        moment = moment.replace(minute=moment.minute // minutes * minutes)
    return int(moment.timestamp() * 1000)


@given(ts_ms=st.integers(0, 4_000_000_000_000), interval=st.sampled_from(INTERVALS))
def test_bars_open_where_the_calendar_says(ts_ms: int, interval: str) -> None:
    assert open_ms(interval, ts_ms) == naive_open(interval, ts_ms)


trades = st.lists(
    st.tuples(
        st.integers(1, 10**9),
        st.integers(1, 10**9),
        st.sampled_from([0, 1, 999, 59_000, 60_000, 3_600_000, 90_000_000]),
    ),
    min_size=1,
    max_size=60,
)


@settings(deadline=None)
@given(trades=trades)
def test_bars_and_day_agree_with_the_trades(trades: list[tuple[int, int, int]]) -> None:
    builder, now, done = BarBuilder(1), START, list[tuple[int, int, int]]()
    assert builder.bar("1m") is None
    for price, size, pause in trades:
        now += pause
        builder.trade(price, size, now)
        done.append((now, price, size))
        for interval in INTERVALS:
            opened = naive_open(interval, now)
            within = [entry for entry in done if entry[0] >= opened]
            bar = builder.bar(interval)
            assert bar is not None
            assert (bar.open_ms, bar.interval, bar.trades) == (opened, interval, len(within))
            assert (bar.open, bar.close) == (within[0][1], price)
            assert (bar.high, bar.low) == (max(e[1] for e in within), min(e[1] for e in within))
            assert (bar.volume, bar.turnover) == (sum(e[2] for e in within), sum(e[1] * e[2] for e in within))
        day = [entry for entry in done if entry[0] - entry[0] % 60_000 > now - now % 60_000 - DAY_MS]
        got = builder.day()
        assert (got.open, got.last) == (day[0][1], price)
        assert (got.high, got.low) == (max(e[1] for e in day), min(e[1] for e in day))
        assert (got.volume, got.turnover) == (sum(e[2] for e in day), sum(e[1] * e[2] for e in day))


def test_the_markets_bars_are_its_own_trades() -> None:
    market, mine = Market(2, instruments_for(["BTC/USDT", "AAPL.US"])), defaultdict[str, list[Trade]](list)
    for index in range(4000):
        state = market.step(START + index * 250)
        if state.trade is not None:
            mine[state.trade.symbol].append(state.trade)
    for symbol, made in mine.items():
        for interval in ("1m", "5m", "1h"):
            bar = market.bar(symbol, interval)
            assert bar is not None
            within = [t for t in made if t.ts_ms >= bar.open_ms]
            assert bar.volume == sum(t.size for t in within)
            assert bar.turnover == sum(t.size * t.price for t in within)
            assert (bar.open, bar.close) == (within[0].price, within[-1].price)
        assert list(market.last_trades[symbol]) == made[-1000:]


@given(units=st.integers(-(10**20), 10**20), decimals=st.integers(0, 18))
def test_decimal_text_is_exact(units: int, decimals: int) -> None:
    exact = Decimal(units).scaleb(-decimals) if abs(units) < 10**27 else None
    assert Decimal(decimal_text(units, decimals)) == exact
    assert Decimal(trimmed_text(units, decimals)) == exact
    trimmed = trimmed_text(units, decimals)
    assert not ("." in trimmed and trimmed.endswith(("0", ".")))


def test_symbols_are_found_by_any_spelling_and_made_up_where_their_kind_is_plain() -> None:
    market = Market(0, instruments_for(["ETH/USDT", "AAPL.US", "PEPE/USDC"]))
    for spelling in ("ETH/USDT", "ETHUSDT", "ETH_USDT", "ethusdt"):
        found = market.find(spelling)
        assert found is not None
        assert found.instrument.symbol == "ETH/USDT"
    assert market.find("BTCUSDT") is None
    assert instrument_named("PEPE/USDC").business == "crypto"
    assert len(instruments_for(200)) == 200
    assert [i.symbol for i in instruments_for(2)] == ["BTC/USDT", "ETH/USDT"]
    with pytest.raises(ValueError, match="unknown symbol 'NOPE'"):
        instruments_for(["NOPE"])
    with pytest.raises(ValueError, match="no symbols"):
        instruments_for([])
    with pytest.raises(ValueError, match="depth is 21: expected 1 to 20"):
        Market(0, depth=21)
