"""Consumers that are slow, raise or block pay for themselves: sockets are read on, nothing is unaccounted for."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from tests.integration.support import (
    CHANNELS,
    SYMBOLS,
    TRANSPORTS,
    VENUES,
    Harness,
    Sim,
    brisk,
    each_loop,
    epoch,
    eventually,
    same_book,
    snapshot,
)

from ferrofeed.consumer import SlowConsumerError

if TYPE_CHECKING:
    from ferrofeed.consumer import Consumer
    from ferrofeed.events import Event
    from ferrofeed.feed import Feed

BURST = 5_000
each_transport = pytest.mark.parametrize("transport", TRANSPORTS)
each_venue = pytest.mark.parametrize("kind", VENUES)


def still(harness: Harness, kind: str = "itick", transport: str = "tcp") -> tuple[Sim, Feed]:
    """A feed whose subscriptions stand, at a market that stands still."""
    sim = harness.sim(kind, transport, rate=0)
    feed = harness.feed(sim.config())
    eventually(lambda: snapshot(feed).ready, "subscriptions")
    return sim, feed


def read(sim: Sim, feed: Feed) -> bool:
    return bool(feed.core.counters(0)["data"] == sim.sent())


def drained(consumer: Consumer) -> list[Event]:
    events: list[Event] = []
    while (batch := consumer.poll()) is not None:
        events.extend(batch)
    return events


@each_venue
@each_transport
def test_a_slow_consumer_that_conflates(harness: Harness, kind: str, transport: str) -> None:
    sim, feed = still(harness, kind, transport)
    slow = harness.sink(feed, policy="conflate", capacity=100).consumer
    full = harness.sink(feed)
    sim.inject(f"burst n={BURST}")
    eventually(lambda: read(sim, feed), "the socket is read on")
    account = slow.totals()
    assert account.delivered == 0
    assert account.received == full.consumer.totals().received >= BURST
    assert account.pending <= 100 + 64  # status events are never lost
    events = drained(slow)
    after = slow.totals()
    assert after.delivered == len(events)
    assert after.pending == 0
    assert after.received == after.delivered + after.conflated + after.dropped
    # the newest state of each instrument and channel came through, and what was lost is marked
    newest = {(event.type, event.symbol): event for event in full.take() if event.type != "status"}
    for key, event in newest.items():
        seen = [each for each in events if (each.type, each.symbol) == key]
        if event.type != "trade":  # trades have no newest state
            assert seen[-1].seq == event.seq, key
    assert any(event.lossy for event in events)
    assert epoch(feed) == 1


@each_transport
def test_a_slow_consumer_that_drops_the_oldest(harness: Harness, transport: str) -> None:
    sim, feed = still(harness, "infoway", transport)
    slow = harness.sink(feed, policy="drop_oldest", capacity=100).consumer
    full = harness.sink(feed)
    sim.inject(f"burst n={BURST}")
    eventually(lambda: read(sim, feed), "the socket is read on")
    events = drained(slow)
    account = slow.totals()
    assert account.dropped >= BURST - 100 - len(SYMBOLS)
    assert account.received == full.consumer.totals().received
    everything = full.take()
    data = [event.seq for event in events if event.type != "status"]
    assert data == [event.seq for event in everything if event.type != "status"][-len(data) :], "the newest, in order"
    assert len(data) >= 90


def test_a_slow_consumer_that_is_disconnected(harness: Harness) -> None:
    sim, feed = still(harness)
    slow = harness.sink(feed, policy="disconnect", capacity=100).consumer
    full = harness.sink(feed)
    sim.inject(f"burst n={BURST}")
    eventually(lambda: read(sim, feed), "the socket is read on")
    with pytest.raises(SlowConsumerError, match="fell behind"):
        drained(slow)
    assert slow.closed
    with pytest.raises(SlowConsumerError):
        slow.poll()
    assert len(full.take()) == full.consumer.totals().received >= BURST
    assert epoch(feed) == 1


@each_loop
@each_transport
def test_a_consumer_that_blocks_stops_the_reading_and_loses_nothing(harness: Harness, transport: str) -> None:
    sim = harness.sim("itick", transport, rate=0)
    feed = harness.feed(sim.config(), specs={"itick": brisk("itick", heartbeat_s=30)})
    eventually(lambda: snapshot(feed).ready, "subscriptions")
    careful = harness.sink(feed, policy="block", capacity=200).consumer
    full = harness.sink(feed)
    sim.inject(f"burst n={BURST}")
    eventually(lambda: feed.pauses > 0, "reading stops")
    before = feed.core.counters(0)["messages"]
    assert before < BURST
    events: list[Event] = []

    def consumed() -> bool:
        events.extend(drained(careful))
        return read(sim, feed) and len(events) == full.consumer.totals().received

    # well before the next heartbeat's answer makes the socket readable once more
    eventually(consumed, "all of it", 10.0)
    assert [event.seq for event in events] == [event.seq for event in full.take()]
    account = careful.totals()
    assert (account.conflated, account.dropped, account.pending) == (0, 0, 0)
    assert epoch(feed) == 1
    # one that leaves lets the others go on
    sim.inject(f"burst n={BURST}")
    eventually(lambda: careful.totals().pending >= 200, "full again")
    careful.close()
    eventually(lambda: read(sim, feed), "read on")


@each_loop
def test_a_blocking_consumer_that_is_full_when_the_feed_stops(harness: Harness) -> None:
    sim, feed = still(harness)
    careful = harness.sink(feed, policy="block", capacity=200).consumer
    sim.inject(f"burst n={BURST}")
    eventually(lambda: feed.pauses > 0, "reading stops")
    begin = time.monotonic()
    feed.stop()
    assert time.monotonic() - begin < 5
    pending = careful.totals().pending
    assert len(drained(careful)) == pending > 0


def test_a_callback_that_raises(harness: Harness) -> None:
    harness.logs.expect("the callback of mine raised")
    sim, feed = still(harness)
    calls: list[int] = []

    def callback(event: Event) -> None:
        calls.append(event.seq)
        raise ValueError("mine")

    feed.on("trade", callback, name="mine", policy="drop_oldest")
    good: list[int] = []
    feed.on("trade", lambda event: good.append(event.seq), policy="drop_oldest")
    sim.call(lambda simulator: simulator.step(500))
    trades = sum(len(sim.trades(symbol)) for symbol in SYMBOLS)
    eventually(lambda: len(calls) == len(good) == trades, "called for every trade all the same")
    assert calls == good
    eventually(lambda: feed.dispatchers[0].errors == trades, "counted")
    assert feed.dispatchers[1].errors == 0
    assert harness.logs.count("raised", logging.ERROR) == 1
    assert feed.ready()


@each_loop
@each_venue
@each_transport
def test_a_consumer_that_blocks_delays_neither_reads_nor_heartbeats(
    harness: Harness, kind: str, transport: str
) -> None:
    sim = harness.sim(kind, transport)
    feed = harness.feed(sim.config())
    release = threading.Event()
    entered = threading.Event()

    def callback(_event: Event) -> None:
        entered.set()
        release.wait(20)

    for name in ("trade", "quote", "status"):
        feed.on(name, callback)
    harness.live(feed)
    feed.subscribe(kind, SYMBOLS, CHANNELS[kind])
    assert entered.wait(30)
    for _ in range(5):
        beats, reads, looks = watched(sim, feed)
        if longest(looks) < 0.1:  # else the machine stood still, or the simulator: no fault of ours shows
            break
    release.set()
    interval = 0.8 if kind == "infoway" else 0.3
    assert longest(beats) < interval + 0.5
    assert longest(reads) < 0.5
    assert len(beats) > 2
    assert epoch(feed) == 1


def watched(sim: Sim, feed: Feed) -> tuple[list[float], list[float], list[float]]:
    """When, for a second, the venue saw signs of our life, when we read, and when that was looked at."""
    looks = [time.monotonic()]
    beats, reads = looks.copy(), looks.copy()
    seen = (life(sim), feed.core.counters(0)["data"])
    pause = threading.Event()
    while looks[-1] < looks[0] + 1.0:
        now = (life(sim), feed.core.counters(0)["data"])
        looks.append(time.monotonic())
        if now[0] != seen[0]:
            beats.append(looks[-1])
        if now[1] != seen[1]:
            reads.append(looks[-1])
        seen = now
        pause.wait(0.01)
    return [*beats, looks[-1]], [*reads, looks[-1]], looks


def life(sim: Sim) -> int:
    """Signs of life that the venue saw: heartbeats, as messages or as pings."""
    return sim.call(lambda simulator: sum(c.requests + c.pings for c in simulator.stats.connections.values()))


def longest(times: list[float]) -> float:
    return max(later - earlier for earlier, later in pairwise(times))


def test_batches_on_an_event_loop(harness: Harness) -> None:
    sim, feed = still(harness)
    consumer = harness.sink(feed, kinds=["trade"]).consumer
    full = harness.sink(feed, kinds=["trade"])

    async def take(count: int) -> list[int]:
        taken: list[int] = []
        async with asyncio.timeout(10):
            async for batch in consumer:
                taken.extend(event.seq for event in batch)
                if len(taken) >= count:
                    break
                # the next ones come only now: the loop is woken by them, not by us
                sim.call(lambda simulator: simulator.step(20))
        return taken

    sim.call(lambda simulator: simulator.step(20))
    taken = asyncio.run(take(50))
    eventually(lambda: len(full.take()) >= len(taken), "the other consumer")
    assert taken == [event.seq for event in full.events][: len(taken)]


def test_iteration_ends_with_the_feed(harness: Harness) -> None:
    sim = harness.sim("ziario")
    feed = harness.feed(sim.config())
    consumer = harness.sink(feed).consumer
    counted = [0]

    def loop() -> None:
        for batch in consumer:
            counted[0] += len(batch)

    thread = threading.Thread(target=loop)
    thread.start()
    eventually(lambda: counted[0] > 20, "events")
    feed.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert counted[0] == consumer.totals().delivered
    assert consumer.totals().pending == 0


def test_consumers_get_what_they_asked_for(harness: Harness) -> None:
    sim = harness.sim("itick")
    feed = harness.feed(sim.config(), start=False)
    trades = harness.sink(feed, kinds=["trade"], symbols=[SYMBOLS[0]])
    tops = harness.sink(feed, kinds=["depth"], top_of_book=True)
    books = harness.sink(feed, kinds=["book"])
    feed.start()
    harness.live(feed)
    eventually(lambda: len(trades.take()) > 20 and len(books.take()) > 200, "data")
    sim.freeze()
    eventually(lambda: read(sim, feed), "all of it")
    assert {(event.type, event.symbol) for event in trades.take()} <= {
        ("trade", SYMBOLS[0]),
        ("status", ""),
        ("status", SYMBOLS[0]),
    }
    assert {event.type for event in books.take()} == {"book"}
    last: dict[str, object] = {}
    changes = []
    for event in books.take():
        top = (event.best_bid, event.best_ask)  # type: ignore[attr-defined]
        if last.get(event.symbol) != top:
            changes.append(event.seq)
        last[event.symbol] = top
    assert [event.seq for event in tops.take()] == changes
    assert len(changes) < len(books.events)


@each_loop
def test_consumers_come_and_go(harness: Harness) -> None:
    sim = harness.sim("itick", rate=2000)
    feed = harness.feed(sim.config())
    harness.live(feed)
    for _ in range(20):
        with harness.sink(feed).consumer as consumer:
            assert consumer.poll(10) is not None
        received = consumer.totals().received
        drained(consumer)
        assert consumer.closed
        assert consumer.totals().received == received
    assert feed.consumers == []
    sim.freeze()
    sim.call(lambda simulator: simulator.settle())
    same_book(feed, sim, SYMBOLS[0])
