"""Infoway's pushes: numbers as strings, depth column by column, wrapped (current) or bare (seed)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ferrofeed.sim.bars import INTERVALS
from ferrofeed.sim.instruments import trimmed_text

if TYPE_CHECKING:
    from ferrofeed.sim.market import State, Trade

TRADE, DEPTH, BAR = 10002, 10005, 10008
BAR_NUMBERS = {interval: number for number, interval in enumerate(INTERVALS, 1)}
_TAKER = {"buy": 1, "sell": 2}


class InfowayPush:
    """Renders the market in Infoway's words."""

    def __init__(self, *, bare: bool) -> None:
        self._bare = bare
        self.clock_offset_ms = 0

    def render(self, channel: str, state: State, trade: Trade | None) -> bytes | None:
        """Render a push; trades and bars come with trades, depth with every step."""
        if channel == "depth":
            return self._wrap(DEPTH, self._depth(state))
        if trade is None:
            return None
        if channel == "trade":
            return self._wrap(TRADE, self._trade(state, trade))
        bar = self._bar(channel.removeprefix("bar:"), state)
        return None if bar is None else self._wrap(BAR, bar)

    def _wrap(self, code: int, payload: str) -> bytes:
        return payload.encode() if self._bare else f'{{"code":{code},"data":{payload}}}'.encode()

    def _trade(self, state: State, trade: Trade) -> str:
        instrument = state.instrument
        return (
            f'{{"s":"{instrument.raw}","t":{trade.ts_ms + self.clock_offset_ms},"p":"{instrument.prices[trade.price]}",'
            f'"v":"{instrument.sizes[trade.size]}","vw":"{instrument.turnover_text(trade.price * trade.size)}",'
            f'"td":{_TAKER[trade.side]}}}'
        )

    def _depth(self, state: State) -> str:
        instrument = state.instrument
        price, size = instrument.prices, instrument.sizes
        ask_prices = '","'.join(map(price.__getitem__, state.ask_prices))
        ask_sizes = '","'.join(map(size.__getitem__, state.ask_sizes))
        bid_prices = '","'.join(map(price.__getitem__, state.bid_prices))
        bid_sizes = '","'.join(map(size.__getitem__, state.bid_sizes))
        return (
            f'{{"s":"{instrument.raw}","t":{state.ts_ms + self.clock_offset_ms},'
            f'"a":[["{ask_prices}"],["{ask_sizes}"]],"b":[["{bid_prices}"],["{bid_sizes}"]]}}'
        )

    def _bar(self, interval: str, state: State) -> str | None:
        bar = state.bars.bar(interval)
        if bar is None:
            return None
        instrument, price = state.instrument, state.instrument.prices
        change = bar.close - bar.open
        scaled = abs(change) * 10_000 // bar.open
        sign = "-" if change < 0 and scaled else ""
        percent = f"{sign}{scaled // 100}.{scaled % 100:02d}%"
        common = (
            f'"t":"{bar.open_ms // 1000}","h":"{price[bar.high]}","o":"{price[bar.open]}","l":"{price[bar.low]}",'
            f'"c":"{price[bar.close]}","v":"{instrument.sizes[bar.volume]}",'
            f'"vw":"{trimmed_text(bar.turnover, instrument.turnover_decimals)}"'
        )
        if self._bare:
            return f'{{"s":"{instrument.raw}","respList":[{{{common},"pc":"{percent}","pca":"{price[change]}"}}]}}'
        number = BAR_NUMBERS[interval]
        return f'{{"s":"{instrument.raw}","ty":{number},{common},"pfr":"{percent}","pca":"{price[change]}"}}'
