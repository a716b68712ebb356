"""Consumers: callbacks, polling, iteration, filters, policies, accounts."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.api.conftest import Market

from ferrofeed import Bar, BookEvent, Quote, SlowConsumerError, Status, Trade

Until = Callable[..., None]
PACKAGE = Path(__file__).resolve().parents[2] / "python"


def test_callbacks_of_every_kind_get_their_own_class_in_order(market: Market, until: Until) -> None:
    feed = market.feed()
    classes = {"trade": Trade, "quote": Quote, "book": BookEvent, "bar": Bar, "status": Status}
    seen: dict[str, list[object]] = {kind: [] for kind in classes}
    for kind, got in seen.items():
        feed.on(kind, got.append, policy="drop_oldest")
    with feed:
        until(lambda: all(seen.values()), f"one of each kind, got { {kind: len(got) for kind, got in seen.items()} }")
    for kind, cls in classes.items():
        assert {type(event) for event in seen[kind]} == {cls}
        numbers = [event.seq for event in seen[kind]]  # type: ignore[attr-defined]
        assert numbers == sorted(set(numbers))


def test_a_raising_callback_is_counted_logged_once_and_the_feed_goes_on(
    market: Market, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    feed = market.feed()

    def broken(event: Trade) -> None:
        raise LookupError(event.symbol)

    fine: list[Trade] = []
    feed.on("trade", broken, name="broken")
    feed.on("trade", fine.append)
    with caplog.at_level(logging.ERROR), feed:
        until(lambda: feed.dispatchers[0].errors > 3 and len(fine) > 3, "errors and events")
    (record,) = [record for record in caplog.records if record.name == "ferrofeed.callback"]
    assert "the callback of broken raised" in record.getMessage()
    assert record.exc_info


def test_closing_a_callbacks_consumer_ends_its_thread(market: Market, until: Until) -> None:
    feed = market.feed()
    with feed:
        before = threading.active_count()
        consumer = feed.on("trade", lambda _: None)
        assert threading.active_count() == before + 1
        consumer.close()
        until(lambda: threading.active_count() == before, "the thread ended")
        assert feed.dispatchers == []
        assert feed.consumers == []


def test_a_callback_may_stop_the_feed(market: Market, until: Until) -> None:
    feed = market.feed()
    feed.on("trade", lambda _: feed.stop())
    feed.start()
    until(lambda: not feed.running, "stopped from within")
    until(lambda: all(thread.name != "ferrofeed" for thread in threading.enumerate()), "the thread is gone")


def test_poll_waits_and_gives_up_in_time(market: Market) -> None:
    with market.feed(rate=0) as feed:
        assert feed.wait_ready(0.2) in {True, False}
        trades = feed.consumer(kinds="trade")
        assert trades.poll() is None
        start = time.monotonic()
        assert trades.poll(0.25) is None
        assert 0.2 < time.monotonic() - start < 5
        assert not trades.closed
        with pytest.raises(ValueError, match="timeout_s -1"):
            trades.poll(-1)


def test_iteration_ends_when_the_feed_stops(market: Market, until: Until) -> None:
    feed = market.feed()
    consumer = feed.consumer()
    with feed:
        until(lambda: consumer.totals().pending, "events")
        threading.Timer(0.5, feed.stop).start()
        batches = list(consumer)
    assert sum(map(len, batches)) == consumer.totals().delivered > 0
    assert consumer.closed


def test_a_batch_is_numpy_in_place(market: Market) -> None:
    feed = market.feed({"itick": ["trade"]})
    trades = feed.consumer(kinds=["trade"], policy="drop_oldest")
    with feed:
        batch = trades.poll(15)
        assert batch is not None
        array = batch.of("trade")
        assert np.shares_memory(array, batch.records)
        price = array["price"] / 10.0 ** array["price_scale"]
        assert price.tolist() == pytest.approx([float(event.price) for event in batch if isinstance(event, Trade)])
        assert (array["ts_recv"] >= array["ts_event"] - 10**9).all()


def test_symbols_filter_by_either_spelling(market: Market, until: Until) -> None:
    feed = market.feed({"itick": ["trade"]})
    canonical = feed.consumer(kinds="trade", symbols="BTC/USDT", policy="drop_oldest")
    raw = feed.consumer(kinds="trade", symbols=["BTCUSDT"], policy="drop_oldest")
    with feed:
        got: set[str] = set()

        def both() -> bool:
            for consumer in (canonical, raw):
                got.update(event.symbol for event in consumer.poll() or ())
            return canonical.totals().delivered > 10 and raw.totals().delivered > 10

        until(both, "trades")
    assert got == {"BTC/USDT"}


def test_top_of_book_gives_changes_of_the_top_only(market: Market, until: Until) -> None:
    feed = market.feed({"itick": ["depth"]})
    every = feed.consumer(kinds="depth", symbols="BTC/USDT", policy="drop_oldest")
    top = feed.consumer(kinds="book", symbols="BTC/USDT", policy="drop_oldest", top_of_book=True)
    with feed:
        until(lambda: every.totals().pending > 100, "books")
    tops = [(event.best_bid, event.best_ask, event.valid) for batch in top for event in batch]  # type: ignore[attr-defined]
    books = [(event.best_bid, event.best_ask, event.valid) for batch in every for event in batch]  # type: ignore[attr-defined]
    changes = [book for before, book in zip([None, *books], books, strict=False) if book != before]
    assert tops == changes
    assert len(tops) < len(books)


def test_every_policy_accounts_for_every_event(market: Market, until: Until) -> None:
    feed = market.feed({"itick": ["depth", "trade"]}, rate=2000)
    conflate = feed.consumer(policy="conflate", name="conflate")
    oldest = feed.consumer(policy="drop_oldest", capacity=16, name="oldest")
    slow = feed.consumer(policy="disconnect", capacity=16, name="slow")
    with feed:
        until(lambda: oldest.totals().dropped and conflate.totals().conflated, "drops and conflations")
        with pytest.raises(SlowConsumerError, match="'slow' fell behind"):
            for _ in slow:
                pass
        assert slow.closed
        with pytest.raises(SlowConsumerError):
            slow.poll()
    for consumer in (conflate, oldest, slow):
        while not consumer.closed:
            consumer.poll()
        total = consumer.totals()
        assert total.pending == 0
        assert total.received == total.delivered + total.conflated + total.dropped
        by_instrument = consumer.accounts()
        assert sum(account.received for account in by_instrument.values()) == total.received
        for account in by_instrument.values():
            assert account.received == account.delivered + account.conflated + account.dropped + account.pending
    assert ("itick-1", "BTC/USDT") in conflate.accounts()


def test_a_blocking_consumer_loses_nothing(market: Market, until: Until) -> None:
    feed = market.feed({"itick": ["depth", "trade"]}, rate=2000)
    consumer = feed.consumer(policy="block", capacity=64)
    with feed:
        until(lambda: feed.pauses > 0, "reading paused")
        numbers: list[int] = []
        while len(numbers) < 2000:
            batch = consumer.poll(10)
            assert batch is not None
            numbers += batch.records["seq"].tolist()
        assert numbers == list(range(1, len(numbers) + 1))
        consumer.close()
    total = consumer.totals()
    assert total.conflated == total.dropped == 0


def test_a_consumer_is_a_context_manager(market: Market) -> None:
    feed = market.feed()
    with feed, feed.consumer() as consumer:
        assert consumer.poll(15) is not None
        assert feed.consumers == [consumer]
    assert feed.consumers == []


def test_ctrl_c_ends_a_poll_that_waits_for_ever() -> None:
    code = (
        "from ferrofeed import Config, Feed, Secret, Subscription, VenueConfig\n"
        "venue = VenueConfig(id='v', kind='itick', url='ws://127.0.0.1:1/', api_key=Secret('sim-key'),\n"
        "                    subscribe=[Subscription(['BTC/USDT'], ['trade'])])\n"
        "with Feed(Config([venue])) as feed:\n"
        "    consumer = feed.consumer(kinds='trade')\n"
        "    try:\n"
        "        print('waiting', flush=True)\n"
        "        consumer.poll(None)\n"
        "    except KeyboardInterrupt:\n"
        "        print('interrupted', flush=True)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "waiting\n"
            time.sleep(0.2)
            start = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == "interrupted\n"
            assert process.wait(30) == 0
            assert time.monotonic() - start < 8
        finally:
            process.kill()
