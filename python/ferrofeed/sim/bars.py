"""Bars made from trades, for every interval a venue knows, and the 24-hour statistics.

One bar of a minute is live per instrument; longer bars are the sum of their finished minutes and the live one. A trade
so costs one update, however many intervals are watched, and no bar can disagree with the trades.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MINUTE_MS = 60_000
DAY_MS = 1440 * MINUTE_MS
_WEEK_MS = 7 * DAY_MS
_FIRST_MONDAY_MS = 4 * DAY_MS
"""1970-01-05: weeks begin on Mondays."""

INTERVALS: tuple[str, ...] = ("1m", "5m", "15m", "30m", "1h", "2h", "4h", "1d", "1w", "1M", "1Q", "1Y")
"""Place in this tuple plus one is the venues' own number of an interval."""

_FIXED_MS = {
    "1m": MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": 60 * MINUTE_MS,
    "2h": 120 * MINUTE_MS,
    "4h": 240 * MINUTE_MS,
    "1d": DAY_MS,
}
_MONTHS = {"1M": 1, "1Q": 3, "1Y": 12}


def open_ms(interval: str, ts_ms: int) -> int:
    """Return when the bar of ``interval`` that holds ``ts_ms`` opened (Unix ms, UTC boundaries)."""
    fixed = _FIXED_MS.get(interval)
    if fixed is not None:
        return ts_ms - ts_ms % fixed
    if interval == "1w":
        return ts_ms - (ts_ms - _FIRST_MONDAY_MS) % _WEEK_MS
    months = _MONTHS[interval]
    moment = datetime.fromtimestamp(ts_ms // 1000, UTC)
    first = datetime(moment.year, (moment.month - 1) // months * months + 1, 1, tzinfo=UTC)
    return int(first.timestamp()) * 1000


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. Prices and volume in the instrument's units, turnover in price units times size units."""

    interval: str
    open_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int
    trades: int


@dataclass(frozen=True, slots=True)
class Day:
    """The last 24 hours, to the minute. ``open`` is the first price of them."""

    open: int
    high: int
    low: int
    last: int
    volume: int
    turnover: int


def merge(interval: str, opened: int, parts: Iterable[Bar]) -> Bar | None:
    """Add up consecutive bars into one; None where there are none."""
    bars = list(parts)
    if not bars:
        return None
    return Bar(
        interval,
        opened,
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum(bar.volume for bar in bars),
        sum(bar.turnover for bar in bars),
        sum(bar.trades for bar in bars),
    )


class BarBuilder:
    """All bars of one instrument."""

    __slots__ = (
        "_base",
        "_close",
        "_high",
        "_low",
        "_minutes",
        "_open",
        "_opened",
        "_past",
        "_trades",
        "_turnover",
        "_volume",
    )

    def __init__(self, price: int) -> None:
        self._base: dict[str, Bar] = {}
        self._minutes: deque[Bar] = deque()
        self._past = Day(price, price, price, price, 0, 0)
        self._opened = -1
        self._open = self._high = self._low = self._close = price
        self._volume = self._turnover = self._trades = 0

    def trade(self, price: int, size: int, ts_ms: int) -> None:
        """Count one trade. Times never run backwards."""
        minute = ts_ms - ts_ms % MINUTE_MS
        if minute != self._opened:
            self._roll(minute)
            self._open = self._high = self._low = price
        elif price > self._high:
            self._high = price
        elif price < self._low:
            self._low = price
        self._close = price
        self._volume += size
        self._turnover += price * size
        self._trades += 1

    def _live(self) -> Bar:
        return Bar(
            "1m",
            self._opened,
            self._open,
            self._high,
            self._low,
            self._close,
            self._volume,
            self._turnover,
            self._trades,
        )

    def _roll(self, minute: int) -> None:
        if self._trades:
            done = self._live()
            for interval in INTERVALS[1:]:
                opened = open_ms(interval, done.open_ms)
                base = self._base.get(interval)
                parts = (base, done) if base is not None and base.open_ms == opened else (done,)
                merged = merge(interval, opened, parts)
                if merged is not None:
                    self._base[interval] = merged
            self._minutes.append(done)
        while self._minutes and self._minutes[0].open_ms <= minute - DAY_MS:
            self._minutes.popleft()
        past = merge("1d", 0, self._minutes)
        if past is None:
            self._past = Day(self._close, self._close, self._close, self._close, 0, 0)
        else:
            self._past = Day(past.open, past.high, past.low, past.close, past.volume, past.turnover)
        self._opened = minute
        self._volume = self._turnover = self._trades = 0

    def bar(self, interval: str) -> Bar | None:
        """Return the bar that holds the latest trade, None before the first trade."""
        if not self._trades:
            return None
        live = self._live()
        if interval == "1m":
            return live
        opened = open_ms(interval, live.open_ms)
        base = self._base.get(interval)
        parts = (base, live) if base is not None and base.open_ms == opened else (live,)
        return merge(interval, opened, parts)

    def day(self) -> Day:
        """Return the last 24 hours."""
        past = self._past
        if not self._trades:
            return past
        if not past.volume:
            return Day(self._open, self._high, self._low, self._close, self._volume, self._turnover)
        return Day(
            past.open,
            max(past.high, self._high),
            min(past.low, self._low),
            self._close,
            past.volume + self._volume,
            past.turnover + self._turnover,
        )
