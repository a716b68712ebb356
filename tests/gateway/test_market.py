"""Market data for clients that ask for it: whom it reaches, what is left out, and what it costs those who don't ask."""

from __future__ import annotations

import json
import time
from collections import deque
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.gateway.client import ETH
from tests.gateway.targets import SPOT, gateway

from ferrofeed.consumer import Account
from ferrofeed.gateway.market import MOST_TRADES, PICTURES, ROOM, SLICE, MarketData
from ferrofeed.market_source import MarketSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BTC = "BTC/USDT"
BOOK = {"type": "book", "bid": "1"}
TRADE = {"type": "trade", "price": "1"}


class _Batch(list[Any]):
    def __init__(self, events: Sequence[dict[str, str]]) -> None:
        super().__init__(SimpleNamespace(**event) for event in events)
        self.core: Any = b"".join(json.dumps(event).encode() + b"\n" for event in events)


class _Consumer:
    """A source of events that holds what was put into it."""

    def __init__(self, kinds: Sequence[str], symbols: Sequence[str]) -> None:
        self.kinds, self.symbols = frozenset(kinds), frozenset(symbols)
        self.pending: deque[dict[str, str]] = deque()
        self.dropped: dict[tuple[str, str], int] = {}
        self.closed = False

    def poll(self) -> _Batch | None:
        events, self.pending = list(self.pending), deque()
        return _Batch(events) if events else None

    def accounts(self) -> dict[tuple[str, str], Account]:
        return {key: Account(dropped, 0, 0, dropped, 0) for key, dropped in self.dropped.items()}

    def totals(self) -> Account:
        return Account(0, 0, 0, sum(self.dropped.values()), 0)

    def close(self) -> None:
        self.closed = True


class World:
    """Market data with logins that trade on the platform ``paper``, whose market is ``m``."""

    def __init__(self, *symbols: str) -> None:
        self.made: list[_Consumer] = []
        self.told: list[tuple[int, str, Any, int]] = []
        self.unread: dict[int, int] = {}
        self.books: dict[tuple[str, str], str] = {}
        """Best bids by venue and symbol."""
        self.pictured: list[tuple[str, str]] = []
        """Books that were asked for, of those that there are."""
        venue = SimpleNamespace(market="m", trade=[SimpleNamespace(symbols=symbols, reference="")])
        config: Any = SimpleNamespace(venue=lambda _id: venue)
        core: Any = SimpleNamespace(market=self._tell)
        lines: Any = lambda batch: batch  # noqa: E731
        connection: Any = lambda number: SimpleNamespace(unread=self.unread.get(number, 0))  # noqa: E731
        self.market = MarketData(config, core, MarketSource(self._make, self._pictures, lines), connection)

    def _make(self, kinds: Sequence[str], symbols: Sequence[str]) -> Any:
        self.made.append(_Consumer(kinds, symbols))
        return self.made[-1]

    def _pictures(self, wanted: Sequence[tuple[str, str]]) -> Any:
        found = [(*one, self.books[one]) for one in wanted if one in self.books]
        self.pictured += [one for one in wanted if one in self.books]
        return _Batch([{"type": "book", "venue": venue, "symbol": symbol, "bid": bid} for venue, symbol, bid in found])

    def _tell(self, login: int, topic: str, data: bytes, dropped: int) -> None:
        self.told.append((login, topic, json.loads(data), dropped))

    def watch(self, login: int, *symbols: str) -> None:
        self.market.watch([(login, (login, "paper", symbols))])

    def leave(self, login: int) -> None:
        self.market.watch([(login, None)])

    @property
    def open(self) -> list[_Consumer]:
        return [consumer for consumer in self.made if not consumer.closed]

    @property
    def heard(self) -> set[str]:
        """The symbols that are listened for."""
        found = {consumer.symbols for consumer in self.open}
        assert len(found) <= 1
        return set().union(*found)

    def put(self, *events: dict[str, str]) -> None:
        """These come, at ETH on the market unless they say otherwise, to whoever listens."""
        for event in ({"venue": "m", "symbol": ETH, **one} for one in events):
            for consumer in self.open:
                if event["type"] in consumer.kinds and event["symbol"] in {*consumer.symbols, ""}:
                    consumer.pending.append(event)

    def look(self) -> list[tuple[int, str, Any, int]]:
        """What is told then: login, topic, data, and how many were dropped before."""
        self.told.clear()
        self.market.look()
        self.market.tell()
        while self.market.waiting:
            self.market.tell()
        return self.told

    def topics(self, *events: dict[str, str]) -> list[tuple[str, Any]]:
        self.put(*events)
        return [(topic, data) for _, topic, data, _ in self.look()]


@pytest.fixture
def world() -> World:
    """Somebody watches ETH."""
    world = World(ETH, BTC)
    world.watch(1, ETH)
    assert world.look() == [], "there is no book yet"
    return world


def test_bars_of_several_intervals_do_not_hide_one_another(world: World) -> None:
    rows = [
        {"type": "bar", "interval": interval, "close": close}
        for interval, close in (("1m", "1"), ("5m", "2"), ("1m", "3"))
    ]
    found = sorted((topic, one["interval"], one["close"]) for topic, one in world.topics(*rows))
    assert found == [("bar", "1m", "3"), ("bar", "5m", "2")]


@pytest.mark.parametrize("symbol", [ETH, ""])
def test_an_outage_is_told_after_the_books_before_it_and_before_those_after_it(world: World, symbol: str) -> None:
    old, new = ({"type": "book", "bid": bid} for bid in ("1", "2"))
    gone = {"type": "status", "symbol": symbol, "state": "disconnected"}
    assert [topic for topic, _ in world.topics(old, gone)] == ["depth", "status"]
    heard = world.topics(old, gone, new)
    assert [(topic, one.get("bid")) for topic, one in heard] == [("status", None), ("depth", "2")]
    elsewhere = [{**gone, "venue": "other"}, {**gone, "symbol": BTC}]
    assert world.topics(*elsewhere) == []


def test_nothing_is_listened_for_that_nobody_watches(world: World) -> None:
    """All instruments of a feed would be written as JSON on the feed's own thread."""
    assert world.heard == {ETH}
    world.watch(2, BTC)
    assert world.heard == {ETH, BTC}, "at once: what comes next is not missed"
    world.put({**BOOK, "symbol": BTC}, BOOK)
    assert sorted((login, one["symbol"]) for login, _, one, _ in world.look()) == [(1, ETH), (2, BTC)]
    made = len(world.made)
    world.watch(3, ETH)
    assert len(world.made) == made, "it is listened for already"
    world.leave(2)
    assert world.look() == []
    assert world.heard == {ETH}
    world.leave(1)
    world.put(BOOK)
    assert [login for login, *_ in world.look()] == [3]
    world.leave(3)
    world.look()
    assert not world.open
    assert not world.market.watched


def test_what_came_before_somebody_else_began_to_watch_is_not_lost(world: World) -> None:
    world.put(BOOK)
    world.watch(2, BTC)
    assert [(login, topic) for login, topic, _, _ in world.look()] == [(1, "depth")]


def test_who_begins_to_watch_is_told_how_the_books_are(world: World) -> None:
    """And nobody else is; what comes next replaces it."""
    world.books = {("m", ETH): "1", ("m", BTC): "2"}
    world.watch(2, ETH)
    assert [(login, topic, data["bid"]) for login, topic, data, _ in world.look()] == [(2, "depth", "1")]
    world.watch(3, BTC, ETH)
    world.put({**BOOK, "symbol": BTC, "bid": "3"})
    assert sorted((login, data["symbol"], data["bid"]) for login, _, data, _ in world.look()) == [
        (3, BTC, "3"),
        (3, ETH, "1"),
    ]


def test_a_book_is_written_once_for_all_who_begin_to_watch_it(world: World) -> None:
    world.books = {("m", ETH): "1"}
    for login in (2, 3):
        world.watch(login, ETH)
    assert [(login, data["bid"]) for login, _, data, _ in world.look()] == [(2, "1"), (3, "1")]
    assert world.pictured == [("m", ETH)]


def test_many_books_are_told_a_part_at_a_time() -> None:
    """A client that watches all there is must not hold the feed up."""
    symbols = [f"S{number:04}/USDT" for number in range(PICTURES + 3)]
    world = World(*symbols)
    world.books = {("m", symbol): "1" for symbol in symbols}
    world.watch(2, *symbols)
    world.watch(3, *symbols)
    world.leave(3)
    turns = [[data["symbol"] for _, _, data, _ in world.look()] for _ in range(4)]
    assert [len(told) for told in turns] == [PICTURES, 3, 0, 0]
    assert sorted(turns[0] + turns[1]) == symbols


def test_trades_that_the_source_dropped_are_told_to_those_who_watch_them(world: World) -> None:
    world.watch(2, BTC)
    world.look()
    trades = next(consumer for consumer in world.open if "trade" in consumer.kinds)
    trades.dropped = {("m", ETH): 7}
    assert world.look() == [], "it is told with the next trade"
    world.put(BOOK)
    assert [dropped for *_, dropped in world.look()] == [0]
    world.put(TRADE, TRADE, {**TRADE, "symbol": BTC})
    assert sorted((login, dropped) for login, _, _, dropped in world.look()) == [(1, 0), (1, 7), (2, 0)]
    trades.dropped[("m", ETH)] = 9
    world.put(TRADE)
    assert [dropped for *_, dropped in world.look()] == [2]


def test_a_client_that_does_not_read_is_told_later_what_it_missed(world: World) -> None:
    world.unread[1] = ROOM + 1
    many = MOST_TRADES + 3
    world.put(*({**TRADE, "number": str(number)} for number in range(many)), BOOK, {**BOOK, "bid": "2"})
    assert world.look() == []
    world.unread[1] = 0
    told = world.look()
    trades = [(data["number"], dropped) for _, topic, data, dropped in told if topic == "trade"]
    assert trades == [(str(number), 3 if number == 3 else 0) for number in range(3, many)]
    assert [data["bid"] for _, topic, data, _ in told if topic == "depth"] == ["2"]
    assert world.look() == []


def test_the_feed_has_its_turn_between_many_clients(world: World) -> None:
    for login in range(2, 2 * SLICE + 2):
        world.watch(login, ETH)
    world.put(BOOK)
    world.market.look()
    turns: list[int] = []
    while world.market.waiting or not turns:
        world.told.clear()
        world.market.tell()
        turns.append(len(world.told))
    assert turns == [SLICE, SLICE, 1]


def test_after_its_end_nobody_listens(world: World) -> None:
    """Logins end one after another when the feed stops, and sources can't be made any more."""
    world.watch(2, BTC)
    world.market.close()
    made = len(world.made)
    world.leave(1)
    world.watch(3, ETH)
    assert (world.open, len(world.made), world.look()) == ([], made, [])


def test_a_client_hears_that_its_market_is_gone(tmp_path: Path) -> None:
    """The last book it was told of is no book any more."""
    with gateway(tmp_path, market_data_interval_ms=20) as target, target.client() as client:
        access, secret = target.key()
        target.book([("2990", "3"), ("2989", "1")], [("3010", "2"), ("3011", "5")])
        # nothing moves from here on
        client.ask("login", platform=SPOT, symbols=[ETH], access_key=access, secret_key=secret, market_data=True)
        data = client.find(lambda m: m.get("topic") == "depth")["data"]
        assert (data["valid"], data["action"]) == (True, "snapshot")
        assert data["bids"] == [["2990", "3"], ["2989", "1"]]
        assert data["asks"] == [["3010", "2"], ["3011", "5"]]
        assert abs(data["ts_recv"] - time.time_ns()) < 60_000_000_000
        since = len(client.got)
        target.market.stop()
        data = client.find(lambda m: m.get("topic") == "status" and m["data"]["state"] == "disconnected", since)["data"]
        assert (data["type"], data["venue"], data["symbol"]) == ("status", "market", "")
