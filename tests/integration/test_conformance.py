"""What every venue must do, over TCP and over TLS: log in, subscribe, deliver exactly what was sent, come back."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.integration.support import (
    CHANNELS,
    SYMBOLS,
    TRANSPORTS,
    VENUES,
    Harness,
    book_text,
    during,
    each_loop,
    epoch,
    eventually,
    phase,
    plain,
    snapshot,
    wanted_topics,
)

from ferrofeed.session import Phase
from ferrofeed.sim.frames import frame

if TYPE_CHECKING:
    from ferrofeed.feed import Feed
    from ferrofeed.sim import Simulator

pytestmark = [pytest.mark.parametrize("transport", TRANSPORTS), pytest.mark.parametrize("kind", VENUES)]
SLOTS = {"quote": "quote", "depth": "book", "trade": "trade", "bar:1m": "bar"}


def test_every_channel_is_subscribed_and_delivers(harness: Harness, kind: str, transport: str) -> None:
    sim = harness.sim(kind, transport)
    feed = harness.feed(sim.config(), start=False)
    sink = harness.sink(feed)
    feed.start()
    assert feed.wait_ready(10)
    wanted = {(SLOTS[channel], symbol) for channel in CHANNELS[kind] for symbol in SYMBOLS}
    eventually(lambda: wanted <= {(event.type, event.symbol) for event in sink.take()}, "data of every topic")
    assert sim.topics() == wanted_topics(kind)
    assert sim.accepted() == 1
    states = sink.states()
    assert states[0] == ("connected", "none")
    assert states.count(("subscribed", "none")) == len(wanted)
    assert {event.venue for event in sink.events} == {kind}
    assert [event.seq for event in sink.events] == list(range(1, len(sink.events) + 1))
    now = sink.events[-1].ts_recv
    assert all(0 <= now - event.ts_recv < 60e9 for event in sink.events)


def test_a_wrong_key_is_refused_for_good(harness: Harness, kind: str, transport: str) -> None:
    harness.logs.expect("refused for good.*(auth failed|invalid signature|401)")
    sim = harness.sim(kind, transport)
    feed = harness.feed(sim.config(key="not-the-key"), start=False)
    sink = harness.sink(feed)
    feed.start()
    eventually(lambda: phase(feed) is Phase.FATAL and sim.open() == 0, "a fatal refusal")
    during(0.5, lambda: sim.accepted() == 1, "nothing is tried again")
    state = snapshot(feed)
    assert state.connects == 1
    assert state.fatal is not None
    assert "not-the-key" not in state.fatal
    assert ("refused", "login_refused") in sink.states()
    assert not feed.ready()
    assert not any("not-the-key" in text for text in harness.logs.texts(logging.DEBUG))


def test_what_was_put_right_is_tried_again(harness: Harness, kind: str, transport: str) -> None:
    harness.logs.expect("refused for good")
    sim = harness.sim(kind, transport)
    sim.inject("refuse_login")
    feed = harness.feed(sim.config())
    eventually(lambda: phase(feed) is Phase.FATAL and sim.open() == 0, "a fatal refusal")
    feed.retry(kind)
    harness.live(feed)
    assert sim.topics() == wanted_topics(kind)
    assert snapshot(feed).fatal is None
    assert snapshot(feed).connects == 2
    feed.retry(kind)  # nothing to put right: nothing happens
    assert phase(feed) is Phase.LIVE


@each_loop
def test_the_data_equal_the_simulator_s(harness: Harness, kind: str, transport: str) -> None:
    sim = harness.sim(kind, transport, rate=0)
    feed = harness.feed(sim.config(), start=False)
    sink = harness.sink(feed)
    feed.start()
    eventually(lambda: sim.topics() == wanted_topics(kind) and snapshot(feed).ready, "subscriptions")
    made = sim.call(lambda simulator: simulator.step(600))
    sent = sim.sent()
    eventually(lambda: feed.core.counters(0)["data"] == sent, "all that was sent has come")
    assert made <= sent
    for symbol in SYMBOLS:
        trades = sim.trades(symbol)
        assert len(trades) > 50
        if "trade" in CHANNELS[kind]:
            seen = [(plain(event.price), plain(event.size), event.side) for event in sink.of("trade", symbol)]
            # iTick's ticks have no side
            assert seen == [(price, size, side if kind == "infoway" else "unknown") for price, size, side in trades]
        if "quote" in CHANNELS[kind]:
            assert [plain(event.last) for event in sink.of("quote", symbol)] == [price for price, _, _ in trades]
        if "depth" in CHANNELS[kind]:
            assert book_text(feed, kind, symbol) == sim.book(symbol)
            last = sink.of("book", symbol)[-1]
            assert (
                [(plain(p), plain(s)) for p, s in last.bids],
                [(plain(p), plain(s)) for p, s in last.asks],
            ) == sim.book(symbol)
        if "bar:1m" in CHANNELS[kind]:
            bar = sim.call(partial(bar_text, symbol))
            seen_bar = sink.of("bar", symbol)[-1]
            assert (seen_bar.interval, seen_bar.ts_open) == ("1m", bar[0] * 1_000_000)
            fields = ("open", "high", "low", "close", "volume", "turnover")
            assert tuple(plain(getattr(seen_bar, name)) for name in fields) == bar[1:]
    counters = feed.core.counters(0)
    assert not sum(counters["quarantined"].values())
    assert sum(counters["events"].values()) == len(
        sink.of("trade") + sink.of("quote") + sink.of("book") + sink.of("bar")
    ) + (len([state for state, _ in sink.states() if state in {"resync", "gap", "scale"}]))


def bar_text(symbol: str, simulator: Simulator) -> tuple[int, str, str, str, str, str, str]:
    bar = simulator.market.bar(symbol, "1m")
    assert bar is not None
    instrument = simulator.market.state(symbol).instrument
    price = instrument.price_numbers
    return (
        bar.open_ms,
        price[bar.open],
        price[bar.high],
        price[bar.low],
        price[bar.close],
        instrument.sizes[bar.volume],
        instrument.turnover_text(bar.turnover),
    )


@each_loop
def test_subscriptions_come_and_go_while_running(harness: Harness, kind: str, transport: str) -> None:
    sim = harness.sim(kind, transport)
    channels = CHANNELS[kind]
    feed = harness.feed(sim.config(symbols=SYMBOLS[:1]), start=False)
    sink = harness.sink(feed)
    feed.start()
    harness.live(feed)
    feed.subscribe(kind, SYMBOLS[1:2], channels)
    eventually(lambda: sim.topics() == wanted_topics(kind, SYMBOLS[:2]) and feed.ready(), "the second symbol")
    eventually(lambda: any(event.symbol == SYMBOLS[1] and event.type != "status" for event in sink.take()), "its data")
    # one channel after the other: with the last one the instrument itself is no longer wanted
    for channel in channels:
        feed.unsubscribe(kind, SYMBOLS[:1], [channel])
    eventually(
        lambda: sim.topics() == wanted_topics(kind, SYMBOLS[1:2]) and snapshot(feed).in_flight == 0,
        "the first one is gone",
    )
    dropped = [event for event in sink.of("status") if event.state == "unsubscribed"]
    assert {event.symbol for event in dropped} == {SYMBOLS[0]}
    assert len(dropped) == len(channels)
    feed.subscribe(kind, SYMBOLS[:1], channels)
    eventually(lambda: sim.topics() == wanted_topics(kind, SYMBOLS[:2]) and feed.ready(), "the first one is back")
    assert snapshot(feed).connects == 1
    assert sim.accepted() == 1


def test_frames_of_an_unsubscribed_instrument_are_ignored_and_counted(
    harness: Harness, kind: str, transport: str
) -> None:
    sim = harness.sim(kind, transport)
    feed = harness.feed(sim.config(), start=False)
    sink = harness.sink(feed)
    feed.start()
    harness.live(feed)
    gone = SYMBOLS[0]
    eventually(lambda: sim.trades(gone), "a trade")
    for channel in CHANNELS[kind]:
        feed.unsubscribe(kind, [gone], [channel])
    eventually(lambda: sim.topics() == wanted_topics(kind, SYMBOLS[1:]) and feed.ready(), "the first one is gone")
    sim.freeze()
    eventually(lambda: received(feed) == sim.sent(), "all that was sent has come")
    before, ignored = len(sink.take()), sum(feed.core.counters(0)["ignored"].values())
    pushed = sim.call(lambda simulator: push(simulator, gone, CHANNELS[kind]))
    assert pushed == len(CHANNELS[kind])
    eventually(lambda: received(feed) == sim.sent(), "all that was sent has come")
    assert sum(feed.core.counters(0)["ignored"].values()) == ignored + pushed
    assert not [event for event in sink.take()[before:] if event.type != "status"]


def received(feed: Feed) -> int:
    counters = feed.core.counters(0)
    return int(counters["data"] + sum(counters["ignored"].values()))


def push(simulator: Simulator, symbol: str, channels: tuple[str, ...]) -> int:
    """Send what nobody is subscribed to, as a venue does that is slow to stop."""
    state = simulator.market.state(symbol)
    for connection in simulator.connections.values():
        for channel in channels:
            payload = simulator.venue.render(channel, state, state.trades[-1])
            assert payload is not None
            connection.send(payload, frame(payload), "data", (channel, symbol))
        connection.flush()
    return len(channels)


@each_loop
def test_it_comes_back_after_a_disconnect(harness: Harness, kind: str, transport: str) -> None:
    sim = harness.sim(kind, transport)
    feed = harness.feed(sim.config(), start=False)
    sink = harness.sink(feed)
    feed.start()
    harness.live(feed)
    assert epoch(feed) == 1
    # the market stands still, so that no book can be valid again by new data before we have looked
    sim.freeze()
    sim.inject("disconnect mode=rst")
    eventually(lambda: epoch(feed) == 2 and snapshot(feed).ready, "the second connection")
    if "depth" in CHANNELS[kind]:
        for symbol in SYMBOLS:
            book = feed.book(kind, symbol)
            assert book is not None
            assert not book.valid
            assert book.reason in {"network_error", "peer_closed"}
        assert not feed.ready()
    sim.call(lambda simulator: simulator.settle())
    harness.live(feed)
    states = [state for state, _ in sink.states() if state in {"connected", "disconnected", "resync"}]
    books = len(SYMBOLS) if "depth" in CHANNELS[kind] else 0
    assert states == ["connected", *["resync"] * books, "disconnected", "connected", *["resync"] * books]
    epochs = [event.epoch for event in sink.of("status") if event.state in {"connected", "disconnected"}]
    assert epochs == [1, 1, 2]
    for symbol in SYMBOLS if books else ():
        assert book_text(feed, kind, symbol) == sim.book(symbol)
    assert sum(snapshot(feed).reconnects.values()) == 1


def test_heartbeats_are_measured(harness: Harness, kind: str, transport: str) -> None:
    sim = harness.sim(kind, transport, rate=0 if kind == "infoway" else 50)
    feed = harness.feed(sim.config())
    eventually(lambda: snapshot(feed).last_rtt_ns is not None, "a round trip")
    rtt = snapshot(feed).last_rtt_ns
    assert rtt is not None
    assert 0 < rtt < 1_000_000_000
    assert snapshot(feed).missed_heartbeats == 0
    assert sim.accepted() == 1
