"""The gateway's server: a port, its connections, and what moves between them, the core and the router."""

from __future__ import annotations

import asyncio
import logging
import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from picows import WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener, ws_create_server

from ferrofeed import _core
from ferrofeed.errors import UsageError
from ferrofeed.gateway import page
from ferrofeed.gateway.accounts import Accounts
from ferrofeed.gateway.connection import CLOSE_WAIT_S, Connection
from ferrofeed.gateway.doors import PATH, Doors, Refused
from ferrofeed.gateway.entrance import Entrance, visitor
from ferrofeed.gateway.failures import Failures
from ferrofeed.gateway.log import PicowsLog
from ferrofeed.gateway.market import MarketData
from ferrofeed.gateway.platforms import clients, platforms
from ferrofeed.http import listen
from ferrofeed.orders.logins import Logins

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ferrofeed.config import Config, GatewayConfig
    from ferrofeed.market_source import MarketSource
    from ferrofeed.net.supervisor import Supervisor
    from ferrofeed.orders.api import Orders
    from ferrofeed.orders.connecting import Connector
    from ferrofeed.orders.desk import Desk
    from ferrofeed.orders.runner import Runner

NS: Final = 1_000_000_000
TICKS: Final = 5
"""Of the feed between two of the gateway's."""
STOP_S: Final = 0.25
"""How long connections may take to say goodbye."""
KILOBYTE: Final = 1024
_LOG = logging.getLogger("ferrofeed.gateway")


class GatewayServer:
    """Serves the router's venues. Lives on the feed's thread, but for what its docstrings say."""

    def __init__(  # noqa: PLR0917  # what it is between
        self,
        config: Config,
        gateway: GatewayConfig,
        orders: Orders,
        desks: Sequence[Desk],
        runner: Runner,
        supervisor: Supervisor,
        connector: Connector,
        *,
        market: MarketSource,
    ) -> None:
        """Listen; nobody is let in before the feed starts. Raises :class:`UsageError` where that can't be."""
        self.config = gateway
        self.max_message = gateway.max_message_kb * KILOBYTE
        self.send_buffer = gateway.send_buffer_kb * KILOBYTE
        self._orders = orders
        self._runner = runner
        self._supervisor = supervisor
        served = platforms(config, gateway, desks)
        listed = clients(gateway)
        self._tls = _tls(gateway)
        self._page = page.console(served, clients=listed is not None, tls=self._tls is not None)
        self._doors = Doors(gateway)
        self._listener = Entrance(
            listen(*gateway.listen_address, what="gateway.listen", backlog=gateway.max_connections),
            clients=gateway.max_connections,
            seconds=gateway.handshake_s,
            count=self.count,
        )
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        """Where it listens."""
        answers_s = config.orders.ttl_s + config.orders.ack_timeout_s + 1.0
        self.core = _core.GatewayCore(
            orders.core,
            served,
            listed,
            most_logins=gateway.max_logins,
            messages_per_s=gateway.requests_per_s,
            idle_ns=round(gateway.idle_s * NS),
            ttl_ns=round(config.orders.ttl_s * NS),
            answer_within_ns=round(answers_s * NS),
            cancel_on_disconnect=gateway.on_disconnect == "cancel",
            kill_file=config.orders.kill_path,
        )
        self._connections: dict[int, Connection] = {}
        self._accounts = Accounts(config, gateway, orders.core, orders, runner)
        self._logins = Logins(
            config,
            orders.core,
            orders,
            connector,
            most=gateway.max_venue_logins,
            in_use=self.core.in_use,
            gone=self.core.forget_desk,
        )
        self._market = MarketData(config, self.core, market, self._connections.get)
        self._market_s = gateway.market_data_interval_ms / 1e3
        self._market_timer: asyncio.TimerHandle | None = None
        self._telling = False
        self._last = 0
        self._ticks = 0
        self._moving = False
        self._failures = Failures(self.core.connect_failed)
        self._refused: dict[int, tuple[str, str, tuple[bytes, bytes] | None]] = {}
        """Logins that wait for an account which can't be had yet."""
        self._server: asyncio.Server | None = None
        self._stopping = False
        runner.told = self.flush
        runner.leaving = self.leave
        orders.told = self._told

    @property
    def url(self) -> str:
        """Where clients connect."""
        host, port = self.address
        shown = f"[{host}]" if ":" in host else host
        return f"ws{'' if self._tls is None else 's'}://{shown}:{port}{PATH}"

    @property
    def console(self) -> str:
        """Where people look."""
        return f"http{self.url.removeprefix('ws').removesuffix(PATH)}/"

    def counters(self) -> dict[str, int]:
        """What happened, by name; from any thread."""
        counted, connections, logins = self.core.counters()
        return {**counted, "open_connections": connections, "open_logins": logins}

    # what the supervisor calls

    def start(self) -> None:
        """The loop runs."""
        self._accounts.revive()
        self.core.start()
        self._supervisor.spawn(self._serve())

    async def _serve(self) -> None:
        tls: dict[str, Any] = {}
        if self._tls is not None:
            tls = {"ssl_handshake_timeout": self.config.handshake_s, "ssl_shutdown_timeout": CLOSE_WAIT_S}
        self._server = await ws_create_server(
            self._handshake,
            None,
            None,
            sock=self._listener,
            ssl=self._tls,
            **tls,
            # it also holds on to connections that uvloop forgets when they are reset: else nobody closes them in order
            websocket_handshake_timeout=self.config.handshake_s,
            enable_auto_pong=False,
            max_frame_size=self.max_message,
            logger_name=PicowsLog(),
        )
        self._listener.serving(self._server)
        _LOG.info("the trading API is at %s, its console at %s", self.url, self.console)

    def tick(self) -> None:
        """Time passed."""
        self._ticks += 1
        if self._ticks % TICKS:
            return
        self.core.tick()
        self._logins.tick()
        self._try_again()
        self._failures.look(self._runner.links)
        self.flush()

    def leave(self) -> list[int]:
        """The feed stops: nobody comes in and no order is taken any more; returns those that go with their client."""
        self._stopping = True
        going = self.core.stop()
        self._move()
        return going

    async def stop(self, grace_s: float) -> None:
        """Everybody is told to go."""
        if self._server is not None:
            self._server.close()
        else:
            self._listener.close()
        self.flush()
        if self._market_timer is not None:
            self._market_timer.cancel()
        self._market.close()
        for connection in tuple(self._connections.values()):
            connection.close(1001, "the gateway stops")
        if self._connections:
            await asyncio.sleep(min(grace_s, STOP_S))
        for connection in tuple(self._connections.values()):
            connection.abort()

    # what connections call

    def connected(self, connection: Connection) -> None:
        """An upgrade is done."""
        visitor().upgraded()
        self._connections[connection.number] = connection
        self.core.opened(connection.number)

    def disconnected(self, connection: Connection) -> None:
        """A connection is gone."""
        if self._connections.pop(connection.number, None) is None:
            return
        self.core.closed(connection.number)
        self._move()

    def message(self, number: int, payload: bytes, read_ns: int) -> None:
        """A text message came."""
        self.core.message(number, payload, read_ns)
        self._move()

    def count(self, what: str) -> None:
        """Count something that happened at the door or on the wire."""
        self.core.count(what)

    def later(self, seconds: float, call: Callable[[], object]) -> asyncio.TimerHandle:
        """Run something after a while."""
        return self._supervisor.later(seconds, call)

    # inside

    def _handshake(self, request: WSUpgradeRequest) -> Connection | WSUpgradeResponseWithListener:
        upgrade = "sec-websocket-key" in request.headers
        try:
            self._doors.judge(request.path.decode("latin-1"), request.headers, upgrade=upgrade)
            self._make_room(upgrade=upgrade)
        except Refused as refused:
            self.count(refused.tally)
            visitor().answered()
            body = f"{refused}\n".encode()
            return _answer(WSUpgradeResponse.create_error_response(refused.status, body))
        if not upgrade:
            visitor().answered()
            return _answer(WSUpgradeResponse.create_ok_response(self._page, page.HEADERS))
        self._last += 1
        return Connection(self, self._last)

    def _make_room(self, *, upgrade: bool) -> None:
        full = upgrade and len(self._connections) >= self.config.max_connections
        if full or self._stopping:
            why = "too many connections" if full else "the gateway stops"
            raise Refused("connection_limit", HTTPStatus.SERVICE_UNAVAILABLE, why)

    def _move(self) -> None:
        """Have the router's work done once for all messages of this round of the loop."""
        if not self._moving:
            self._moving = True
            asyncio.get_running_loop().call_soon(self._moved)

    def _moved(self) -> None:
        self._moving = False
        self.flush()
        # sends what goes to venues, hands on what happened, and comes back to flush
        self._runner.moved()

    def flush(self) -> None:
        """Send what is to be sent, and make the accounts that logins wait for."""
        frames, closings, wishes, watches = self.core.take()
        self._do(frames, closings, watches)
        for login, venue, owner, keys in wishes:
            account = self._account(venue, owner, keys)
            if isinstance(account, int):
                self.core.grant(login, account)
            else:
                self.count("login_limit")
                self.core.refuse(login, account)
                self._refused[login] = venue, owner, keys
        if wishes:
            self._move()  # a message's round may be overtaken by a book's or a timer's: theirs ends here, too

    def _account(self, venue: str, owner: str, keys: tuple[bytes, bytes] | None) -> int | str:
        return self._accounts.get(venue, owner) if keys is None else self._logins.get(venue, owner, *keys)

    def _try_again(self) -> None:
        """There may be room now for those who were told that there is none."""
        for login, wish in tuple(self._refused.items()):
            if not self.core.waits(login):
                del self._refused[login]
            elif isinstance(account := self._account(*wish), int):
                del self._refused[login]
                self.core.grant(login, account)
                self._move()

    def _do(
        self,
        frames: Sequence[tuple[int, bytes]],
        closings: Sequence[tuple[int, int, str]],
        watches: Sequence[tuple[int, tuple[int, str, Sequence[str]] | None]],
    ) -> None:
        for number, data in frames:
            connection = self._connections.get(number)
            if connection is not None:
                connection.write(data)
        for number, code, reason in closings:
            connection = self._connections.get(number)
            if connection is not None:
                connection.close(code, reason)
        if watches:
            self._market.watch(watches)
            if self._market.watched and self._market_timer is None:
                self._market_timer = self.later(self._market_s, self._look)

    def _look(self) -> None:
        """Market data is due."""
        self._market_timer = self.later(self._market_s, self._look) if self._market.watched else None
        self._market.look()
        if not self._telling:
            self._tell()

    def _tell(self) -> None:
        """Tell some of their markets, then let the feed have its turn before the others."""
        self._market.tell()
        self.flush()
        self._telling = self._market.waiting
        if self._telling:
            asyncio.get_running_loop().call_soon(self._tell)

    def _told(self) -> None:
        """The router's events were handed on, on whichever thread: what came of them waits to be sent."""
        if not self._supervisor.on_thread:
            self._supervisor.post(self.flush)


def _answer(response: Any) -> WSUpgradeResponseWithListener:
    return WSUpgradeResponseWithListener(response, None)


def _tls(gateway: GatewayConfig) -> ssl.SSLContext | None:
    if gateway.tls_cert is None or gateway.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(gateway.tls_cert, gateway.tls_key)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise UsageError(f"gateway.tls_cert, gateway.tls_key: can't be used together: {reason}") from None
    return context
