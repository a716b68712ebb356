"""iTick's server side: a token at the handshake, two hello frames, quotes, depth, trades and bars as JSON numbers.

Facts: the venue page and its seed. Silent there, and so chosen here: a dropped connection ends without a close frame,
a symbol nobody trades is acknowledged and stays silent, a connection without login is refused after a while.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from ferrofeed.sim.bars import INTERVALS
from ferrofeed.sim.protocol import (
    NS,
    Action,
    Close,
    Drop,
    Options,
    Refuse,
    Request,
    Send,
    Topic,
    compact,
    never,
    parse_object,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ferrofeed.sim.market import Market, State, Trade

CLUSTERS = {
    "/cws": "crypto",
    "/crypto": "crypto",
    "/sws": "stock",
    "/stock": "stock",
    "/fws": "common",
    "/forex": "common",
    "/iws": "indices",
    "/indices": "indices",
}
BAR_NUMBERS = {interval: number for number, interval in enumerate(INTERVALS[:10], 1)}
CHANNELS = {"quote": "quote", "depth": "depth", "tick": "trade"} | {
    f"kline@{number}": f"bar:{interval}" for interval, number in BAR_NUMBERS.items()
}
_Side = tuple[list[int], list[int], str]
"""Prices, sizes and their text."""


class ItickVenue:
    """iTick, all clusters."""

    name = "itick"
    path = "/cws"

    def __init__(self, market: Market, options: Options) -> None:
        self.market = market
        self.options = options
        self.clock_offset_ms = 0
        self.refuse_login: Callable[[], bool] = never
        self.holders: dict[tuple[str, str], ItickSession] = {}
        """Who has the one connection of a key and cluster."""
        self._template = ",".join(f'{{"po":{number},"p":%s,"v":%s,"o":%s}}' for number in range(1, market.depth + 1))
        self._asks: dict[State, _Side] = {}
        self._bids: dict[State, _Side] = {}
        self._renderers: dict[str, Callable[[State, Trade | None], bytes | None]] = {
            "quote": self._quote,
            "depth": self._depth,
            "trade": self._tick,
        }

    def session(self) -> ItickSession:
        """Make the session of a new connection."""
        return ItickSession(self)

    def render(self, channel: str, state: State, trade: Trade | None, /) -> bytes | None:
        """Render a push; quotes, ticks and bars come with trades, depth with every step."""
        renderer = self._renderers.get(channel)
        if renderer is not None:
            return renderer(state, trade)
        return self._bar(channel.removeprefix("bar:"), state, trade)

    def _quote(self, state: State, trade: Trade | None) -> bytes | None:
        if trade is None:
            return None
        instrument = state.instrument
        more = ""
        if self.options.extended:
            day, price = state.bars.day(), instrument.price_numbers
            more = f'"o":{price[day.open]},"h":{price[day.high]},"l":{price[day.low]},'
        return (
            f'{{"code":1,"data":{{"s":"{instrument.pair}","ld":{instrument.price_numbers[trade.price]},{more}'
            f'"t":{trade.ts_ms + self.clock_offset_ms},"v":{instrument.sizes[trade.size]},'
            f'"tu":{instrument.turnover_text(trade.price * trade.size)},"ts":0,"type":"quote"}}}}'
        ).encode()

    def _tick(self, state: State, trade: Trade | None) -> bytes | None:
        if trade is None:
            return None
        instrument = state.instrument
        return (
            f'{{"code":1,"data":{{"s":"{instrument.pair}","ld":{instrument.price_numbers[trade.price]},'
            f'"v":{instrument.sizes[trade.size]},"t":{trade.ts_ms + self.clock_offset_ms},"type":"tick"}}}}'
        ).encode()

    def _depth(self, state: State, _trade: Trade | None) -> bytes:
        stamp = f'"t":{state.ts_ms + self.clock_offset_ms},' if self.options.extended else ""
        asks = self._side(self._asks, state, state.ask_prices, state.ask_sizes)
        bids = self._side(self._bids, state, state.bid_prices, state.bid_sizes)
        return (
            f'{{"code":1,"data":{{"s":"{state.instrument.pair}","a":[{asks}],"b":[{bids}],{stamp}"type":"depth"}}}}'
        ).encode()

    def _side(self, kept: dict[State, _Side], state: State, prices: list[int], sizes: list[int]) -> str:
        # most steps touch one side only; the text is kept with the very numbers it was made from
        last = kept.get(state)
        if last is not None and last[0] == prices and last[1] == sizes:
            return last[2]
        price, size = state.instrument.price_numbers, state.instrument.sizes
        numbers: list[str] = []
        for at, amount in zip(prices, sizes, strict=True):
            volume = size[amount]
            numbers += (price[at], volume, volume)
        text = self._template % tuple(numbers)
        kept[state] = (prices.copy(), sizes.copy(), text)
        return text

    def _bar(self, interval: str, state: State, trade: Trade | None) -> bytes | None:
        bar = state.bars.bar(interval)
        if trade is None or bar is None:
            return None
        instrument, price = state.instrument, state.instrument.price_numbers
        return (
            f'{{"code":0,"msg":null,"data":{{"s":"{instrument.pair}","t":{BAR_NUMBERS[interval]},'
            f'"k":{{"tu":{instrument.turnover_text(bar.turnover)},"c":{price[bar.close]},"t":{bar.open_ms},'
            f'"v":{instrument.sizes[bar.volume]},"h":{price[bar.high]},"l":{price[bar.low]},"o":{price[bar.open]}}}}}}}'
        ).encode()


class ItickSession:
    """One connection to iTick."""

    def __init__(self, venue: ItickVenue) -> None:
        self._venue = venue
        self._cluster = ""
        self._opened_ns = 0
        self.topics: dict[Topic, None] = {}
        self.key: str | None = None

    def opened(self, request: Request, now_ns: int, /) -> Sequence[Action]:
        """Greet; a token in the header is judged at once."""
        cluster = CLUSTERS.get(request.path)
        if cluster is None:
            return [Refuse(404)]
        self._cluster = cluster
        self._opened_ns = now_ns
        hello = Send(compact({"code": 1, "msg": "Connected Successfully"}), "hello")
        token = request.headers.get("token")
        return [hello] if token is None else [hello, *self._login(token)]

    def received(self, text: bytes, _now_ns: int, /) -> Sequence[Action]:
        """Take a login, a subscription or a ping."""
        message = parse_object(text)
        action = message.get("ac") if message is not None else None
        if message is None or not isinstance(action, str):
            return [_unresolved()]
        params = message.get("params")
        if action == "auth" and self.key is None:
            return self._login(params if isinstance(params, str) else "")
        if self.key is None:
            return self._fail()
        if action == "ping" and isinstance(params, str):
            return [Send(compact({"resAc": "pong", "data": {"params": params}}), "pong")]
        if action in ("subscribe", "unsubscribe"):
            return self._subscribe(action, message)
        return [_unresolved()]

    def tick(self, now_ns: int, /) -> Sequence[Action]:
        """End a connection that never logs in."""
        if self.key is None and now_ns - self._opened_ns > self._venue.options.auth_timeout_s * NS:
            return self._fail()
        return []

    def closed(self, _now_ns: int, /) -> None:
        """Give the key's place free."""
        place = (self.key or "", self._cluster)
        if self._venue.holders.get(place) is self:
            del self._venue.holders[place]

    def _login(self, token: str) -> Sequence[Action]:
        known = [key for key in self._venue.options.keys if hmac.compare_digest(key.encode(), token.encode())]
        if not known or self._venue.refuse_login():
            return self._fail()
        self.key = known[0]
        place = (self.key, self._cluster)
        before = self._venue.holders.get(place)
        self._venue.holders[place] = self
        answer: dict[str, Any] = {"code": 1, "resAc": "auth", "msg": "authenticated"}
        if not self._venue.options.extended:
            answer["data"] = {"params": token}
        welcome = Send(compact(answer), "hello")
        return [welcome] if before is None else [Drop(before), welcome]

    def _fail(self) -> Sequence[Action]:
        return [Send(compact({"code": 0, "resAc": "auth", "msg": "auth failed"}), "nack"), Close()]

    def _subscribe(self, action: str, message: Mapping[str, Any]) -> Sequence[Action]:
        params, types = message.get("params"), message.get("types")
        if not isinstance(params, str) or not isinstance(types, str):
            return [_unresolved()]
        symbols = [symbol for symbol in (part.strip() for part in params.split(",")) if symbol]
        channels = [CHANNELS.get(part.strip()) for part in types.split(",")]
        if not symbols or None in channels:
            return [_unresolved()]
        topics = dict.fromkeys((channel, self._symbol(symbol)) for symbol in symbols for channel in channels if channel)
        if action == "unsubscribe":
            for topic in topics:
                self.topics.pop(topic, None)
            return [Send(compact({"code": 1, "resAc": "unsubscribe", "msg": "unsubscribe Successfully"}))]
        limit = self._venue.options.max_subscriptions
        if limit is not None and len(self.topics | topics) > limit:
            return [_nack("exceeding the maximum subscription limit")]
        self.topics |= topics
        return [Send(compact({"code": 1, "resAc": "subscribe", "msg": "subscribe Successfully"}))]

    def _symbol(self, asked: str) -> str:
        """Find what is meant by ``ETHUSDT``, ``BTCUSDT$BA`` or ``AAPL$US`` on this cluster."""
        code, _, region = asked.partition("$")
        for spelling in (code, f"{code}.{region}"):
            state = self._venue.market.find(spelling)
            if state is not None and state.instrument.business == self._cluster:
                return state.instrument.symbol
        return f"?{asked}"


def _nack(message: str) -> Send:
    return Send(compact({"code": 0, "resAc": "subscribe", "msg": message}), "nack")


def _unresolved() -> Send:
    return _nack("cannot be resolved action")
