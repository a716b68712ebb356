"""1,000 seeded schedules of faults. When the faults end, everything wanted comes back, nothing unwanted stays.

The server's model decides: which subscriptions are live, and whether any budget was exceeded at any moment.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from tests.session.model import MINUTE, SECOND, Fault, Server
from tests.session.support import SPECS
from tests.session.world import MS, Peer, World

from ferrofeed.session import Phase, TopicState
from ferrofeed.spec import Topic

SCHEDULES = 1_000
BATCH = 50
FAULTY_NS = 8 * MINUTE
AFTERMATH_NS = 20 * SECOND
"""What a fault set going may still come: late answers, the end of a kicked connection."""
RECOVERY_NS = 60 * MINUTE
CALM_NS = 10 * MINUTE
CHANNELS = {
    "ziario": ("quote",),
    "itick": ("quote", "depth", "trade", "bar:1m"),
    "infoway": ("trade", "depth", "bar:1m", "bar:1h"),
}
GOOD = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT")
BAD = ("NOPEUSDT", "WRONG.HK")


def faults(rng: Random, venue: str, start: int) -> list[Fault]:
    """Windows of trouble. All but fatal ones end by themselves."""
    kinds: dict[str, object] = {
        "http": rng.choice((429, 500, 502, 503, 404)),
        "unreachable": None,
        "hang": None,
        "mute_login": None,
        "kick": None,
        "lost": rng.choice(("request", "answer")),
        "late": None,
        "no_pong": None,
        "silence": rng.choice(CHANNELS[venue]),
    }
    if venue == "infoway":
        del kinds["mute_login"]
        kinds["later"] = rng.choice((500, 516, 524, 429, 501))
    chosen: list[Fault] = []
    for kind, value in kinds.items():
        if rng.random() < 0.35:
            begin = start + rng.randrange(FAULTY_NS)
            chosen.append(Fault(kind, begin, min(begin + rng.randrange(3 * MINUTE), start + FAULTY_NS), value))
    if rng.random() < 0.06:
        kind = "fatal_http" if venue == "infoway" or rng.random() < 0.5 else "fatal_login"
        chosen.append(Fault(kind, start + rng.randrange(FAULTY_NS), 1 << 62))
    return chosen


def disturb(world: World, rng: Random) -> None:
    """Plan the single events: wishes, drops, frozen connections, forgotten subscriptions, wall clock jumps."""
    pool = [Topic(channel, symbol) for channel in CHANNELS[world.spec.name] for symbol in GOOD + BAD]
    for peer in world.peers:
        world.want(peer, *rng.sample(pool, rng.randrange(1, len(pool))))
        for _ in range(rng.randrange(12)):
            chosen = rng.sample(pool, rng.randrange(1, 4))
            world.later(rng.randrange(FAULTY_NS), rng.choice((world.want, world.unwant)), peer, *chosen)
        # back and forth while requests are on their way
        topic = rng.choice(pool)
        begin = rng.randrange(FAULTY_NS - SECOND)
        for step in range(rng.randrange(6)):
            world.later(begin + step * rng.randrange(1, 200) * MS, (world.want, world.unwant)[step % 2], peer, topic)
        for _ in range(rng.choice((0, 0, 1, 2, 5))):
            world.later(rng.randrange(FAULTY_NS), peer.drop)
        for _ in range(rng.choice((0, 0, 1))):
            world.later(rng.randrange(FAULTY_NS), freeze, world, peer)
        for _ in range(rng.choice((0, 1, 3))):
            world.later(rng.randrange(FAULTY_NS), forget, world, peer)
    for _ in range(rng.choice((0, 1, 3))):
        world.later(rng.randrange(FAULTY_NS), jump, world, rng.randrange(-3_600_000, 3_600_000))


def freeze(world: World, peer: Peer) -> None:
    if peer.connection is not None:
        world.server.touch(world.now)
        peer.connection.frozen = True


def forget(world: World, peer: Peer) -> None:
    if peer.connection is not None and peer.connection.subscribed:
        world.server.touch(world.now)
        topic = world.rng.choice(sorted(peer.connection.subscribed))
        del peer.connection.subscribed[topic]


def jump(world: World, by_ms: int) -> None:
    world.wall_offset_ms += by_ms


def edges(world: World, planned: list[Fault]) -> None:
    """What was delivered up to a silence stays delivered."""
    for fault in planned:
        if fault.kind == "silence":
            world.at(fault.start_ns - 1, lambda: world.server.touch(world.now))


def agrees(world: World, peer: Peer) -> str:
    """What is not yet as it must be, in words; empty when all is well."""
    session, connection = peer.session, peer.connection
    wanted = {topic for topic, refs in peer.wishes.items() if refs}
    if not wanted and session.phase in (Phase.IDLE, Phase.BACKOFF):
        return ""
    if session.phase is not Phase.LIVE or connection is None or connection.frozen:
        return f"not live but {session.phase}"
    # a wrong symbol is refused where the venue refuses it, and silently taken where it does that
    bad = set() if world.spec.name == "infoway" else {topic for topic in wanted if topic.raw_symbol in BAD}
    live = set(connection.subscribed)
    if live != wanted - bad:
        return f"server has {sorted(live - wanted)} too much, {sorted(wanted - bad - live)} too little"
    acked, refused = set(session.topics(TopicState.ACKED)), set(session.topics(TopicState.REFUSED))
    if (acked, refused) != (wanted - bad, bad):
        return f"session thinks {sorted(acked ^ (wanted - bad))} {sorted(refused ^ bad)} otherwise"
    unwatched = [topic for topic in acked if not session._staleness.watches(topic)]
    return f"nobody watches {unwatched}" if unwatched else ""


def run_schedule(seed: int) -> None:
    rng = Random(seed)
    venue = ("ziario", "itick", "infoway")[seed % 3]
    spec = SPECS[venue]
    tight = rng.choice((None, 20, 40))
    if venue != "infoway" and tight is not None:
        spec = replace(spec, limits=replace(spec.limits, requests_per_minute=tight))
    server = Server(venue, rng, [], frozenset(BAD))
    world = World(server, spec, rng, sessions=2 if venue != "itick" and rng.random() < 0.3 else 1)
    start = world.now
    server.faults = faults(rng, venue, start)
    edges(world, server.faults)
    fatal = next((fault for fault in server.faults if fault.kind.startswith("fatal")), None)
    disturb(world, rng)
    world.run(start + FAULTY_NS + AFTERMATH_NS)
    if fatal is not None and any(peer.session.phase is Phase.FATAL for peer in world.peers):
        for peer in world.peers:
            stays_down(world, peer)
        assert not server.violations, server.violations
        return
    assert all(peer.session.fatal is None for peer in world.peers), "fatal without cause"
    if fatal is not None:
        server.faults.remove(fatal)

    def settled() -> bool:
        return not any(agrees(world, peer) for peer in world.peers)

    recovered = world.run(world.now + RECOVERY_NS, settled)
    assert recovered, [(agrees(world, peer), peer.session.snapshot()) for peer in world.peers]
    opened = [peer.session.counters.opened for peer in world.peers]
    world.run(world.now + CALM_NS)
    assert settled(), [(agrees(world, peer), peer.session.snapshot()) for peer in world.peers]
    # a renewal may be on its way at any moment; it does not stay so
    quiet = world.run(world.now + MINUTE, lambda: all(peer.session.snapshot().in_flight == 0 for peer in world.peers))
    assert quiet, "a request is in flight for ever"
    assert [peer.session.counters.opened for peer in world.peers] == opened, "flaps in calm weather"
    assert not server.violations, server.violations
    for peer in world.peers:
        delivered = [peer.activity(t) for t, refs in peer.wishes.items() if refs and t.raw_symbol not in BAD]
        assert all(world.now - last <= 10 * SECOND for last in delivered), "live but without data"


def stays_down(world: World, peer: Peer) -> None:
    """A session that was refused for good does nothing more."""
    if peer.session.phase is Phase.FATAL:
        attempts = peer.session.counters.connects
        world.run(world.now + 5 * MINUTE)
        assert peer.session.phase is Phase.FATAL
        assert peer.session.counters.connects == attempts
        assert peer.session.fatal


@pytest.mark.campaign
@pytest.mark.parametrize("first", range(0, SCHEDULES, BATCH))
def test_everything_wanted_comes_back(first: int) -> None:
    for seed in range(first, first + BATCH):
        try:
            run_schedule(seed)
        except Exception as error:
            raise AssertionError(f"schedule of seed {seed}: {error}") from error
