"""A feed as a program holds it: life, subscriptions, books, errors."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from decimal import Decimal

import pytest
from tests.api.conftest import Market

from ferrofeed import Book, Feed, UsageError

Until = Callable[..., None]


def accounted(feed: Feed) -> None:
    """Every message is counted in exactly one place."""
    for link, _ in feed.snapshots():
        counters = feed.core.counters(link.venue)
        assert counters["messages"] == counters["accounted"]
        assert counters["data"] > 0


def test_three_venues_get_ready_and_every_message_is_accounted_for(market: Market, until: Until) -> None:
    feed = market.feed({"ziario": ["quote"], "itick": ["quote", "depth", "trade"], "infoway": ["depth"]})
    assert feed.missing() == ["the feed is not running"]
    with feed:
        assert feed.wait_ready(), feed.missing()
        assert feed.ready()
        until(lambda: all(feed.core.counters(link.venue)["data"] for link, _ in feed.snapshots()), "data of each")
        accounted(feed)
    assert feed.missing() == ["the feed is not running"]
    assert not feed.ready()


def test_a_book_is_the_simulators(market: Market, until: Until) -> None:
    with market.feed(rate=0) as feed:
        sim = market.sim("itick")
        until(lambda: feed.snapshots()[0][1].ready, "subscribed")
        assert feed.book("itick-1", "BTC/USDT") is None
        assert feed.missing() == ["itick-1: not every book is valid"]
        sim.call(lambda simulator: simulator.settle())
        until(feed.ready, "the books")
        book = feed.book("itick-1", "BTC/USDT")
        assert isinstance(book, Book)
        theirs = sim.call(lambda simulator: simulator.market.find("BTC/USDT"))
        assert theirs is not None
        instrument = theirs.instrument
        price = [Decimal(instrument.prices[units]) for units in theirs.bid_prices]
        size = [Decimal(instrument.sizes[units]) for units in theirs.bid_sizes]
        assert book.bids == list(zip(price, size, strict=True))
        assert book.best_bid == book.bids[0]
        assert book.best_ask == book.asks[0]
        assert (book.valid, book.reason, book.symbol, book.venue) == (True, None, "BTC/USDT", "itick-1")
        assert book.spread == book.asks[0][0] - book.bids[0][0] > 0
        assert book.mid == (book.asks[0][0] + book.bids[0][0]) / 2
        assert "valid" in repr(book)
        top = feed.book("itick-1", "BTCUSDT", depth=1)
        assert top is not None
        assert (len(top.bids), len(top.asks)) == (1, 1)


def test_a_book_goes_stale_with_its_connection_and_comes_back(market: Market, until: Until) -> None:
    with market.feed({"itick": ["depth"]}) as feed:
        assert feed.wait_ready()
        status = feed.consumer(kinds="status", policy="drop_oldest")
        market.sim("itick").call(lambda simulator: simulator.inject("disconnect mode=rst"))
        seen: list[tuple[str, int]] = []

        def back() -> bool:
            batch = status.poll()
            seen.extend((event.state, event.epoch) for event in batch or ())  # type: ignore[attr-defined]
            return ("connected", 2) in seen and "resync" in {state for state, _ in seen} and feed.ready()

        until(back, "reconnected, and the book is there again")
        states = [state for state, _ in seen]
        assert states.index("disconnected") < states.index("connected")
        accounted(feed)


def test_subscriptions_come_and_go_while_running(market: Market, until: Until) -> None:
    feed = market.feed({"itick": ()})
    with pytest.raises(UsageError, match="no subscribed instrument 'BTC/USDT'"):
        feed.book("itick-1", "BTC/USDT")
    feed.subscribe("itick-1", "BTC/USDT", "trade")  # before the start, and plain strings are one each
    with feed:
        assert feed.wait_ready(), feed.missing()
        feed.subscribe("itick-1", ["ETH/USDT"], ["depth", "trade"])
        until(feed.ready, "the added ones")
        assert feed.snapshots()[0][1].wanted == 3
        trades = feed.consumer(kinds="trade", policy="drop_oldest")
        until(lambda: "BTC/USDT" in {event.symbol for event in trades.poll() or ()}, "trades of both")
        feed.unsubscribe("itick-1", "BTC/USDT", ["trade", "depth"])
        until(lambda: feed.snapshots()[0][1].wanted == 2 and feed.ready(), "the dropped one is gone")
        feed.unsubscribe("itick-1", "ETH/USDT", "depth")
        feed.unsubscribe("itick-1", "ETH/USDT", "trade")
        until(lambda: feed.snapshots()[0][1].wanted == 0, "all are gone")
        accounted(feed)


def test_a_book_that_nobody_subscribes_any_more_is_not_valid(market: Market, until: Until) -> None:
    with market.feed({"itick": ["depth", "trade"]}, rate=2000) as feed:
        assert feed.wait_ready()
        feed.unsubscribe("itick-1", "BTC/USDT", "depth")
        # frames that were on their way come after that
        until(lambda: feed.snapshots()[0][1].pending == 0 and feed.snapshots()[0][1].wanted == 3, "acknowledged")
        trades = feed.consumer(kinds="trade", symbols="BTC/USDT", policy="drop_oldest")
        until(lambda: trades.totals().received > 50, "trades still come")
        book = feed.book("itick-1", "BTC/USDT")
        assert book is not None
        assert (book.valid, book.reason) == (False, "local_closed")
        other = feed.book("itick-1", "ETH/USDT")
        assert other is not None
        assert other.valid
        feed.subscribe("itick-1", "BTC/USDT", "depth")
        until(feed.ready, "valid again")
        accounted(feed)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda feed: feed.subscribe("binance", ["BTC/USDT"], ["trade"]), "no venue 'binance'; there are itick-1"),
        (
            lambda feed: feed.subscribe("itick-1", ["BTC/USDT"], ["trades"]),
            "no channel 'trades'; itick has .*depth, quote, trade$",
        ),
        (lambda feed: feed.subscribe("itick-1", ["BTC/USDT", " "], ["trade"]), "itick-1: a symbol is empty"),
        (lambda feed: feed.unsubscribe("x", "BTC/USDT", "trade"), "no venue 'x'"),
        (lambda feed: feed.book("x", "BTC/USDT"), "no venue 'x'"),
        (lambda feed: feed.book("itick-1", "DOGE/USDT"), "itick-1: no subscribed instrument 'DOGE/USDT'"),
        (lambda feed: feed.consumer(symbols=["DOGE/USDT"]), "no subscribed instrument 'DOGE/USDT'"),
        (lambda feed: feed.consumer(kinds=["trades"]), "no kind 'trades'; there are trade, quote, book, bar, status"),
        (lambda feed: feed.consumer(policy="newest"), "unknown policy 'newest'|policy"),
        (lambda feed: feed.consumer(capacity=0), "capacity: expected at least 1 event"),
        (lambda feed: feed.consumer(capacity=-1), "consumer: "),
        (lambda feed: feed.on("tick", print), "no kind 'tick'"),
    ],
)
def test_what_is_not_known_is_a_usage_error_that_helps(
    market: Market, call: Callable[[Feed], object], words: str
) -> None:
    feed = market.feed()
    with pytest.raises(UsageError, match=words):
        call(feed)
    assert feed.consumers == []
    assert feed.snapshots()[0][1].wanted == 8


def test_a_stopped_feed_takes_nothing_more_and_shows_what_it_had(market: Market) -> None:
    feed = market.feed()
    with feed:
        assert feed.wait_ready()
        consumer = feed.consumer()
    feed.stop()
    for call in (
        feed.start,
        feed.consumer,
        lambda: feed.subscribe("itick-1", "BTC/USDT", "trade"),
        lambda: feed.unsubscribe("itick-1", "BTC/USDT", "trade"),
        lambda: feed.on("trade", print),
    ):
        with pytest.raises(UsageError, match="stopped"):
            call()
    book = feed.book("itick-1", "BTC/USDT")
    assert book is not None
    assert not book.valid
    assert book.reason == "local_closed"
    assert feed.missing() == ["the feed is not running"]
    while consumer.poll() is not None:
        pass
    assert consumer.closed
    assert consumer.poll(None) is None
    assert list(consumer) == []


def test_a_refused_key_ends_the_waiting_at_once_and_says_why(market: Market) -> None:
    with market.feed(key="wrong-key-1234") as feed:
        assert not feed.wait_ready(20.0)
        (line,) = feed.missing()
        assert line.startswith("itick-1: login refused")
        assert line.endswith("0 of 8 subscriptions acknowledged")
        assert "wrong-key-1234" not in line


def test_started_feeds_leave_no_thread_and_no_descriptor(market: Market) -> None:
    market.sim("itick")

    def once() -> None:
        with market.feed() as feed:
            assert feed.wait_ready()

    once()
    gc.collect()
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # no paths wanted
    for _ in range(5):
        once()
    gc.collect()
    assert threading.active_count() <= threads
    assert len(os.listdir("/proc/self/fd")) <= files + 1  # noqa: PTH208
