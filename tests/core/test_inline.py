"""Inline callbacks at the core: when they are called, with what, and what they may do meanwhile."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from tests.core.wire import CRYPTO, Wire

from ferrofeed import _core
from ferrofeed.events import CLASSES, EVENT, Batch


def trade(price: str, symbol: str = "ETH_USDT") -> bytes:
    return f'{{"code":1,"data":{{"s":"{symbol}","ld":{price},"t":1731690011321,"v":0.5,"type":"tick"}}}}'.encode()


def depth(bid: str, ask: str) -> bytes:
    levels = [f'[{{"po":1,"p":{price},"v":2,"o":2}}]' for price in (ask, bid)]
    return f'{{"code":1,"data":{{"s":"ETH_USDT","a":{levels[0]},"b":{levels[1]},"type":"depth"}}}}'.encode()


@pytest.fixture
def wire() -> Wire:
    wire = Wire("itick", symbols=CRYPTO).open()
    wire.take()
    return wire


def inline(wire: Wire, call: Callable[[_core.Batch], object], **options: Any) -> _core.Consumer:
    consumer = wire.core.add_consumer(**{"capacity": 1 << 20, "policy": "block", "kinds": ["trade"], **options})
    wire.core.set_inline(consumer, call)
    return consumer


def prices(wire: Wire, batch: _core.Batch) -> list[str]:
    return [str(event.price) for event in Batch(batch, wire.names)]  # type: ignore[attr-defined]


def totals(consumer: _core.Consumer) -> tuple[int, int, int]:
    totals = consumer.totals()
    return totals["received"], totals["delivered"], totals["pending"]


def test_one_call_a_read_with_everything_that_passed_the_filter(wire: Wire) -> None:
    seen: list[list[str]] = []
    consumer = inline(wire, lambda batch: seen.append(prices(wire, batch)), instruments=[0])
    wire.send(trade("1"))
    wire.send(trade("2"), trade("3", "BTC_USDT"), depth("1", "2"), trade("4"))
    wire.send(trade("5", "BTC_USDT"))
    assert seen == [["1"], ["2", "4"]]
    assert totals(consumer) == (3, 3, 0)


def test_books_and_queues_are_up_to_date_when_it_is_called(wire: Wire) -> None:
    seen: list[tuple[object, int]] = []

    def call(_batch: _core.Batch) -> None:
        book = wire.core.book(0)
        assert book is not None
        events, _ = wire.consumer.take()
        assert events is not None
        seen.append((book.best_bid, len(events)))

    inline(wire, call, kinds=["book"])
    wire.send(depth("10", "11"))
    wire.send(depth("12", "13"), depth("13", "14"))
    wanted = 2 * 10**8
    # the first brings a resync event with it
    assert seen == [((10 * 10**8, wanted), 2), ((13 * 10**8, wanted), 2)]


def test_what_a_callback_causes_itself_comes_next_time(wire: Wire) -> None:
    depths: list[int] = []
    running = 0

    def call(batch: _core.Batch) -> None:
        nonlocal running
        running += 1
        depths.append(running)
        if len(batch) and len(depths) < 3:
            wire.core.announce(0, 0, "stale", "data_timeout")
            wire.core.deliver()
        running -= 1

    consumer = inline(wire, call, kinds=["trade", "status"])
    wire.send(trade("1"))
    assert depths == [1]
    wire.core.deliver()
    wire.core.deliver()
    wire.core.deliver()
    assert depths == [1, 1, 1]
    assert totals(consumer) == (3, 3, 0)


def test_a_callback_may_take_itself_off_and_add_another(wire: Wire) -> None:
    seen: list[str] = []

    def second(batch: _core.Batch) -> None:
        seen.extend(f"second {price}" for price in prices(wire, batch))

    def first(batch: _core.Batch) -> None:
        seen.extend(prices(wire, batch))
        wire.core.remove_consumer(consumer)
        inline(wire, second)

    consumer = inline(wire, first)
    wire.send(trade("1"), trade("2"))
    wire.send(trade("3"))
    assert seen == ["1", "2", "second 3"]
    assert totals(consumer) == (2, 2, 0)


def test_removed_by_another_callback_what_waited_is_dropped(wire: Wire) -> None:
    seen: list[str] = []
    inline(wire, lambda _batch: wire.core.remove_consumer(victim))
    victim = inline(wire, lambda batch: seen.extend(prices(wire, batch)))
    wire.send(trade("1"))
    assert seen == []
    account = victim.totals()
    assert (account["received"], account["dropped"], account["pending"]) == (1, 1, 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_error_that_gets_through_ends_neither_the_read_nor_the_next_callback(wire: Wire) -> None:
    def broken(_batch: _core.Batch) -> None:
        raise LookupError

    seen: list[str] = []
    inline(wire, broken)
    inline(wire, lambda batch: seen.extend(prices(wire, batch)))
    wire.send(trade("1"))
    wire.send(trade("2"))
    assert seen == ["1", "2"]


def test_conflated_a_read_gives_the_newest(wire: Wire) -> None:
    seen: list[list[str]] = []
    consumer = inline(wire, lambda batch: seen.append(prices(wire, batch)), policy="conflate")
    wire.send(*(trade(str(price)) for price in range(1, 10)))
    assert seen == [["9"]]
    assert consumer.totals()["conflated"] == 8


def test_rows_are_the_records(wire: Wire) -> None:
    wire.send(trade("1.25"), depth("10", "11"), trade("77", "BTC_USDT"))
    batch = wire.take()
    assert batch is not None
    rows = batch.core.rows()
    assert [CLASSES[row[0]].__name__ for row in rows] == ["Trade", "BookEvent", "Status", "Trade"]
    names = EVENT.names
    assert names is not None
    for row, record in zip(rows, batch.records, strict=True):
        assert row[:19] == tuple(record[name].item() for name in names[:19])
        assert list(row[19:]) == record["v"].tolist()


def test_level_pairs_are_the_levels(wire: Wire) -> None:
    wire.send(depth("10", "11"))
    batch = wire.take()
    assert batch is not None
    assert batch.core.level_pairs(0, 2) == batch.levels.tolist()
    assert batch.core.level_pairs(1, 2) == batch.levels[1:].tolist()
    assert batch.core.level_pairs(0, 3) == batch.core.level_pairs(2, 1) == []


def test_a_core_whose_callback_holds_it_is_collected() -> None:
    wire = Wire("itick", symbols=CRYPTO)

    class Holder:
        def __init__(self, core: _core.FeedCore) -> None:
            self.core = core

        def call(self, _batch: _core.Batch) -> None: ...

    holder = Holder(wire.core)
    gone = weakref.ref(holder)
    inline(wire, holder.call)
    del holder, wire
    gc.collect()
    assert gone() is None
