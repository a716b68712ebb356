"""Market data for clients that asked for it: an extension of the protocol, conflated for each of them.

All of it happens on the feed's thread, so nothing is looked at that nobody watches, and only a few clients are told at
a time.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from ferrofeed.gateway.platforms import market_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ferrofeed import _core
    from ferrofeed.config import Config
    from ferrofeed.consumer import Consumer
    from ferrofeed.events import Batch, Event
    from ferrofeed.gateway.connection import Connection
    from ferrofeed.market_source import MarketSource

_K = TypeVar("_K")
TOPICS: Final = {"quote": "ticker", "book": "depth", "bar": "bar", "trade": "trade", "status": "status"}
STATES: Final = ("quote", "book", "bar", "status")
"""Kinds of events of which the newest is enough; of trades all are told."""
MOST_TRADES: Final = 256
"""Trades kept for a client that can't take them now."""
ROOM: Final = 65_536
"""Bytes that a client may leave unread and still be told of its market."""
SLICE: Final = 64
"""Clients that are told before the feed has its turn again."""
PICTURES: Final = 128
"""Books that are written for new watchers at a time."""


class _Watcher:
    """A login that watches."""

    def __init__(self, login: int, socket: int, wanted: frozenset[tuple[str, str]]) -> None:
        self.login = login
        self.socket = socket
        self.wanted = wanted
        """Market-data venues with their symbols."""
        self.newest: dict[tuple[str, str, str, str], bytes] = {}
        """By topic, venue, symbol and interval."""
        self.trades: deque[bytes] = deque()
        self.dropped = 0

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


class _Consumers(NamedTuple):
    """What listens to the feed."""

    states: Consumer
    trades: Consumer


class MarketData:
    """Looks at what is new every so often, as long as anybody watches."""

    def __init__(
        self,
        config: Config,
        gateway: _core.GatewayCore,
        source: MarketSource,
        connection: Callable[[int], Connection | None],
    ) -> None:
        self._config = config
        self._gateway = gateway
        self._source = source
        self._connection = connection
        self._markets: dict[str, Mapping[str, str]] = {}
        """Market-data venues by symbol, of the trading venues that were asked for."""
        self._watchers: dict[int, _Watcher] = {}
        self._by_symbol: dict[tuple[str, str], dict[int, _Watcher]] = {}
        """Who watches what, by login."""
        self._by_venue: dict[str, dict[int, _Watcher]] = {}
        """Who watches anything of a venue: what concerns all of it is told to them."""
        self._waiting: dict[int, _Watcher] = {}
        """Those for whom there is something, by login."""
        self._behind: dict[int, _Watcher] = {}
        """Those of them that had too much unread when they were to be told."""
        self._unseen: dict[tuple[str, str], dict[int, _Watcher]] = {}
        """Books that new watchers have not been told of, and who they are, by login."""
        self._closed = False
        self._consumers: _Consumers | None = None
        self._covered: frozenset[str] = frozenset()
        """The symbols that they bring."""
        self._lost: dict[tuple[str, str], int] = {}
        """How many trades the source has dropped, as far as its watchers know."""

    @property
    def watched(self) -> bool:
        """Whether anybody watches."""
        return bool(self._watchers)

    @property
    def waiting(self) -> bool:
        """Whether somebody is still to be told of what was looked at."""
        return bool(self._waiting)

    def watch(self, changes: Sequence[tuple[int, tuple[int, str, Sequence[str]] | None]]) -> None:
        """Logins watch from now on, or no more; a new one begins with the books as they are."""
        if self._closed:
            return
        for login, what in changes:
            if what is None:
                self._forget(login)
            else:
                socket, venue, symbols = what
                self._remember(_Watcher(login, socket, self._wanted(venue, symbols)))
        self._cover(narrower=False)

    def _wanted(self, venue: str, symbols: Sequence[str]) -> frozenset[tuple[str, str]]:
        by_symbol = self._markets.get(venue)
        if by_symbol is None:
            by_symbol = self._markets[venue] = market_of(self._config, venue)
        return frozenset((by_symbol[symbol], symbol) for symbol in symbols if by_symbol.get(symbol))

    def _remember(self, watcher: _Watcher) -> None:
        self._watchers[watcher.login] = watcher
        for wanted in watcher.wanted:
            self._by_symbol.setdefault(wanted, {})[watcher.login] = watcher
            self._by_venue.setdefault(wanted[0], {})[watcher.login] = watcher
            self._unseen.setdefault(wanted, {})[watcher.login] = watcher

    def _forget(self, login: int) -> None:
        watcher = self._watchers.pop(login, None)
        if watcher is None:
            return
        self._waiting.pop(login, None)
        self._behind.pop(login, None)
        for wanted in watcher.wanted:
            _remove(self._by_symbol, wanted, login)
            _remove(self._by_venue, wanted[0], login)
            _remove(self._unseen, wanted, login)

    def _cover(self, *, narrower: bool) -> None:
        """Listen to what is watched; ``narrower``: also stop listening to what is no longer."""
        wanted = frozenset(symbol for _, symbol in self._by_symbol)
        if wanted == self._covered or (wanted < self._covered and not narrower):
            return
        self._hear()
        self._listen_no_more()
        self._covered = wanted
        if wanted:
            symbols = sorted(wanted)
            self._consumers = _Consumers(
                self._source.consumer(STATES, symbols), self._source.consumer(["trade"], symbols)
            )

    def look(self) -> None:
        """Take what came since the last time, for whoever watches it; see :meth:`tell`."""
        self._hear()
        self._show()
        self._cover(narrower=True)
        self._waiting.update(self._behind)
        self._behind.clear()

    def _hear(self) -> None:
        if self._consumers is None:
            return
        for consumer in self._consumers:
            batch = consumer.poll()
            if batch is not None:
                for event, line in self._written(batch):
                    key = (event.venue, event.symbol)
                    watchers = self._by_symbol.get(key) if event.symbol else self._by_venue.get(event.venue)
                    self._put(event, line, watchers or {})
        self._count_lost(self._consumers.trades)

    def _show(self) -> None:
        """Tell new watchers of books that have not changed since."""
        some = list(islice(self._unseen, PICTURES))
        if not some:
            return
        for event, line in self._written(self._source.pictures(some)):
            wanted = (event.venue, event.symbol)
            key = (TOPICS["book"], *wanted, "")
            new = {login: one for login, one in self._unseen.get(wanted, {}).items() if key not in one.newest}
            self._put(event, line, new)
        for wanted in some:
            del self._unseen[wanted]

    def _written(self, batch: Batch) -> Iterator[tuple[Event, bytes]]:
        return zip(batch, self._source.lines(batch.core).splitlines(), strict=True)

    def _put(self, event: Event, line: bytes, watchers: Mapping[int, _Watcher]) -> None:
        topic = TOPICS.get(event.type)
        if topic is None:
            return
        interval = getattr(event, "interval", "")
        for watcher in watchers.values():
            watcher.put(topic, event.venue, event.symbol, interval, line)
        self._waiting.update(watchers)

    def _count_lost(self, trades: Consumer) -> None:
        """Trades that were more than the source holds are missing to everybody who watches them."""
        if trades.totals().dropped == sum(self._lost.values()):
            return
        for key, account in trades.accounts().items():
            lost = account.dropped - self._lost.get(key, 0)
            if lost:
                self._lost[key] = account.dropped
                for watcher in self._by_symbol.get(key, {}).values():
                    watcher.dropped += lost

    def tell(self) -> None:
        """Tell some of those for whom there is something; ask :attr:`waiting` whether that were all."""
        some = list(islice(self._waiting.values(), SLICE))
        for watcher in some:
            del self._waiting[watcher.login]
            self._tell(watcher)

    def _tell(self, watcher: _Watcher) -> None:
        connection = self._connection(watcher.socket)
        if connection is None:
            return
        if connection.unread > ROOM:
            self._behind[watcher.login] = watcher
            return
        for data in watcher.trades:
            dropped, watcher.dropped = watcher.dropped, 0
            self._gateway.market(watcher.login, "trade", data, dropped)
        watcher.trades.clear()
        for (topic, *_), data in watcher.newest.items():
            self._gateway.market(watcher.login, topic, data, 0)
        watcher.newest.clear()

    def close(self) -> None:
        """Nobody is told anything any more."""
        self._closed = True
        self._waiting.clear()
        self._behind.clear()
        self._unseen.clear()
        self._listen_no_more()

    def _listen_no_more(self) -> None:
        for consumer in self._consumers or ():
            consumer.close()
        self._consumers = None
        self._covered = frozenset()
        self._lost.clear()


def _remove(table: dict[_K, dict[int, _Watcher]], key: _K, login: int) -> None:
    watchers = table.get(key, {})
    watchers.pop(login, None)
    if not watchers:
        table.pop(key, None)
