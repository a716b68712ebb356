"""Starting and stopping, many feeds, many venues, many connections: nothing is left behind."""

from __future__ import annotations

import gc
import threading
import time
from pathlib import Path

import pytest
from tests.integration.support import (
    CHANNELS,
    KEY,
    SYMBOLS,
    TRANSPORTS,
    VENUES,
    Harness,
    Sink,
    brisk,
    each_loop,
    eventually,
    nobody,
    same_book,
    snapshot,
    wanted_topics,
)

from ferrofeed.errors import UsageError

MANY = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT", "AAA/USDT", "BBB/USDT", "CCC/USDT", "DDD/USDT", "EEE/USDT")


@each_loop
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_three_venues_over_several_connections_each(harness: Harness, transport: str) -> None:
    connections = {"ziario": 3, "itick": 1, "infoway": 4}
    sims = {kind: harness.sim(kind, transport, symbols=MANY) for kind in VENUES}
    configs = [sim.config(symbols=MANY, connections=connections[kind]) for kind, sim in sims.items()]
    feed = harness.feed(*configs, start=False)
    sink = harness.sink(feed)
    feed.start()
    harness.live(feed)
    for kind, sim in sims.items():
        assert sim.topics() == wanted_topics(kind, MANY)
        assert sim.open() == connections[kind]
        assert sim.call(lambda simulator: simulator.stats.max_connections) == {KEY: connections[kind]}
        loads = sim.call(lambda simulator: sorted(len(c.session.topics) for c in simulator.connections.values()))
        assert loads[-1] - loads[0] <= len(CHANNELS[kind]), "spread evenly"
    wanted = {(kind, symbol) for kind in VENUES for symbol in MANY}
    eventually(lambda: delivered(sink) == wanted, "data of every instrument of every venue")
    # a fault on one connection of one venue is nobody else's
    sims["infoway"].inject("disconnect conn=2 mode=rst")
    eventually(lambda: sims["infoway"].accepted() == 5, "it comes back")
    harness.live(feed)
    assert [sims[kind].accepted() for kind in VENUES] == [3, 1, 5]
    ends = [event for event in sink.of("status") if event.state == "disconnected"]
    assert [event.venue for event in ends] == ["infoway"]
    for kind, sim in sims.items():
        sim.freeze()
        sim.call(lambda simulator: simulator.settle())
        for symbol in MANY if "depth" in CHANNELS[kind] else ():
            same_book(feed, sim, symbol)


def delivered(sink: Sink) -> set[tuple[str, str]]:
    return {(event.venue, event.symbol) for event in sink.take() if event.type != "status"}


@each_loop
def test_two_feeds_at_once(harness: Harness) -> None:
    sims = [harness.sim("infoway", transport, seed=seed) for seed, transport in enumerate(TRANSPORTS)]
    feeds = [harness.feed(sim.config()) for sim in sims]
    harness.live(*feeds)
    for sim in sims:
        sim.freeze()
        sim.call(lambda simulator: simulator.settle())
    for feed, sim in zip(feeds, sims, strict=True):
        for symbol in SYMBOLS:
            same_book(feed, sim, symbol)
    assert sims[0].book(SYMBOLS[0]) != sims[1].book(SYMBOLS[0])
    feeds[0].stop()
    assert not feeds[0].ready()
    assert feeds[1].ready()


@each_loop
@pytest.mark.parametrize("kind", VENUES)
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("peers", ["well", "half_open"])
def test_it_stops_in_time(harness: Harness, kind: str, transport: str, peers: str) -> None:
    sim = harness.sim(kind, transport, rate=5000)
    feed = harness.feed(sim.config(), specs={kind: brisk(kind, timeout_s=20)})
    harness.live(feed)
    if peers == "half_open":
        sim.inject("half_open for=30")
    begin = time.monotonic()
    feed.stop()
    assert time.monotonic() - begin < 5
    if peers == "well":
        eventually(lambda: sim.open() == 0, "we said goodbye")
        assert sim.call(lambda simulator: simulator.stats.connections[1].closed) == 1000
    feed.stop()
    assert not feed.running
    assert not feed.ready()
    assert snapshot(feed).phase.value == "idle"
    with pytest.raises(UsageError, match="stopped"):
        feed.start()


@each_loop
def test_it_stops_while_it_connects(harness: Harness) -> None:
    for kind in VENUES:
        sim = harness.sim(kind, "tls")
        pause = threading.Event()
        for turn in range(12):
            feed = harness.feed(sim.config())
            pause.wait(turn / 1000)  # at another point of the handshake each time
            begin = time.monotonic()
            feed.stop()
            assert time.monotonic() - begin < 5
        nobody(sim)


@each_loop
def test_starting_and_stopping_leaves_nothing_behind(harness: Harness) -> None:
    sims = [harness.sim(kind, transport) for kind, transport in zip(VENUES, ("tcp", "tls", "tls"), strict=True)]
    before = threading.active_count()
    descriptors: list[int] = []
    for turn in range(20):
        feed = harness.feed(*(sim.config() for sim in sims))
        feed.on("trade", lambda _event: None)
        consumer = harness.sink(feed)
        harness.live(feed)
        eventually(consumer.take, "events")
        if turn % 3 == 0:
            sims[0].inject("disconnect mode=rst")
        feed.stop()
        eventually(lambda: threading.active_count() == before, "threads end")
        nobody(*sims)
        harness.settle(feed)
        del feed, consumer
        gc.collect()
        descriptors.append(len(list(Path("/proc/self/fd").iterdir())))
    assert descriptors[-1] <= descriptors[4], descriptors
