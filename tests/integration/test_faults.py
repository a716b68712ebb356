"""What goes wrong on a connection: each kind of fault against each venue."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.integration.support import (
    CHANNELS,
    SYMBOLS,
    TRANSPORTS,
    VENUES,
    WITH_BOOKS,
    Harness,
    Sim,
    Sink,
    book_text,
    brisk,
    during,
    each_loop,
    epoch,
    eventually,
    opened,
    phase,
    quarantined,
    same_book,
    snapshot,
    wanted_topics,
)

from ferrofeed import _core
from ferrofeed.session import BackoffPolicy, Phase
from ferrofeed.sim.frames import frame

if TYPE_CHECKING:
    from ferrofeed.feed import Feed
    from ferrofeed.sim import Simulator

each_venue = pytest.mark.parametrize("kind", VENUES)
each_transport = pytest.mark.parametrize("transport", TRANSPORTS)


def lively(harness: Harness, kind: str, transport: str = "tcp", **settings: object) -> tuple[Sim, Feed, Sink]:
    """A simulator and a feed that is live on it."""
    sim = harness.sim(kind, transport, **settings)
    feed = harness.feed(sim.config(), start=False)
    sink = harness.sink(feed)
    feed.start()
    harness.live(feed)
    return sim, feed, sink


def same_books(sim: Sim, feed: Feed) -> None:
    """With the market standing still, our books equal the simulator's own."""
    sim.freeze()
    sim.call(lambda simulator: simulator.settle())
    for symbol in SYMBOLS if "depth" in CHANNELS[sim.kind] else ():
        same_book(feed, sim, symbol)


# connections that end


@each_loop
@each_venue
@each_transport
def test_lost_connections(harness: Harness, kind: str, transport: str) -> None:
    sim, feed, sink = lively(harness, kind, transport)
    for number, mode in enumerate(("rst", "fin", "clean", "mid"), 2):
        sim.inject(f"disconnect mode={mode}")
        opened(feed, number)
        harness.live(feed)
        reason = next(reason for state, reason in reversed(sink.states()) if state == "disconnected")
        assert reason == ("peer_closed" if mode == "clean" else "network_error")
        assert sim.topics() == wanted_topics(kind)
    same_books(sim, feed)


@each_loop
@each_venue
def test_close_frames(harness: Harness, kind: str) -> None:
    sim, feed, sink = lively(harness, kind)
    for number, code in enumerate((1000, 1001, 1008, 1011, 1012, 1013, 4000, 4999), 2):
        sim.inject(f"close code={code} reason=because")
        opened(feed, number)
        harness.live(feed)
    ends = [reason for state, reason in sink.states() if state == "disconnected"]
    assert ends == ["peer_closed"] * 8


MODES = {
    "opcode": ("reserved_opcode", 1002),
    "rsv": ("reserved_bits", 1002),
    "masked": ("masked", 1002),
    "long_control": ("control_too_long", 1002),
    "split_control": ("fragmented_control", 1002),
    "continuation": ("unexpected_continuation", 1002),
    "utf8": ("invalid_utf8", 1007),
    "length": ("non_minimal_length", 1002),
    "close_code": ("close_code", 1002),
}


def closed(sim: Sim, number: int) -> int | None:
    """The code with which our side closed its so-manieth connection."""
    return sim.call(lambda simulator: simulator.stats.connections[number].closed)


@each_loop
def test_what_rfc_6455_forbids_ends_the_connection(harness: Harness) -> None:
    sim, feed, sink = lively(harness, "itick")
    for number, (mode, (reason, code)) in enumerate(MODES.items(), 2):
        sim.inject(f"protocol_error mode={mode}")
        opened(feed, number)
        harness.live(feed)
        assert quarantined(feed).get(f"protocol_{reason}") == 1, (mode, quarantined(feed))
        assert closed(sim, number - 1) == code
    ends = [reason for state, reason in sink.states() if state == "disconnected"]
    assert ends == ["protocol_error"] * len(MODES)
    same_books(sim, feed)


@each_loop
@each_venue
@each_transport
def test_a_message_that_is_too_long(harness: Harness, kind: str, transport: str) -> None:
    sim, feed, sink = lively(harness, kind, transport)
    sim.inject("oversize")
    opened(feed, 2)
    harness.live(feed)
    assert ("disconnected", "protocol_error") in sink.states()
    assert quarantined(feed) == {"protocol_message_too_big": 1}
    assert closed(sim, 1) == 1009
    same_books(sim, feed)


@each_venue
@each_transport
def test_a_peer_that_is_gone_without_a_word(harness: Harness, kind: str, transport: str) -> None:
    sim = harness.sim(kind, transport)
    # infoway answers no heartbeats: only a WebSocket ping can tell, and only once the venue has answered one
    spec = brisk(kind, heartbeat_s=0.2, timeout_s=0.5)
    feed = harness.feed(sim.config(), specs={kind: spec}, start=False)
    sink = harness.sink(feed)
    feed.start()
    harness.live(feed)
    if kind == "infoway":
        sim.freeze()
        eventually(lambda: snapshot(feed).last_rtt_ns is not None, "a ping that was answered")
    sim.inject("half_open for=30")
    eventually(lambda: ("disconnected", "heartbeat_timeout") in sink.states(), "found out")
    if kind == "infoway":
        sim.call(lambda simulator: simulator.resume())
    opened(feed, 2)
    harness.live(feed)


@each_venue
def test_a_peer_that_never_ends_the_handshake(harness: Harness, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        sim = harness.sim(kind)
        port = sim.call(lambda simulator: simulator.port)
        mute = replace(sim.config(), url=sim.url.replace(f":{port}", f":{server.getsockname()[1]}"))
        feed = harness.feed(mute, specs={kind: replace(brisk(kind), connect_timeout_s=1.0)})
        for _ in range(3):
            peer, _ = server.accept()
            with peer:
                peer.settimeout(10)
                assert peer.recv(65536).startswith(b"GET ")
                # what was given up is closed: no descriptor is left behind
                assert peer.recv(1) == b""
        assert snapshot(feed).opened == 0
        assert set(snapshot(feed).reconnects) == {"network_error"}
        assert sim.accepted() == 0


@each_venue
def test_nobody_listens(harness: Harness, kind: str) -> None:
    sim = harness.sim(kind)
    feed = harness.feed(sim.config(), start=False)
    sim.thread.stop()
    feed.start()
    eventually(lambda: snapshot(feed).connects >= 4, "four attempts")
    assert set(snapshot(feed).reconnects) == {"network_error"}
    assert snapshot(feed).failures >= 3
    assert harness.logs.count("cannot connect: network_error") >= 3


def test_a_certificate_nobody_vouches_for(harness: Harness) -> None:
    sim = harness.sim("itick", "tls")
    sim.ca = None
    feed = harness.feed(sim.config())
    eventually(lambda: snapshot(feed).connects >= 2, "two attempts")
    assert snapshot(feed).opened == 0
    assert harness.logs.count("cannot connect.*TLS: CERTIFICATE_VERIFY_FAILED") >= 1
    assert sim.open() == 0


# silence


@each_venue
def test_alive_is_not_fresh(harness: Harness, kind: str) -> None:
    """Heartbeats are answered and no data come: stale, asked for again, and the connection is kept."""
    sim = harness.sim(kind)
    feed = harness.feed(sim.config(), specs={kind: brisk(kind, stale_s=2.0, timeout_s=1.5)}, start=False)
    sink = harness.sink(feed)
    feed.start()
    harness.live(feed)
    eventually(lambda: len(sink.of("trade") + sink.of("quote")) > 50, "data")
    sim.inject("ping_only for=30")
    eventually(lambda: snapshot(feed).quiet == len(wanted_topics(kind)), "all is quiet")
    stale = [(event.symbol, event.reason) for event in sink.of("status") if event.state == "stale"]
    assert {symbol for symbol, _ in stale} == set(SYMBOLS)
    assert len(stale) == len(wanted_topics(kind))
    for symbol in SYMBOLS if "depth" in CHANNELS[kind] else ():
        book = feed.book(kind, symbol)
        assert book is not None
        assert (book.valid, book.reason) == (False, "data_timeout")
    eventually(lambda: snapshot(feed).renewals > 0, "asked for again")
    assert (epoch(feed), sim.accepted()) == (1, 1)


@pytest.mark.parametrize("kind", WITH_BOOKS)
@each_transport
def test_one_silent_channel(harness: Harness, kind: str, transport: str) -> None:
    sim = harness.sim(kind, transport)
    feed = harness.feed(sim.config(), specs={kind: brisk(kind, stale_s=2.0)}, start=False)
    sink = harness.sink(feed)
    feed.start()
    harness.live(feed)
    eventually(lambda: len(sink.of("trade")) > 50, "data")
    sim.inject("silent channel=depth for=5")
    eventually(lambda: snapshot(feed).quiet == len(SYMBOLS), "the books are quiet")
    assert not feed.ready()
    stale = [event for event in sink.of("status") if event.state == "stale"]
    assert [event.reason for event in stale] == ["data_timeout"] * len(SYMBOLS)
    trades = len(sink.of("trade"))
    eventually(lambda: len(sink.of("trade")) > trades + 20, "trades go on")
    harness.live(feed)  # and when the silence ends, so does the trouble
    assert (epoch(feed), sim.accepted()) == (1, 1)
    resyncs = [event.symbol for event in sink.of("status") if event.state == "resync" and event.seq > stale[0].seq]
    assert sorted(resyncs) == sorted(SYMBOLS)


# messages that are wrong


@each_venue
@pytest.mark.parametrize("fault", ["corrupt", "wrong_types", "numbers"])
def test_damaged_messages_are_quarantined_and_nothing_else_suffers(harness: Harness, kind: str, fault: str) -> None:
    sim = harness.sim(kind, rate=0)
    feed = harness.feed(sim.config())
    eventually(lambda: snapshot(feed).ready, "subscriptions")
    sim.call(lambda simulator: simulator.step(100))
    sim.inject(f"{fault} n=120")
    # ziario says something in every other step
    sim.call(lambda simulator: simulator.step(400))
    settled(sim, feed)
    bad = quarantined(feed)
    assert sum(bad.values()) >= 40, bad
    kept = feed.quarantine()
    assert {entry["reason"] for entry in kept} == set(bad)
    assert all(entry["venue"] == kind for entry in kept)
    assert epoch(feed) == 1
    assert snapshot(feed).phase is Phase.LIVE
    # and all is right again with the next good message of each
    sim.call(lambda simulator: simulator.step(200))
    settled(sim, feed)
    assert quarantined(feed) == bad
    for symbol in SYMBOLS if "depth" in CHANNELS[kind] else ():
        assert book_text(feed, kind, symbol) == sim.book(symbol)


def settled(sim: Sim, feed: Feed) -> None:
    """All that the simulator sent was read."""
    sent = sim.call(lambda simulator: simulator.stats.messages)

    def text_messages() -> int:
        counters = feed.core.counters(0)
        return int(counters["messages"] - counters["control"] + controls(feed))

    eventually(lambda: text_messages() >= sent, f"{sent} messages")


def controls(feed: Feed) -> int:
    return snapshot(feed).controls


@each_loop
@pytest.mark.parametrize("kind", WITH_BOOKS)
def test_damage_to_one_instrument_touches_no_other(harness: Harness, kind: str) -> None:
    sim = harness.sim(kind, rate=0)
    feed = harness.feed(sim.config(channels=["depth"]), start=False)
    sink = harness.sink(feed)
    feed.start()
    eventually(lambda: snapshot(feed).ready, "subscriptions")
    sim.call(lambda simulator: simulator.settle())
    harness.live(feed)
    before = {symbol: book_text(feed, kind, symbol) for symbol in SYMBOLS}
    victim = SYMBOLS[0]

    def damage(simulator: Simulator) -> None:
        text = simulator.venue.render("depth", simulator.market.state(victim), None)
        assert text is not None
        payload = text.replace(b'"p":', b'"p":x', 1) if kind == "itick" else text.replace(b'[["', b'[["x', 1)
        assert payload != text
        for connection in simulator.connections.values():
            connection.send(payload, frame(payload), "data", ("depth", victim))
            connection.flush()

    sim.call(damage)
    eventually(lambda: sum(quarantined(feed).values()) == 1, "one message in quarantine")
    for symbol in SYMBOLS[1:]:
        assert book_text(feed, kind, symbol) == before[symbol]
    gaps = [(event.symbol, event.reason) for event in sink.of("status") if event.state == "gap"]
    book = feed.book(kind, victim)
    assert book is not None
    # the victim's own book says so itself, if the message said whose it was before it broke
    assert gaps in ([], [(victim, "decode_error")])
    assert book.valid == (not gaps)
    sim.call(lambda simulator: simulator.settle())
    harness.live(feed)
    same_books(sim, feed)


@each_loop
@each_venue
@each_transport
def test_however_the_bytes_come(harness: Harness, kind: str, transport: str) -> None:
    sim, feed, _ = lively(harness, kind, transport, rate=200)
    for fault in ("fragments for=0.2", "fragments parts=40 for=0.1", "drip for=0.1", "drip delay=0.001 for=0.1"):
        before = feed.core.counters(0)
        sim.inject(fault)
        eventually(lambda: sim.call(untroubled), "it ends")
        more_data(feed, before["data"] + 5)
        after = feed.core.counters(0)
        if fault.startswith("fragments"):
            assert after["frames"] - before["frames"] > after["messages"] - before["messages"]
    assert quarantined(feed) == {}
    assert epoch(feed) == 1
    same_books(sim, feed)

    # every ping between the fragments was answered
    def answered() -> bool:
        # in this order: the session's own messages may come in between
        controls = snapshot(feed).controls
        most: int = feed.core.counters(0)["control"] - controls
        return 0 < sim.call(pongs) <= most

    eventually(answered, "pings answered")
    eventually(lambda: feed.core.counters(0)["data"] == sim.sent(), "no message lost")


def more_data(feed: Feed, count: int) -> None:
    eventually(lambda: feed.core.counters(0)["data"] > count, "data")


def untroubled(simulator: Simulator) -> bool:
    return all(connection.injector is None for connection in simulator.connections.values())


def pongs(simulator: Simulator) -> int:
    return sum(connection.pongs for connection in simulator.stats.connections.values())


@each_loop
@pytest.mark.parametrize(
    "faults", [("reorder n=9", "reorder n=9"), ("reorder n=9", "duplicate n=9"), ("duplicate n=9", "reorder n=9")]
)
def test_two_faults_at_once(harness: Harness, faults: tuple[str, ...]) -> None:
    sim, feed, _ = lively(harness, "infoway")
    sim.inject(*faults)
    eventually(lambda: sim.call(untroubled), "they end")
    more_data(feed, feed.core.counters(0)["data"] + 20)
    same_books(sim, feed)
    eventually(lambda: feed.core.counters(0)["data"] == sim.sent(), "no message lost")


@each_loop
@each_venue
def test_messages_out_of_place(harness: Harness, kind: str) -> None:
    sim, feed, _ = lively(harness, kind)
    for fault in ("duplicate n=50", "reorder n=50", "stale n=50"):
        sim.inject(fault)
        eventually(lambda: sim.call(untroubled), "it ends")
    assert quarantined(feed) == {}
    assert epoch(feed) == 1
    same_books(sim, feed)
    eventually(lambda: feed.core.counters(0)["data"] == sim.sent(), "every message counted, doubles as well")


@each_venue
def test_the_venue_s_clock_jumps(harness: Harness, kind: str) -> None:
    sim, feed, sink = lively(harness, kind)
    for jump, offset in ((-3600, -3600), (7200, 3600)):
        sim.inject(f"clock_step by={jump} for=30")
        mark = len(sink.take())

        def jumped(mark: int = mark, offset: int = offset) -> bool:
            stamped = [event for event in sink.take()[mark:] if event.ts_event and event.type != "bar"]
            return any(abs(event.ts_event - event.ts_recv - offset * 10**9) < 60 * 10**9 for event in stamped)

        eventually(jumped, "stamps an hour off")
    assert feed.ready()
    assert quarantined(feed) == {}
    assert epoch(feed) == 1
    same_books(sim, feed)


# refusals


@each_venue
def test_http_refusals_of_the_key_are_fatal(harness: Harness, kind: str) -> None:
    sim = harness.sim(kind)
    for number, status in enumerate((401, 403), 1):
        harness.logs.expect(f"refused for good.*{status}")
        sim.inject(f"http status={status}")
        feed = harness.feed(sim.config())
        gives_up(feed, sim, number)
        assert snapshot(feed).refusals == {str(status): 1}


def gives_up(feed: Feed, sim: Sim, handshakes: int) -> None:
    eventually(lambda: phase(feed) is Phase.FATAL, "refused for good")
    during(0.2, lambda: sim.accepted() == handshakes, "nothing is tried again")


@each_venue
def test_http_429_is_waited_out(harness: Harness, kind: str) -> None:
    harness.logs.expect("refused: handshake refused with HTTP status 429: too many requests")
    sim = harness.sim(kind)
    sim.inject("http status=429 n=2")
    feed = harness.feed(sim.config())
    eventually(lambda: phase(feed) is Phase.BACKOFF, "refused")
    wait_s = snapshot(feed).next_connect_ns * 1e-9 - _core.monotonic_ns() * 1e-9
    assert 50 < wait_s < 70
    during(0.4, lambda: sim.accepted() == 1, "patience")


@each_venue
def test_http_refusals_that_pass(harness: Harness, kind: str) -> None:
    sim = harness.sim(kind)
    statuses = (429, 500, 502, 503)
    for status in statuses:
        harness.logs.expect(f"refused: .*{status}")
        sim.inject(f"http status={status}")
    feed = harness.feed(sim.config(), specs={kind: brisk(kind, wait_s=0.1)})
    harness.live(feed)
    assert sim.accepted() == len(statuses) + 1
    assert snapshot(feed).connects == len(statuses) + 1
    assert snapshot(feed).refusals == {str(status): 1 for status in statuses}


@each_venue
def test_delays_grow_until_the_venue_acknowledges_something(harness: Harness, kind: str) -> None:
    sim = harness.sim(kind, rate=0)
    backoff = BackoffPolicy(floor_s=0.05, base_s=0.05, cap_s=0.4, kick_young_s=0.0)
    feed = harness.feed(sim.config(), backoff=backoff)
    eventually(lambda: snapshot(feed).ready, "subscriptions")
    # it accepts and drops, before anything is acknowledged
    sim.inject("lost_ack n=1000 for=30", "ping_only for=30")
    for _ in range(2):
        sim.inject("disconnect mode=fin")
        eventually(lambda: sim.open() == 1, "another connection")
    assert snapshot(feed).failures <= 2


@each_loop
def test_the_second_holder_of_a_key_makes_itself_known(harness: Harness) -> None:
    """iTick gives a key one connection: two processes with one key would drop each other for ever."""
    harness.logs.expect("dropped again and again just after login: another process probably uses the same key")
    sim = harness.sim("itick")
    backoff = BackoffPolicy(floor_s=0.01, base_s=0.05, cap_s=0.1, kick_count=3, kick_young_s=5.0, kick_delay_s=60.0)
    first = harness.feed(sim.config(), backoff=backoff, start=False)
    second = harness.feed(sim.config(), backoff=backoff, start=False)
    sinks = [harness.sink(feed) for feed in (first, second)]
    first.start()
    harness.live(first)
    second.start()
    feeds = (first, second)
    eventually(lambda: any(snapshot(feed).kicked for feed in feeds), "one of them gives way")
    away = next(index for index, feed in enumerate(feeds) if snapshot(feed).kicked)
    wait_s = snapshot(feeds[away]).next_connect_ns * 1e-9 - _core.monotonic_ns() * 1e-9
    assert 50 < wait_s < 95
    assert snapshot(feeds[away]).reconnects["kicked"] == 1
    # the other one has the venue to itself
    harness.live(feeds[1 - away])
    accepted = sim.accepted()
    during(0.5, lambda: sim.accepted() == accepted and feeds[1 - away].ready(), "peace")
    assert accepted <= 8
    assert any(state == "disconnected" for state, _ in sinks[away].states())


# bursts


@each_loop
@each_venue
@each_transport
def test_a_burst(harness: Harness, kind: str, transport: str) -> None:
    sim = harness.sim(kind, transport, **({"rate": 0} if kind == "ziario" else {}))
    feed = harness.feed(sim.config(), specs={kind: brisk(kind, timeout_s=20)}, start=False)
    sink = harness.sink(feed)
    feed.start()
    harness.live(feed)
    sim.inject("burst n=20000")
    eventually(lambda: sim.sent() >= 20_000, "the burst")
    same_books(sim, feed)
    eventually(lambda: feed.core.counters(0)["data"] == sim.sent(), "all of it")
    eventually(
        lambda: len(sink.of("trade") + sink.of("quote") + sink.of("book") + sink.of("bar")) == sim.sent(), "consumed"
    )
    assert epoch(feed) == 1
