"""Inline callbacks of a whole feed: on its thread, within the read, and whatever they call in it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest
from tests.api.conftest import Market

from ferrofeed import BookEvent, Feed, Quote, Status, Trade
from ferrofeed.config import LoopConfig
from ferrofeed.consumer import Consumer
from ferrofeed.errors import UsageError
from ferrofeed.events import Batch

Until = Callable[..., None]

each_loop = pytest.mark.parametrize(
    "loop", [LoopConfig(), LoopConfig(busy_poll=True, tcp_quickack=True)], ids=["sleeps", "polls"]
)


def balanced(consumer: Consumer) -> None:
    for account in (consumer.totals(), *consumer.accounts().values()):
        assert account.received == account.delivered + account.conflated + account.dropped + account.pending


@each_loop
def test_every_event_comes_once_in_order_on_the_feed_s_thread(market: Market, until: Until, loop: LoopConfig) -> None:
    feed = market.feed(loop=loop)
    seen: dict[str, list[int]] = {"trade": [], "quote": [], "book": []}
    threads: set[str] = set()

    def call(event: Trade) -> None:
        seen[event.type].append(event.seq)
        threads.add(threading.current_thread().name)

    consumer = feed.on(("trade", "quote", "book"), call, inline=True, name="all")
    with feed:
        until(lambda: all(len(numbers) > 20 for numbers in seen.values()), "events of each kind")
    assert threads == {"ferrofeed"}
    numbers = sorted(number for numbers in seen.values() for number in numbers)
    assert all(numbers == sorted(numbers) for numbers in seen.values())
    assert len(set(numbers)) == len(numbers)
    totals = consumer.totals()
    assert totals.received == totals.delivered == len(numbers)
    balanced(consumer)
    assert feed.dispatchers[0].errors == 0
    assert feed.pauses == 0


@each_loop
def test_status_events_come_too_from_the_first_connection_to_the_last_goodbye(
    market: Market, until: Until, loop: LoopConfig
) -> None:
    feed = market.feed({"itick": ["trade"]}, loop=loop)
    seen: list[Status] = []
    feed.on("status", seen.append, inline=True)
    with feed:
        assert feed.wait_ready(15)
        until(lambda: [event.state for event in seen].count("subscribed") == 2, "acknowledgements")
    states = [event.state for event in seen]
    assert (states[0], states[-1]) == ("connected", "disconnected")


@each_loop
def test_the_book_is_up_to_date_within_the_callback(market: Market, until: Until, loop: LoopConfig) -> None:
    feed = market.feed({"itick": ["depth"]}, loop=loop)
    wrong: list[object] = []
    count = 0

    def call(event: BookEvent) -> None:
        nonlocal count
        book = feed.book("itick-1", event.symbol)
        count += 1
        # more books of the same read may have come since
        if book is None or (book.bids, book.asks) == ([], []) or not book.valid:
            wrong.append(event)

    def newest(event: BookEvent) -> None:
        book = feed.book("itick-1", event.symbol)
        if book is None or (list(book.bids), list(book.asks)) != (event.bids, event.asks):
            wrong.append(event)

    feed.on("book", call, inline=True)
    feed.on("book", newest, inline=True, policy="conflate", symbols="BTC/USDT")
    with feed:
        until(lambda: count > 30, "books")
    assert wrong == []


def test_the_filters_apply(market: Market, until: Until) -> None:
    feed = market.feed({"itick": ["depth", "trade"]})
    symbols: set[str] = set()
    tops: list[BookEvent] = []
    feed.on("trade", lambda event: symbols.add(event.symbol), inline=True, symbols="ETH/USDT")
    top = feed.on("book", tops.append, inline=True, top_of_book=True)
    with feed:
        until(lambda: symbols and len(tops) > 20, "trades and tops")
    assert symbols == {"ETH/USDT"}
    last: dict[str, object] = {}
    for event in tops:
        now = (event.best_bid, event.best_ask, event.valid)
        assert last.get(event.symbol) != now
        last[event.symbol] = now
    assert top.totals().delivered == len(tops)


@each_loop
@pytest.mark.parametrize("inline", [True, False])
def test_batches(market: Market, until: Until, loop: LoopConfig, inline: bool) -> None:
    feed = market.feed(loop=loop)
    batches: list[Batch] = []
    consumer = feed.on_batch(batches.append, kinds=["trade", "quote"], inline=inline, policy="block")
    with feed:
        until(lambda: sum(map(len, batches)) > 50, "events")
    assert sum(map(len, batches)) == consumer.totals().delivered
    assert {event.type for batch in batches for event in batch} == {"trade", "quote"}
    numbers = [int(number) for batch in batches for number in batch.records["seq"]]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("error", [LookupError, SystemExit, KeyboardInterrupt])
def test_what_it_raises_is_counted_logged_once_and_the_feed_goes_on(
    market: Market, until: Until, caplog: pytest.LogCaptureFixture, error: type[BaseException]
) -> None:
    feed = market.feed()

    def broken(_event: Trade) -> None:
        raise error

    fine: list[Trade] = []
    consumer = feed.on("trade", broken, inline=True, name="broken")
    feed.on("trade", fine.append, inline=True)
    with caplog.at_level(logging.ERROR), feed:
        until(lambda: len(fine) > 10, "events")
    broken_one, fine_one = feed.dispatchers
    assert broken_one.errors == consumer.totals().delivered > 10
    assert fine_one.errors == 0
    (record,) = [record for record in caplog.records if record.name == "ferrofeed.callback"]
    assert "the callback of broken raised" in record.getMessage()
    assert record.exc_info
    assert feed.core.epoch(0) == 1


@each_loop
def test_it_may_call_anything_of_the_feed(market: Market, until: Until, loop: LoopConfig) -> None:
    feed = market.feed({"itick": ["trade"]}, loop=loop)
    quotes: list[Quote] = []
    done = threading.Event()

    def call(event: Trade) -> None:
        if done.is_set():
            return
        assert feed.book("itick-1", event.symbol) is None
        feed.subscribe("itick-1", "BTC/USDT", ["quote", "depth"])
        feed.on("quote", quotes.append, inline=True)
        feed.on("quote", lambda _event: None)
        feed.consumer(policy="block").close()
        assert feed.missing()
        assert feed.snapshots()
        assert feed.quarantine() == []
        with pytest.raises(UsageError, match="inline"):
            feed.wait_ready()
        feed.unsubscribe("itick-1", "BTC/USDT", "depth")
        consumer.close()
        done.set()

    consumer = feed.on("trade", call, inline=True)
    with feed:
        assert done.wait(15), [callback.errors for callback in feed.dispatchers]
        until(lambda: quotes, "quotes that were asked for from within")
        assert feed.wait_ready(15)
        delivered = consumer.totals().delivered
        until(lambda: len(quotes) > 20, "quotes")
        assert consumer.totals().delivered == delivered
    balanced(consumer)


@each_loop
def test_it_may_stop_the_feed(market: Market, until: Until, loop: LoopConfig) -> None:
    feed = market.feed(loop=loop)
    batches = feed.consumer()
    on_thread = threading.Event()
    feed.on("trade", lambda _event: on_thread.set())
    feed.on("trade", lambda _event: feed.stop(), inline=True)
    feed.start()
    # whoever waits for events learns that there are no more
    assert sum(map(len, batches)) > 0
    until(lambda: all("ferrofeed" not in thread.name for thread in threading.enumerate()), "the threads are gone")
    assert not feed.running
    feed.stop()
    balanced(batches)


def test_others_may_call_the_feed_while_it_runs(market: Market, until: Until) -> None:
    feed = market.feed(loop=LoopConfig(busy_poll=True), rate=2000)
    seen: list[str] = []
    feed.on("trade", lambda event: seen.append(event.symbol), inline=True)
    failed: list[BaseException] = []

    def use(feed: Feed) -> None:
        try:
            for _ in range(30):
                feed.subscribe("itick-1", "BTC/USDT", "bar:5m")
                feed.book("itick-1", "ETH/USDT")
                feed.on("book", lambda _event: None, inline=True).close()
                feed.snapshots()
                feed.unsubscribe("itick-1", "BTC/USDT", "bar:5m")
        except BaseException as error:  # noqa: BLE001  # the test shows it
            failed.append(error)

    with feed:
        assert feed.wait_ready(15)
        threads = [threading.Thread(target=use, args=(feed,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
        until(lambda: len(seen) > 100, "trades")
    assert failed == []


def test_options_that_make_no_sense_are_refused(market: Market) -> None:
    feed = market.feed()
    for policy in ("drop_oldest", "disconnect"):
        with pytest.raises(UsageError, match=f"block or conflate, not '{policy}'"):
            feed.on("trade", print, inline=True, policy=policy)
    with pytest.raises(UsageError, match="no queue"):
        feed.on_batch(print, inline=True, capacity=10)
    with pytest.raises(UsageError, match="no kind 'trades'"):
        feed.on("trades", print, inline=True)
    assert feed.consumers == []
    assert feed.dispatchers == []
