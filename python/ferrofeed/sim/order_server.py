"""A simulated trading venue on a port: the shared server, and what only a venue with orders needs of one."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, cast

from picows import WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener

from ferrofeed._core import PaperExchange, PaperReject
from ferrofeed.sim.coinceres import CoinceresVenue
from ferrofeed.sim.order_faults import check
from ferrofeed.sim.order_truth import requests, truth
from ferrofeed.sim.order_types import OrderOptions
from ferrofeed.sim.orders_engine import Engine
from ferrofeed.sim.protocol import NS, Request, Venue
from ferrofeed.sim.quantapi import QuantapiVenue
from ferrofeed.sim.server import VENUES, Simulator

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from ferrofeed.sim.connection import Connection
    from ferrofeed.sim.faults import Fault
    from ferrofeed.sim.order_hall import Hall
    from ferrofeed.sim.order_timeline import TradingSession
    from ferrofeed.sim.order_types import Product
    from ferrofeed.sim.protocol import ServerSession

TRADING_VENUES = ("coinceres", "quantapi")


class TradingVenue(Venue, Protocol):
    """A venue that takes orders."""

    hall: Hall

    def page(self, path: str, /) -> tuple[bytes, str] | None:
        """What plain HTTP gets there, and its type; None: nothing."""
        ...


class OrderSimulator(Simulator):
    """One simulated trading venue. ``async with OrderSimulator("coinceres") as sim: ... sim.truth()``.

    :param venue: ``coinceres`` or ``quantapi``.
    :param orders: how the venue differs from its usual self.
    :param rate: steps of the market a second; each may fill resting orders.
    :param exchange: what matches; None: a paper exchange of its own.

    Everything else is as :class:`Simulator` has it. Plain HTTP gets ``/truth`` and ``/requests`` as JSON, and may do:
    ``/inject?fault=cut+mode=fill_untold``, ``/fill?order=ID&quantity=1``, ``/step?count=10``, ``/pause``, ``/resume``.
    """

    def __init__(self, venue: str, *, orders: OrderOptions | None = None, **settings: Any) -> None:
        self.orders = orders or OrderOptions()
        self._of: dict[ServerSession, Connection] = {}
        self._wake: asyncio.TimerHandle | None = None
        self._wake_ns: int | None = None
        self._push_server: asyncio.Server | None = None
        if settings.get("rate", 0) is None:
            raise ValueError("a trading venue's market has a pace: rate is steps a second, not 'max'")
        super().__init__(venue, **settings)

    def _venue(self, name: str) -> Venue:
        if name not in TRADING_VENUES:
            choice = ", ".join((*VENUES, *TRADING_VENUES))
            raise ValueError(f"unknown venue {name!r}: expected one of {choice}")
        make = CoinceresVenue if name == "coinceres" else QuantapiVenue
        venue: TradingVenue = make(self.market, self.options, self.orders, self.seed, self._engine)
        self.hall = venue.hall
        for state in self.market.states():
            self.hall.engine.show(self.now_ns(), state)
        return venue

    def _engine(self, markets: Mapping[str, Product]) -> Engine:
        exchange = PaperExchange(maker_ppm=self.orders.maker_ppm, taker_ppm=self.orders.taker_ppm)
        return Engine(exchange, PaperReject, self.market, markets, self.orders)

    @property
    def exchange(self) -> PaperExchange:
        """What matches."""
        return self.hall.engine.exchange

    def truth(self) -> dict[str, Any]:
        """Return what really became of everything, see :func:`ferrofeed.sim.order_truth.truth`."""
        self.hall.settle(self.now_ns())
        return {"venue": self.venue.name, **truth(self.hall, self.now_ns())}

    def requests(self) -> list[dict[str, Any]]:
        """Return the latest requests as they were read, oldest first. Logins come without their text."""
        return requests(self.hall)

    def fill(self, order_id: str, quantity: str | None = None) -> None:
        """Let the market trade so much at a resting order's price (None: until it is filled), best orders first."""
        self.hall.fill(order_id, quantity, self.now_ns())
        self.heard()

    @property
    def push_url(self) -> str:
        """Where pushes are had (coinceres), without any key."""
        if self._push_server is not None:
            port = self._push_server.sockets[0].getsockname()[1]
            return f"{self.url.partition(':')[0]}://{self._host}:{port}/"
        return f"{self.url.rstrip('/')}/push"

    async def start(self) -> None:
        """Listen and let the market move."""
        await super().start()
        if self.orders.push_port is not None:
            self._push_server = await self._listen(
                lambda upgrade: self._handshake(upgrade, "/push"), self.orders.push_port
            )
        self.heard()

    async def stop(self) -> None:
        """Say goodbye and stop listening. May be called twice."""
        if self._wake is not None:
            self._wake.cancel()
        server, self._push_server = self._push_server, None
        if server is not None:
            server.close()
        await super().stop()
        if server is not None:
            await server.wait_closed()

    def step(self, count: int = 1) -> int:
        """Move the market so many steps now, and the exchange's live book with it; returns 0: no data is sent."""
        for _ in range(count):
            now_ns = self.now_ns()
            self.hall.moved(self.market.step(now_ns // 1_000_000), now_ns)
        self.heard()
        return 0

    def advance(self, messages: int, effort: int = 16) -> int:
        """Move the market so many steps."""
        del effort
        return self.step(messages)

    def check(self, fault: Fault) -> None:
        """See whether this venue can have such a fault. :raises FaultError: it can't."""
        check(fault)

    def strike(self, fault: Fault, /) -> None:
        """Let a fault strike orders now."""
        self.hall.inject(fault, self.now_ns())
        self.heard()

    # what connections report

    def _handshake(
        self, upgrade: WSUpgradeRequest, path: str | None = None
    ) -> Connection | WSUpgradeResponseWithListener:
        # who asks for the truth is no client: neither counted nor struck
        if "sec-websocket-key" not in upgrade.headers:
            return self._page(Request.parse(upgrade.path.decode("latin-1"), upgrade.headers))
        return super()._handshake(upgrade, path)

    def _session(self) -> ServerSession:
        session = cast("TradingSession", super()._session())
        session.number = self.stats.accepted
        return session

    def connected(self, connection: Connection) -> None:
        """Take a new connection in."""
        self._of[connection.session] = connection
        super().connected(connection)
        self.heard()

    def disconnected(self, connection: Connection) -> None:
        """Forget a connection."""
        self._of.pop(connection.session, None)
        super().disconnected(connection)

    def heard(self) -> None:
        """Do what is due, send what there is to send, and come back when there is more."""
        if self._loop is None:
            return
        self.hall.settle(self.now_ns())
        for session, action in self.hall.timeline.take():
            connection = self._of.get(session)
            if connection is not None:
                connection.act([action])
        due_ns = self.hall.timeline.next_due()
        if due_ns is None or (self._wake_ns is not None and self._wake_ns <= due_ns):
            return
        if self._wake is not None:
            self._wake.cancel()
        self._wake_ns = due_ns
        self._wake = self.later(max(0.0, (due_ns - self.now_ns()) / NS), self._woken)

    def _woken(self) -> None:
        self._wake = self._wake_ns = None
        self.heard()

    # plain HTTP

    def _page(self, request: Request) -> WSUpgradeResponseWithListener:
        control = _CONTROLS.get(request.path)
        page = cast("TradingVenue", self.venue).page(request.path)
        if control is None and page is not None:
            return _http(HTTPStatus.OK, *page)
        # a web page must not play with it
        if control is None or "origin" in request.headers:
            return super()._page(request)
        try:
            found = control(self, request.query)
        except (ValueError, LookupError, ArithmeticError) as error:
            return _http(HTTPStatus.BAD_REQUEST, f"{error}\n".encode(), "text/plain")
        return _http(HTTPStatus.OK, json.dumps(found).encode(), "application/json")


def _http(status: HTTPStatus, body: bytes, kind: str) -> WSUpgradeResponseWithListener:
    # picows makes responses of two kinds, upgrades and errors; this is neither
    response: Any = WSUpgradeResponse.create_error_response(HTTPStatus.BAD_REQUEST, body, {"Content-Type": kind})
    response.status = status
    return WSUpgradeResponseWithListener(response, None)


def _inject(sim: OrderSimulator, query: Mapping[str, str]) -> object:
    sim.inject(query["fault"])
    return {}


def _fill(sim: OrderSimulator, query: Mapping[str, str]) -> object:
    sim.fill(query["order"], query.get("quantity"))
    return {}


def _step(sim: OrderSimulator, query: Mapping[str, str]) -> object:
    sim.step(int(query.get("count", "1")))
    return {}


def _pause(sim: OrderSimulator, _query: Mapping[str, str]) -> object:
    sim.pause()
    return {}


def _resume(sim: OrderSimulator, _query: Mapping[str, str]) -> object:
    sim.resume()
    return {}


_CONTROLS: dict[str, Callable[[OrderSimulator, Mapping[str, str]], object]] = {
    "/truth": lambda sim, _: sim.truth(),
    "/requests": lambda sim, _: sim.requests(),
    "/inject": _inject,
    "/fill": _fill,
    "/step": _step,
    "/pause": _pause,
    "/resume": _resume,
}
