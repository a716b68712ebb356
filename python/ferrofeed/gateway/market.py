"""Market data for clients that asked for it: an extension of the protocol, conflated for each of them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from ferrofeed.gateway.platforms import market_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ferrofeed import _core
    from ferrofeed.config import Config
    from ferrofeed.consumer import Consumer
    from ferrofeed.gateway.connection import Connection

TOPICS: Final = {"quote": "ticker", "book": "depth", "bar": "bar", "trade": "trade", "status": "status"}
NAME: Final = "gateway-market"
MOST_TRADES: Final = 256
"""Trades kept for a client that can't take them now."""
ROOM: Final = 65_536
"""Bytes that a client may leave unread and still be told of its market."""


class _Watcher:
    """A login that watches."""

    def __init__(self, login: int, socket: int, wanted: frozenset[tuple[str, str]]) -> None:
        self.login = login
        self.socket = socket
        self.wanted = wanted
        """Market-data venues with their symbols."""
        self.venues = frozenset(venue for venue, _ in wanted)
        self.newest: dict[tuple[str, str, str, str], bytes] = {}
        """By topic, venue, symbol and interval."""
        self.trades: deque[bytes] = deque()
        self.dropped = 0

    def watches(self, venue: str, symbol: str) -> bool:
        """Whether it is told of a symbol; of what concerns a whole venue, if it watches anything there."""
        return (venue, symbol) in self.wanted if symbol else venue in self.venues

    def put(self, topic: str, venue: str, symbol: str, interval: str, data: bytes) -> None:
        if topic != "trade":
            key = (topic, venue, symbol, interval)
            # what came last is told last: a book of before an outage is not told after it
            self.newest.pop(key, None)
            self.newest[key] = data
            return
        if len(self.trades) >= MOST_TRADES:
            self.trades.popleft()
            self.dropped += 1
        self.trades.append(data)


class MarketData:
    """Looks at what is new every so often, as long as anybody watches. On the feed's thread."""

    def __init__(
        self,
        config: Config,
        gateway: _core.GatewayCore,
        consumer: Callable[[Sequence[str]], Consumer],
        lines: Callable[[_core.Batch], bytes],
        connection: Callable[[int], Connection | None],
    ) -> None:
        self._config = config
        self._gateway = gateway
        self._make = consumer
        self._lines = lines
        self._connection = connection
        self._watchers: dict[int, _Watcher] = {}
        self._consumers: list[Consumer] = []

    @property
    def watched(self) -> bool:
        """Whether anybody watches."""
        return bool(self._watchers)

    def watch(self, watchers: Sequence[tuple[int, int, str, Sequence[str]]]) -> None:
        """These logins watch, and no others."""
        before = self._watchers
        self._watchers = {
            login: before.get(login) or _Watcher(login, socket, self._wanted(venue, symbols))
            for login, socket, venue, symbols in watchers
        }
        if self._watchers and not self._consumers:
            # of states the newest, of trades all
            self._consumers = [self._make(["quote", "book", "bar", "status"]), self._make(["trade"])]
        elif not self._watchers:
            self.close()

    def _wanted(self, venue: str, symbols: Sequence[str]) -> frozenset[tuple[str, str]]:
        by_symbol = market_of(self._config, venue)
        return frozenset((by_symbol[symbol], symbol) for symbol in symbols if by_symbol.get(symbol))

    def look(self) -> None:
        """Hand on what came since the last time."""
        for consumer in self._consumers:
            batch = consumer.poll()
            if batch is not None:
                lines = self._lines(batch.core).splitlines()
                for event, line in zip(batch, lines, strict=True):
                    self._put(event.type, event.venue, event.symbol, getattr(event, "interval", ""), line)
        for watcher in self._watchers.values():
            if watcher.newest or watcher.trades:
                self._tell(watcher)

    def _put(self, kind: str, venue: str, symbol: str, interval: str, line: bytes) -> None:
        topic = TOPICS.get(kind)
        if topic is None:
            return
        for watcher in self._watchers.values():
            if watcher.watches(venue, symbol):
                watcher.put(topic, venue, symbol, interval, line)

    def _tell(self, watcher: _Watcher) -> None:
        connection = self._connection(watcher.socket)
        if connection is None or connection.unread > ROOM:
            return
        dropped, watcher.dropped = watcher.dropped, 0
        for data in watcher.trades:
            self._gateway.market(watcher.login, "trade", data, dropped)
            dropped = 0
        watcher.trades.clear()
        for (topic, *_), data in watcher.newest.items():
            self._gateway.market(watcher.login, topic, data, 0)
        watcher.newest.clear()

    def close(self) -> None:
        """Look at nothing any more."""
        for consumer in self._consumers:
            consumer.close()
        self._consumers.clear()
