"""Seeded random schedules of faults over real sockets. When the faults end, everything wanted is back and exact.

``FERROFEED_SCHEDULES=N`` runs so many instead of 100, ``FERROFEED_FIRST_SCHEDULE=S`` begins at another seed.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest
from tests.integration.support import (
    CHANNELS,
    KEY,
    STOP_S,
    TRANSPORTS,
    VENUES,
    Harness,
    Sim,
    Sink,
    accounting,
    book_text,
    brisk,
    consumer_accounting,
    eventually,
)

from ferrofeed.session import BackoffPolicy, Phase, TopicState
from ferrofeed.sim import KINDS, Fault, FaultPlan
from ferrofeed.sim.fault_kinds import ORDER_KINDS

if TYPE_CHECKING:
    from ferrofeed.consumer import Consumer
    from ferrofeed.feed import Feed
    from ferrofeed.sim import Simulator

SCHEDULES = int(os.environ.get("FERROFEED_SCHEDULES", "100"))
FIRST = int(os.environ.get("FERROFEED_FIRST_SCHEDULE", "0"))
AT_ONCE = 10
FAULTY_S = 1.5
RECOVERY_S = 25.0
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")
BACKOFF = BackoffPolicy(floor_s=0.02, base_s=0.1, cap_s=0.4, kick_young_s=0.0, kick_delay_s=0.5, kick_cap_s=1.0)
CONNECTS_PER_MINUTE = 20
REQUESTS_PER_MINUTE = 60
FORGIVEN = (
    "refused: (handshake|login) refused",
    "refused for good",
)
"""Errors that a log must have where a venue refuses us, and that faults provoke."""

Wishes = dict[str, set[tuple[str, str]]]


def plan(seed: int, kind: str) -> FaultPlan:
    """The faults of one venue in a schedule: random ones, and in some a peer that vanishes for longer than we wait."""
    made = FaultPlan.random(seed, FAULTY_S, count=5)
    rng = Random(f"vanish/{seed}")
    if kind != "infoway" and rng.random() < 0.25:
        # where heartbeats are not answered there may be nothing to find it out by
        vanish = Fault("half_open", at=round(rng.uniform(0.2, FAULTY_S), 3), lasts=4.0)
        made = replace(made, faults=(*made.faults, vanish))
    return made


class Schedule:
    """One schedule: its simulators, its feed, its wishes."""

    def __init__(self, harness: Harness, seed: int) -> None:
        self.seed = seed
        self.rng = Random(seed)
        self.transport = TRANSPORTS[seed % 2]
        self.kinds = VENUES if seed % 4 == 3 else (VENUES[seed // 4 % 3],)
        self.plans = {kind: plan(3 * seed + VENUES.index(kind), kind) for kind in self.kinds}
        self.sims: dict[str, Sim] = {
            kind: harness.sim(kind, self.transport, symbols=SYMBOLS, rate=150.0, seed=seed, faults=self.plans[kind])
            for kind in self.kinds
        }
        self.wishes: Wishes = {kind: {(c, s) for c in CHANNELS[kind] for s in SYMBOLS[:3]} for kind in self.kinds}
        specs = {
            kind: brisk(kind, heartbeat_s=0.3, timeout_s=1.0, ack_s=0.4, wait_s=0.2, stale_s=1.0, login_s=1.0)
            for kind in self.kinds
        }
        configs = [sim.config(symbols=SYMBOLS[:3]) for sim in self.sims.values()]
        self.feed: Feed = harness.feed(*configs, specs=specs, backoff=BACKOFF, start=False, busy_poll=seed % 4 == 3)
        self.sink: Sink = harness.sink(self.feed)
        self.slow: Consumer = harness.sink(self.feed, policy="conflate", capacity=64).consumer
        self.retries = 0

    def run(self) -> None:
        self.feed.start()
        self._disturb()
        eventually(self._over, "the faults end", RECOVERY_S)
        eventually(self._recovered, "all is live again", RECOVERY_S)
        eventually(self._untroubled, "what was injected has struck", RECOVERY_S)
        for sim in self.sims.values():
            sim.freeze()
        eventually(self._exact, "the books equal the simulator's", RECOVERY_S)
        # a market that stands still is quiet, and so no longer ready, once that took longer than `stale_s`
        eventually(self._subscribed, "all is still wanted and acknowledged", RECOVERY_S)
        self._budgets()
        self._stream()
        begin = time.monotonic()
        self.feed.stop()
        assert time.monotonic() - begin < STOP_S, "slow to stop"
        problems = accounting(self.feed) + consumer_accounting(self.slow)
        assert not problems, problems

    def describe(self) -> str:
        plans = "; ".join(f"{kind}: {made}" for kind, made in self.plans.items())
        shown: list[object] = [(link.config.id, snapshot) for link, snapshot in self.feed.snapshots()]
        shown += [
            (
                kind,
                sim.topics() ^ self.wishes[kind],
                sim.call(lambda simulator: list(simulator.stats.connections.values())),
            )
            for kind, sim in self.sims.items()
        ]
        return f"seed {self.seed}, {self.transport}, {plans}\n  {shown}"

    def _disturb(self) -> None:
        """While faults strike, subscriptions come and go, too."""
        end = time.monotonic() + FAULTY_S
        pause = threading.Event()
        while time.monotonic() < end:
            pause.wait(self.rng.uniform(0.05, 0.4))
            kind = self.rng.choice(self.kinds)
            channel, symbol = self.rng.choice(CHANNELS[kind]), self.rng.choice(SYMBOLS)
            if (channel, symbol) in self.wishes[kind]:
                self.feed.unsubscribe(kind, [symbol], [channel])
                self.wishes[kind].remove((channel, symbol))
            else:
                self.feed.subscribe(kind, [symbol], [channel])
                self.wishes[kind].add((channel, symbol))
            self.sink.take()
            self._operate()

    def _operate(self) -> None:
        """What an operator does about a key that was refused."""
        for link, snapshot in self.feed.snapshots():
            if snapshot.phase is Phase.FATAL:
                self.retries += 1
                self.feed.retry(link.config.id)

    def _over(self) -> bool:
        self._operate()
        return all(
            sim.call(lambda simulator: simulator.stats.faults.total()) >= len(self.plans[kind].faults)
            for kind, sim in self.sims.items()
        )

    def _recovered(self) -> bool:
        self._operate()
        return self.feed.ready() and self._subscribed()

    def _subscribed(self) -> bool:
        for link, snapshot in self.feed.snapshots():
            wanted = self.wishes[link.config.id]
            acked = {(topic.channel, topic.raw_symbol) for topic in link.session.topics(TopicState.ACKED)}
            if acked != {(channel, symbol.replace("/", "")) for channel, symbol in wanted}:
                return False
            if snapshot.in_flight or (wanted and snapshot.phase is not Phase.LIVE):
                return False
            if self.sims[link.config.id].topics() != wanted:
                return False
        return True

    def _untroubled(self) -> bool:
        # where nothing is subscribed there is nothing to strike
        return self._recovered() and all(sim.call(untroubled) for kind, sim in self.sims.items() if self.wishes[kind])

    def _exact(self) -> bool:
        for kind, sim in self.sims.items():
            books = [symbol for channel, symbol in self.wishes[kind] if channel == "depth"]
            if any(book_text(self.feed, kind, symbol) != sim.book(symbol) for symbol in books):
                # what was sent while a fault was about may have been lost with it
                sim.call(lambda simulator: simulator.settle())
                return False
        return True

    def _budgets(self) -> None:
        for kind, sim in self.sims.items():
            stats = sim.call(lambda simulator: simulator.stats)
            assert stats.accepted <= CONNECTS_PER_MINUTE, f"{kind}: {stats.accepted} connections"
            # a peer that vanished has not heard that we went
            at_once = stats.max_connections.get(KEY, 0)
            assert at_once <= 1 + stats.faults["half_open"], f"{kind}: {at_once} connections at once"
            provoked = {"login refused", "refused"} | ({"replaced"} if stats.faults["half_open"] else set())
            kicks = {reason for reason in stats.kicks if not reason.startswith("fault")}
            assert kicks <= provoked, f"{kind}: we were dropped for {kicks}"
            if kind == "infoway":
                assert stats.max_requests_per_minute.get(KEY, 0) <= REQUESTS_PER_MINUTE

    def _stream(self) -> None:
        """What a consumer was told about the connections fits together."""
        told: dict[str, list[tuple[str, int]]] = {kind: [] for kind in self.kinds}
        for event in self.sink.of("status"):
            if event.state in {"connected", "disconnected"}:
                told[event.venue].append((event.state, event.epoch))
        for kind, states in told.items():
            expected = [
                (state, epoch) for epoch in range(1, len(states) + 1) for state in ("connected", "disconnected")
            ]
            assert states == expected[: len(states)], f"{kind}: {states}"
        assert [event.seq for event in self.sink.events] == list(range(1, len(self.sink.events) + 1))


def untroubled(simulator: Simulator) -> bool:
    """Whether no fault is about that could still change a message; one that waits for an acknowledgement may wait."""
    return all(
        connection.injector is None or all(each.fault.kind == "lost_ack" for each in connection.injector.active)
        for connection in simulator.connections.values()
    )


@pytest.mark.campaign
@pytest.mark.timeout(120 + 3 * SCHEDULES)
def test_everything_wanted_comes_back_exactly(harness: Harness) -> None:
    struck: Counter[str] = Counter()
    failures: list[str] = []
    guard = threading.Lock()

    def run(seed: int) -> None:
        with guard:
            schedule = Schedule(harness, seed)
        try:
            schedule.run()
        except Exception as error:  # noqa: BLE001  # every seed has its say
            with guard:
                failures.append(f"{schedule.describe()}\n  {type(error).__name__}: {error}")
        finally:
            schedule.feed.stop()
            for sim in schedule.sims.values():
                faults = sim.call(lambda simulator: simulator.stats.faults)
                sim.thread.stop()
                with guard:
                    struck.update(faults)

    with ThreadPoolExecutor(AT_ONCE, "schedule") as pool:
        list(pool.map(run, range(FIRST, FIRST + SCHEDULES)))
    harness.logs.forgive(*FORGIVEN)
    assert not failures, f"{len(failures)} of {SCHEDULES}:\n" + "\n".join(failures)
    if SCHEDULES >= 100:
        kinds = set(KINDS) - ORDER_KINDS
        assert set(struck) == kinds, f"kinds that never struck: {kinds - set(struck)}"
