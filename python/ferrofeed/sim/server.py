"""A simulated venue on a port: sockets and time around the sans-I/O sessions, the market and the faults."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

from picows import WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener, ws_create_server

from ferrofeed.sim.connection import Connection
from ferrofeed.sim.fault_clock import FaultClock
from ferrofeed.sim.fault_kinds import ORDER_KINDS
from ferrofeed.sim.faults import FaultError, FaultPlan
from ferrofeed.sim.frames import frame
from ferrofeed.sim.infoway import InfowayVenue
from ferrofeed.sim.instruments import instruments_for
from ferrofeed.sim.itick import ItickVenue
from ferrofeed.sim.market import Market
from ferrofeed.sim.pacer import Pacer
from ferrofeed.sim.protocol import Options, Refuse, Request
from ferrofeed.sim.stats import Stats
from ferrofeed.sim.ziario import ZiarioVenue

if TYPE_CHECKING:
    import ssl
    from collections import Counter
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from ferrofeed.sim.faults import Fault
    from ferrofeed.sim.market import State, Trade
    from ferrofeed.sim.protocol import ServerSession, Topic, Venue

VENUES: dict[str, Callable[[Market, Options], Venue]] = {
    "ziario": ZiarioVenue,
    "itick": ItickVenue,
    "infoway": InfowayVenue,
}
_BEAT_S = 0.02
_SESSION_BEAT_S = 0.1
_HARD_LIMIT = 16
"""A client whose unsent data is so many times the limit is dropped at once: memory is bounded whatever the rate."""
_STOP_WAIT_S = 2.0


def unix_clock() -> Callable[[], int]:
    """Make a clock of Unix nanoseconds that starts at the time of day and then never steps."""
    offset = time.time_ns() - time.monotonic_ns()
    return lambda: time.monotonic_ns() + offset


class Simulator:
    """One simulated venue. ``async with Simulator("itick") as sim: ... sim.url``.

    :param venue: ``ziario``, ``itick`` or ``infoway``.
    :param port: 0 for a free one; :attr:`port` tells which.
    :param rate: market data messages a second, each counted once however many clients get it; None: as many as the
        slowest client takes; 0: none, the market moves by :meth:`step` only.
    :param seed: of the market, and of the faults unless their plan has its own.
    :param symbols: canonical names, how many, or None for the catalogue.
    :param tls: a server-side context, or None for plain TCP.
    :param faults: a plan or a script.
    :param clock: Unix nanoseconds; must not run backwards.
    :param send_buffer_limit: bytes; a client whose unsent data stays above it for ``slow_consumer_s`` is dropped.
    :param socket_buffer: size of the kernel's send buffer, in bytes; small ones make slow clients show early.
    """

    def __init__(
        self,
        venue: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        rate: float | None = 10.0,
        seed: int = 0,
        symbols: Iterable[str] | int | None = None,
        depth: int = 5,
        tls: ssl.SSLContext | None = None,
        faults: FaultPlan | str | None = None,
        options: Options | None = None,
        clock: Callable[[], int] | None = None,
        send_buffer_limit: int = 1 << 20,
        slow_consumer_s: float = 5.0,
        socket_buffer: int | None = None,
    ) -> None:
        self.now_ns = clock or unix_clock()
        self.options = options or Options()
        self.market = Market(seed, instruments_for(symbols), depth=depth, start_ms=self.now_ns() // 1_000_000)
        self.seed = seed
        self.venue = self._venue(venue)
        self.venue.refuse_login = lambda: self._faults.take("refuse_login") is not None
        self.faults = FaultPlan.parse(faults, seed) if isinstance(faults, str) else faults or FaultPlan(seed=seed)
        for fault in self.faults.faults:
            self.check(fault)
        self.stats = Stats()
        self.send_buffer_limit = send_buffer_limit
        self.socket_buffer = socket_buffer
        self.connections: dict[int, Connection] = {}
        """Open connections by number, in the order they came."""
        self._slow_consumer_s = slow_consumer_s
        self._host, self._port, self._tls = host, port, tls
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._next_session_beat = 0.0
        self._index: dict[str, list[tuple[Topic, list[Connection]]]] = {}
        self._known: dict[int, tuple[Topic, ...]] = {}
        self._faults = FaultClock(self, self.faults)
        self._pacer = Pacer(self, rate)
        self._gone = asyncio.Event()

    def _venue(self, name: str) -> Venue:
        if name not in VENUES:
            raise ValueError(f"unknown venue {name!r}: expected one of {', '.join(VENUES)}")
        return VENUES[name](self.market, self.options)

    async def start(self) -> None:
        """Listen and let the market move."""
        self._loop = asyncio.get_running_loop()
        self._server = await self._listen(self._handshake, self._port)
        self._faults.start(self.time())
        self._on_beat()
        self._pacer.start()

    async def _listen(self, handshake: Callable[[WSUpgradeRequest], Any], port: int) -> asyncio.Server:
        return await ws_create_server(
            handshake,
            self._host,
            port,
            ssl=self._tls,
            enable_auto_pong=False,
            max_frame_size=1 << 20,
            logger_name="ferrofeed-sim",
        )

    async def stop(self) -> None:
        """Say goodbye (1001) to every client and stop listening. May be called twice."""
        self._pacer.stop()
        if self._beat is not None:
            self._beat.cancel()
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for connection in list(self.connections.values()):
            connection.close(1001, "simulator stops", kicked="stop")
        if self.connections:
            self._gone.clear()
            try:
                await asyncio.wait_for(self._gone.wait(), _STOP_WAIT_S)
            except TimeoutError:
                for connection in list(self.connections.values()):
                    connection.abort("stop")
        await server.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The port listened on."""
        if self._server is None:
            return self._port
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """Where clients connect, without any key."""
        return f"{'ws' if self._tls is None else 'wss'}://{self._host}:{self.port}{self.venue.path}"

    def url_for(self, **query: str) -> str:
        """Return the URL with this query, for venues that have their key in it: it may hold a credential."""
        return f"{self.url.partition('?')[0]}?{urlencode(query)}"

    def pause(self) -> None:
        """Let the market stand still; connections and heartbeats go on."""
        self._pacer.stop()

    def resume(self) -> None:
        """Let the market move again."""
        self._pacer.start()

    def step(self, count: int = 1) -> int:
        """Move the market so many steps now; returns the messages made."""
        now_ms = self.now_ns() // 1_000_000
        made = 0
        for _ in range(count):
            state = self.market.step(now_ms)
            made += self._publish(state, state.trade)
        self.flush()
        return made

    def burst(self, messages: int) -> int:
        """Move the market until so many messages were made, all at once; returns how many (fewer where few listen)."""
        made = self.advance(messages)
        self.flush()
        return made

    def settle(self) -> None:
        """Send the book of every subscribed instrument as it stands, and its last trade's messages if it had one."""
        for symbol in list(self._index):
            if (state := self.market.find(symbol)) is not None:
                self._publish(state, state.trades[-1] if state.trades else None)
        self.flush()

    def inject(self, fault: Fault | str) -> None:
        """Let a fault strike now (its ``at`` and ``every`` are not looked at)."""
        self._faults.inject(fault)

    def check(self, fault: Fault) -> None:
        """See whether this venue can have such a fault. :raises FaultError: it can't."""
        if fault.kind in ORDER_KINDS:
            raise FaultError(f"{str(fault)!r}: {self.venue.name} takes no orders")

    def strike(self, fault: Fault, /) -> None:
        """Let a fault strike orders now."""
        self.check(fault)

    def advance(self, messages: int, effort: int = 16) -> int:
        """Move the market until so many messages were made, in at most ``effort`` steps each; nothing is flushed."""
        made = 0
        now_ms = self.now_ns() // 1_000_000
        step, publish = self.market.step, self._publish
        for _ in range(messages * effort):
            state = step(now_ms)
            made += publish(state, state.trade)
            if made >= messages:
                break
        return made

    def _publish(self, state: State, trade: Trade | None) -> int:
        made = 0
        for topic, connections in self._index.get(state.instrument.symbol, ()):
            payload = self.venue.render(topic[0], state, trade)
            if payload is None:
                continue
            made += 1
            whole = frame(payload)
            for connection in connections:
                connection.send(payload, whole, "data", topic)
        return made

    def flush(self) -> None:
        """Write what was queued on every connection."""
        for connection in list(self.connections.values()):
            connection.flush()

    @property
    def listening(self) -> bool:
        """Whether anybody is subscribed to anything."""
        return bool(self._index)

    @property
    def blocked(self) -> bool:
        """Whether a client's send buffer is full."""
        return any(connection.blocked_since is not None for connection in self.connections.values())

    def time(self) -> float:
        """Return the loop's time."""
        assert self._loop is not None
        return self._loop.time()

    def later(self, delay: float, call: Callable[[], object]) -> asyncio.TimerHandle:
        """Call something later on the loop."""
        assert self._loop is not None
        return self._loop.call_later(delay, call)

    # what connections report

    def _handshake(
        self, upgrade: WSUpgradeRequest, path: str | None = None
    ) -> Connection | WSUpgradeResponseWithListener:
        """Judge an upgrade request, as one for ``path`` if given."""
        self.stats.accepted += 1
        fault = self._faults.take("http")
        if fault is not None:
            return self._refuse(int(fault.number("status")), b"")
        request = Request.parse(upgrade.path.decode("latin-1"), upgrade.headers)
        if "sec-websocket-key" not in upgrade.headers:
            return self._page(request)
        session = self._session()
        if path is not None:
            request = replace(request, path=path)
        actions = session.opened(request, self.now_ns())
        if actions and isinstance(actions[0], Refuse):
            return self._refuse(actions[0].status, actions[0].body)
        return Connection(self, session, actions, self.stats.connection(self.stats.accepted))

    def _session(self) -> ServerSession:
        return self.venue.session()

    def _page(self, request: Request) -> WSUpgradeResponseWithListener:  # noqa: ARG002 - others have pages
        """Answer a request that is plain HTTP."""
        return self._refuse(HTTPStatus.UPGRADE_REQUIRED, b"this is a WebSocket endpoint\n")

    def _refuse(self, status: int, body: bytes) -> WSUpgradeResponseWithListener:
        self.stats.handshakes_refused[status] += 1
        response: Any = WSUpgradeResponse.create_error_response(status, body)
        return WSUpgradeResponseWithListener(response, None)

    def connected(self, connection: Connection) -> None:
        """Take a new connection in."""
        self.connections[connection.stats.number] = connection
        self._faults.join(connection)

    def disconnected(self, connection: Connection) -> None:
        """Forget a connection."""
        self.connections.pop(connection.stats.number, None)
        connection.session.closed(self.now_ns())
        connection.session.topics.clear()
        self.changed(connection)
        self.unblocked()
        if not self.connections:
            self._gone.set()

    def heard(self) -> None:
        """Go on after a client's message was taken."""

    def drop(self, session: ServerSession, *, reset: bool = False, reason: str = "replaced") -> None:
        """End the connection of any session."""
        for connection in list(self.connections.values()):
            if connection.session is session and reset:
                connection.flush()
                connection.abort(reason, reset=True)
            elif connection.session is session:
                connection.close(None, "", kicked=reason)

    def changed(self, connection: Connection) -> None:
        """Look at a session's key and topics again."""
        session, stats = connection.session, connection.stats
        if session.key is not None and stats.key is None:
            stats.key = session.key
            self.stats.logged_in(session.key)
        topics = tuple(session.topics)
        if topics != self._known.get(stats.number, ()):
            if topics:
                self._known[stats.number] = topics
            else:
                del self._known[stats.number]
            self._reindex()

    def _reindex(self) -> None:
        by_topic: dict[Topic, list[Connection]] = {}
        for number, topics in self._known.items():
            connection = self.connections.get(number)
            for topic in topics if connection is not None else ():
                assert connection is not None
                by_topic.setdefault(topic, []).append(connection)
        self._index = {}
        for topic, connections in by_topic.items():
            self._index.setdefault(topic[1], []).append((topic, connections))

    def unblocked(self) -> None:
        """Go on: a client takes data again."""
        self._pacer.wake()

    def _on_beat(self) -> None:
        now = self.time()
        self._beat = self.later(_BEAT_S, self._on_beat)
        self._faults.tick(now)
        sessions = now >= self._next_session_beat
        if sessions:
            self._next_session_beat = now + _SESSION_BEAT_S
        for connection in list(self.connections.values()):
            connection.tick(now)
            since = connection.blocked_since
            too_long = since is not None and now - since > self._slow_consumer_s
            if too_long or connection.buffered > _HARD_LIMIT * self.send_buffer_limit:
                connection.abort("slow consumer")
            elif sessions:
                actions = connection.session.tick(self.now_ns())
                if actions:
                    connection.act(actions)

    @property
    def kicks(self) -> Counter[str]:
        """Connections this venue ended, by reason."""
        return self.stats.kicks
