"""Sessions and a model server in one virtual time: events in a heap, nothing sleeps."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import TYPE_CHECKING

from tests.session.model import SECOND, Connection, Reply, Server
from tests.session.support import KEY, SECRET, Config

from ferrofeed.board import state_of, tallies_of
from ferrofeed.session import (
    Action,
    BackoffPolicy,
    Budget,
    Close,
    Connect,
    Emit,
    Log,
    Phase,
    Reason,
    Send,
    SendPing,
    Session,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from ferrofeed.spec import Topic, VenueSpec

MS = 1_000_000
EPOCH_MS = 1_700_000_000_000
CAP_NS = round(60.001 * SECOND)


class Peer:
    """One session and its end of the wire."""

    def __init__(self, world: World, session: Session) -> None:
        self.world = world
        self.session = session
        self.wishes: Counter[Topic] = Counter()
        self.connection: Connection | None = None
        self.attempt = 0
        """Number of the connection attempt: what belongs to an older one is void."""
        self.up_ns = 0
        self.down_ns = 0
        self.last: dict[Topic, int] = {}
        self.emitted: list[Emit] = []
        self.logged: list[Log] = []
        self.connect_times: list[int] = []
        self.phase = session.phase

    def activity(self, topic: Topic) -> int:
        if self.connection is None:
            return self.last.get(topic, 0)
        return self.world.server.deliver(self.connection, topic, self.world.now)

    def do(self, actions: Sequence[Action]) -> None:
        for action in actions:
            self._do(action)
        self._bounds()

    def _do(self, action: Action) -> None:
        world = self.world
        if isinstance(action, Connect):
            assert world.now >= self.session.next_connect_ns, "connected before its time"
            self.connect_times.append(world.now)
            self.attempt += 1
            world.later(world.latency(), self._handshake, self.attempt)
        elif isinstance(action, Send):
            self._up(action.payload)
        elif isinstance(action, SendPing):
            connection, attempt = self.connection, self.attempt
            if connection is not None and not connection.frozen and not world.server.active("no_pong", world.now):
                world.later(world.latency(), self._pong, attempt, action.payload)
        elif isinstance(action, Close):
            self._lost()
            world.later(world.latency(), self._closed, self.attempt, "local_closed")
        elif isinstance(action, Emit):
            self.emitted.append(action)
            assert KEY not in action.detail
            assert SECRET not in action.detail
        else:
            self.logged.append(action)
            assert KEY not in action.text, action.text
            assert SECRET not in action.text, action.text

    def _bounds(self) -> None:
        """Backoff holds its bounds whenever one begins."""
        session = self.session
        if session.phase is self.phase:
            return
        self.phase = session.phase
        if session.phase is Phase.BACKOFF:
            delay = session.next_connect_ns - self.world.now
            snapshot = session.snapshot()
            most = round(3600 * 1.5 * SECOND) if snapshot.kicked else CAP_NS
            assert round(0.1 * SECOND) <= delay <= most, f"a delay of {delay / SECOND} s"

    # client to server

    def _up(self, payload: bytes) -> None:
        world = self.world
        self.up_ns = max(self.up_ns, world.now + world.latency())
        world.at(self.up_ns, self._arrive, self.attempt, payload)

    def _arrive(self, attempt: int, payload: bytes) -> None:
        if attempt == self.attempt and self.connection is not None:
            self._down(self.world.server.receive(self.connection, payload, self.world.now))

    # server to client

    def _handshake(self, attempt: int) -> None:
        world = self.world
        if attempt != self.attempt or self.session.phase is not Phase.CONNECTING:
            return
        answer = world.server.connect(world.now, self.last)
        if isinstance(answer, int):
            self.do(self.session.handshake_refused(answer, world.now))
        elif answer == "refused":
            self.do(self.session.closed("network_error", world.now))
        elif isinstance(answer, Connection):
            self.connection = answer
            self.do(self.session.opened(world.now, world.wall_ms))
            self._down(world.server.greet(answer, world.now))

    def _down(self, replies: Sequence[Reply]) -> None:
        world = self.world
        for reply in replies:
            at = world.now + world.latency() + reply.delay_ns
            if not reply.delay_ns:
                self.down_ns = at = max(self.down_ns, at)
            if reply.frame is not None:
                world.at(at, self._hear, self.attempt, reply.frame)
            if reply.close:
                world.at(at, self.drop, self.attempt)

    def _hear(self, attempt: int, frame: bytes) -> None:
        if attempt == self.attempt and self.connection is not None and not self.connection.frozen:
            self.do(self.session.control(frame, self.world.now))

    def _pong(self, attempt: int, payload: bytes) -> None:
        if attempt == self.attempt and self.connection is not None:
            self.do(self.session.websocket_pong(payload, self.world.now))

    def drop(self, attempt: int | None = None) -> None:
        """The server (or the network) ends the connection."""
        if self.connection is not None and attempt in (None, self.attempt):
            self._lost()
            self._closed(self.attempt, "peer_closed")

    def _lost(self) -> None:
        if self.connection is not None:
            self.world.server.lose(self.connection, self.world.now)
            self.connection = None

    def _closed(self, attempt: int, reason: Reason) -> None:
        if attempt == self.attempt:
            self.do(self.session.closed(reason, self.world.now))


class World:
    """One server, its clients, and their time."""

    def __init__(self, server: Server, spec: VenueSpec, rng: Random, sessions: int = 1) -> None:
        self.server = server
        self.spec = spec
        self.rng = rng
        self.now = 1_000 * SECOND
        self.wall_offset_ms = EPOCH_MS
        self._heap: list[tuple[int, int, Callable[..., None], tuple[object, ...]]] = []
        self._serial = 0
        server.requests_per_minute = spec.limits.requests_per_minute
        server.connects_per_minute = spec.limits.connects_per_minute
        budget = Budget(spec.limits, spec.heartbeat)
        self.peers = [
            Peer(self, Session(spec, Config(id=f"v{n}"), budget, rng, BackoffPolicy())) for n in range(sessions)
        ]

    @property
    def wall_ms(self) -> int:
        return self.now // MS + self.wall_offset_ms

    def latency(self) -> int:
        return self.rng.randrange(1, 150) * MS

    def at(self, when: int, what: Callable[..., None], *args: object) -> None:
        self._serial += 1
        heapq.heappush(self._heap, (when, self._serial, what, args))

    def later(self, delay: int, what: Callable[..., None], *args: object) -> None:
        self.at(self.now + delay, what, *args)

    def want(self, peer: Peer, *topics: Topic) -> None:
        peer.wishes.update(topics)
        peer.do(peer.session.want(topics))

    def unwant(self, peer: Peer, *topics: Topic) -> None:
        for topic in topics:
            if peer.wishes[topic]:
                peer.wishes[topic] -= 1
        peer.do(peer.session.unwant(topics))

    def run(self, until: int, done: Callable[[], bool] | None = None) -> bool:
        """Let time pass until then or until ``done``; whether it was done."""
        idle = 0
        while True:
            if done is not None and done():
                return True
            deadlines = [peer.session.next_deadline_ns for peer in self.peers]
            event = self._heap[0][0] if self._heap else until
            moment = max(self.now, min(event, *deadlines, until))
            idle = idle + 1 if moment == self.now else 0
            assert idle < 2_000, f"time stands still at {self.now}: {deadlines}"
            if moment >= until:
                self.now = max(self.now, until)
                return False
            self.now = moment
            if event <= moment:
                _, _, what, args = heapq.heappop(self._heap)
                what(*args)
                continue
            for peer, deadline in zip(self.peers, deadlines, strict=True):
                if deadline <= moment:
                    self._tick(peer)
            self._police()

    def _tick(self, peer: Peer) -> None:
        session = peer.session
        before, silent = _shown(session), session.unsaid
        actions = session.tick(self.now, self.wall_ms, peer.activity)
        # whoever shows a session's state to others looks again only then
        if not actions and session.unsaid == silent:
            assert _shown(session) == before, f"a tick changed the session and said nothing: {before} {_shown(session)}"
        peer.do(actions)

    def _police(self) -> None:
        for peer in self.peers:
            connection = peer.connection
            if connection is not None and not connection.frozen and self.server.overdue(connection, self.now):
                self.server.violations.append(f"no heartbeat for a minute at {self.now / SECOND:.3f}")
                peer.drop()


def _shown(session: Session) -> object:
    """What of a session is put up for others to read."""
    snapshot = session.snapshot()
    return state_of(snapshot, live=False), tallies_of(snapshot)
