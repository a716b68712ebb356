"""Subscriptions: what a book is worth without one, lost and late acknowledgements, refusals, budgets, wrong symbols."""

from __future__ import annotations

import pytest
from tests.integration.support import (
    CHANNELS,
    KEY,
    SECRET,
    SYMBOLS,
    VENUES,
    WITH_BOOKS,
    Harness,
    brisk,
    during,
    eventually,
    snapshot,
    wanted_topics,
)

from ferrofeed.errors import UsageError
from ferrofeed.sim import Options, Simulator


@pytest.mark.parametrize("kind", WITH_BOOKS)
def test_a_book_without_its_subscription_is_not_valid(harness: Harness, kind: str) -> None:
    # books change hundreds of times between our wish to drop them and the venue's answer
    sim = harness.sim(kind, rate=3000, symbols=SYMBOLS[:1])
    feed = harness.feed(sim.config(symbols=SYMBOLS[:1]))
    harness.live(feed)
    for _ in range(5):
        feed.unsubscribe(kind, SYMBOLS[:1], ["depth"])
        eventually(lambda: ("depth", SYMBOLS[0]) not in sim.topics() and snapshot(feed).in_flight == 0, "depth is gone")
        book = feed.book(kind, SYMBOLS[0])
        assert book is not None
        assert not book.valid
        assert book.reason == "local_closed"
        feed.subscribe(kind, SYMBOLS[:1], ["depth"])
        harness.live(feed)


@pytest.mark.parametrize("kind", VENUES)
def test_wishes_are_counted(harness: Harness, kind: str) -> None:
    sim = harness.sim(kind)
    feed = harness.feed(sim.config())
    harness.live(feed)
    feed.subscribe(kind, SYMBOLS[:1], CHANNELS[kind])
    feed.unsubscribe(kind, SYMBOLS[:1], CHANNELS[kind])
    during(0.2, lambda: feed.ready() and sim.topics() == wanted_topics(kind), "somebody still wants it")
    sent = feed.core.counters(0)["data"]
    eventually(lambda: feed.core.counters(0)["data"] > sent + 20, "data flow")
    assert not sum(feed.core.counters(0)["ignored"].values())
    feed.unsubscribe(kind, SYMBOLS[:1], CHANNELS[kind])
    eventually(lambda: sim.topics() == wanted_topics(kind, SYMBOLS[1:]) and feed.ready(), "nobody wants it any more")


@pytest.mark.parametrize("kind", VENUES)
def test_what_a_venue_does_not_have_is_the_caller_s_error(harness: Harness, kind: str) -> None:
    sim = harness.sim(kind)
    feed = harness.feed(sim.config())
    harness.live(feed)
    with pytest.raises(UsageError, match="no channel 'nope'"):
        feed.subscribe(kind, SYMBOLS, ["nope"])
    with pytest.raises(UsageError, match="no venue"):
        feed.subscribe("elsewhere", SYMBOLS, CHANNELS[kind])
    feed.unsubscribe(kind, ["NEVER/SEEN"], CHANNELS[kind])
    for symbol in ("", "A,B", 'A"B', "x" * 100):
        with pytest.raises((UsageError, ValueError), match="symbol"):
            feed.subscribe(kind, [symbol], CHANNELS[kind])
    assert feed.ready()
    assert sim.topics() == wanted_topics(kind)


@pytest.mark.parametrize("kind", VENUES)
def test_a_lost_acknowledgement_is_asked_for_again(harness: Harness, kind: str) -> None:
    # nothing flows, so that no data can stand for the acknowledgement
    sim = harness.sim(kind, rate=0)
    feed = harness.feed(sim.config(symbols=SYMBOLS[:1]))
    eventually(lambda: snapshot(feed).ready, "subscriptions")
    before = snapshot(feed).ack_timeouts
    sim.inject("lost_ack")
    feed.subscribe(kind, SYMBOLS[1:2], CHANNELS[kind][:1])
    eventually(lambda: snapshot(feed).ack_timeouts > before and snapshot(feed).ready, "asked again")
    assert sim.accepted() == 1
    wanted = wanted_topics(kind, SYMBOLS[:1]) | {(CHANNELS[kind][0], SYMBOLS[1])}
    assert sim.topics() == wanted


@pytest.mark.parametrize("kind", VENUES)
def test_a_venue_that_acknowledges_nothing_is_left_and_tried_again(harness: Harness, kind: str) -> None:
    sim = harness.sim(kind, rate=0)
    feed = harness.feed(sim.config(symbols=SYMBOLS[:1]), specs={kind: brisk(kind, ack_s=0.1)})
    eventually(lambda: snapshot(feed).ready, "subscriptions")
    before = snapshot(feed).ack_timeouts
    sim.inject("lost_ack n=100")
    feed.subscribe(kind, SYMBOLS[1:2], CHANNELS[kind][:1])
    eventually(lambda: snapshot(feed).reconnects.get("ack_timeout") == 1 and snapshot(feed).ready, "another connection")
    assert snapshot(feed).ack_timeouts >= before + 3


def test_a_symbol_that_ziario_does_not_list_is_refused(harness: Harness) -> None:
    sim = harness.sim("ziario")
    feed = harness.feed(sim.config(symbols=[*SYMBOLS, "NOPE/USDT"]), start=False)
    sink = harness.sink(feed)
    feed.start()
    eventually(lambda: snapshot(feed).refused == 1 and snapshot(feed).acked == len(SYMBOLS), "all but one")
    eventually(lambda: ("refused", "request_refused") in sink.states(), "said so")
    refused = [event for event in sink.of("status") if event.state == "refused"]
    assert [event.symbol for event in refused] == ["NOPE/USDT"]
    assert not feed.ready()


def test_a_symbol_beyond_the_venue_s_limit_costs_its_neighbours_nothing(harness: Harness) -> None:
    sim = harness.sim("itick", symbols=5, options=Options(keys={KEY: SECRET}, max_subscriptions=3))
    symbols = sim.call(lambda simulator: [each.symbol for each in simulator.market.instruments[:4]])
    feed = harness.feed(sim.config(symbols=symbols, channels=["trade"]))
    eventually(lambda: snapshot(feed).refused == 1 and snapshot(feed).acked == 3, "all but one")
    assert sim.accepted() == 1


@pytest.mark.parametrize("kind", ["itick", "infoway"])
def test_a_wrong_symbol_that_is_acknowledged_and_silent_is_reported(harness: Harness, kind: str) -> None:
    sim = harness.sim(kind)
    feed = harness.feed(
        sim.config(symbols=[SYMBOLS[0], "NOPE/USDT"], channels=["trade"]),
        specs={kind: brisk(kind, stale_s=2.0)},
        start=False,
    )
    sink = harness.sink(feed)
    feed.start()
    eventually(lambda: ("stale", "data_timeout") in sink.states(), "reported")
    stale = [event for event in sink.of("status") if event.state == "stale"]
    assert {event.symbol for event in stale} == {"NOPE/USDT"}
    assert harness.logs.count("acknowledged that never delivered") == 1
    assert snapshot(feed).quiet == 1
    assert sim.accepted() == 1


def test_infoway_is_never_asked_more_than_sixty_times_a_minute(harness: Harness) -> None:
    sim = harness.sim("infoway", symbols=40)
    symbols = sim.call(
        lambda simulator: [each.symbol for each in simulator.market.instruments if each.business == "crypto"]
    )
    # one topic a request and hardly a pause between them: only the budget stands in the way
    spec = brisk("infoway", topics_per_request=1)
    feed = harness.feed(sim.config(symbols=symbols, channels=["trade", "depth"]), specs={"infoway": spec})
    eventually(lambda: sim.call(most_requests) >= 30, "requests")
    acked = snapshot(feed).acked
    assert acked < len(symbols)
    during(0.5, lambda: snapshot(feed).acked == acked, "half of the minute is kept for heartbeats")
    # what comes after waits its turn, heartbeats do not
    feed.unsubscribe("infoway", symbols[:10], ["trade"])
    beats = snapshot(feed).heartbeats
    eventually(lambda: snapshot(feed).heartbeats > beats, "a heartbeat")
    assert sim.call(most_requests) <= 60
    assert sim.call(lambda simulator: simulator.stats.kicks) == {}
    assert snapshot(feed).connects == 1


def most_requests(simulator: Simulator) -> int:
    return max(simulator.stats.max_requests_per_minute.values(), default=0)


def test_the_budget_of_a_key_is_shared_by_its_connections(harness: Harness) -> None:
    sim = harness.sim("infoway", symbols=60)
    symbols = sim.call(
        lambda simulator: [each.symbol for each in simulator.market.instruments if each.business == "crypto"]
    )
    feed = harness.feed(
        sim.config(symbols=symbols, channels=["trade"], connections=3),
        specs={"infoway": brisk("infoway", topics_per_request=1)},
    )
    eventually(lambda: sim.open() == 3, "three connections")
    eventually(lambda: sim.call(most_requests) >= 30, "requests")
    acked = sum(shown.acked for _, shown in feed.snapshots())
    during(0.5, lambda: sum(shown.acked for _, shown in feed.snapshots()) == acked, "the budget is used up")
    assert sim.call(most_requests) <= 60
    assert sim.call(lambda simulator: simulator.stats.kicks) == {}
    assert sim.call(lambda simulator: simulator.stats.max_connections) == {KEY: 3}
