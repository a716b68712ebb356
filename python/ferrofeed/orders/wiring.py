"""Puts the order side of a feed together: router, API, what runs on the feed's thread, and the connections."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from ferrofeed.board import WELL
from ferrofeed.dispatch import INLINE_CAPACITY
from ferrofeed.orders.api import Orders
from ferrofeed.orders.connecting import Connector
from ferrofeed.orders.runner import Runner
from ferrofeed.orders.setup import add_desks, open_router
from ferrofeed.orders.switch import CLEAR_FILE, SwitchFiles

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from ferrofeed import _core
    from ferrofeed.config import Config
    from ferrofeed.events import Names
    from ferrofeed.gateway import GatewayServer
    from ferrofeed.market_source import MarketSource
    from ferrofeed.net.order_link import OrderLink
    from ferrofeed.net.supervisor import Supervisor
    from ferrofeed.orders.desk import Desk
    from ferrofeed.orders.setup import Books
    from ferrofeed.session import BackoffPolicy, Budgets
    from ferrofeed.spec import VenueSpec

_LOG = logging.getLogger("ferrofeed.orders")
PAPER_BOOKS: Final = "paper-books"
"""The consumer that shows the paper exchanges their markets, as metrics name it."""


class OrderSide:
    """The order side of one feed, made before the feed starts; it starts and stops with the feed's thread."""

    def __init__(
        self,
        config: Config,
        core: _core.FeedCore,
        supervisor: Supervisor,
        *,
        names: Names,
        books: Books,
        specs: Mapping[str, VenueSpec],
    ) -> None:
        self._core = core
        self._supervisor = supervisor
        self._names = names
        self._router = open_router(config.orders, core)
        self._desks = add_desks(config, self._router, books, specs)
        self._runner = Runner(supervisor, self._desks, cancel_on_stop=config.orders.on_stop == "cancel")
        self.orders = Orders(
            self._router,
            self._desks,
            ttl_s=config.orders.ttl_s,
            capacity=config.orders.events,
            wake=self._runner.wake,
            on_thread=lambda: supervisor.on_thread,
            kill_file=config.orders.kill_path,
        )
        self._runner.orders = self.orders
        journal = config.orders.journal
        clear = None if journal is None else journal / CLEAR_FILE
        self._runner.files = SwitchFiles(self.orders, config.orders.kill_path, clear)
        self._show_books(config, books)
        supervisor.serve(self._runner)
        self.gateway: GatewayServer | None = None
        """The server of the trading API, where there is one."""

    @property
    def links(self) -> list[OrderLink]:
        """The connections."""
        return self._runner.links

    def connect(
        self,
        config: Config,
        specs: Mapping[str, VenueSpec],
        budgets: Budgets,
        rng: Random,
        backoff: BackoffPolicy,
    ) -> None:
        """Make the connections; they open when the feed starts."""
        connector = Connector(
            self._core,
            self._supervisor,
            self._runner,
            self._router,
            self._names,
            specs,
            budgets,
            rng,
            backoff,
        )
        self._connector = connector
        by_link: dict[int, list[Desk]] = {}
        for desk in self._desks:
            if config.venue(desk.venue).keyless:
                _LOG.info("%s: no keys of ours: only the gateway's clients trade there, with theirs", desk.venue)
            elif not desk.is_paper:
                by_link.setdefault(desk.link, []).append(desk)
        for desks in by_link.values():
            venues = [config.venue(desk.venue) for desk in desks]
            connector.connect(venues[0], desks, masked=venues[1:])

    def serve(self, config: Config, market: MarketSource) -> None:
        """Serve the trading API, if the configuration wants it; raises :class:`UsageError`."""
        if config.gateway is None:
            return
        from ferrofeed.gateway import GatewayServer  # noqa: PLC0415  # most feeds serve nobody

        self.gateway = GatewayServer(
            config,
            config.gateway,
            self.orders,
            self._desks,
            self._runner,
            self._supervisor,
            self._connector,
            market=market,
        )
        # after the router's own, which cancels what is to be cancelled: clients hear of that
        self._supervisor.serve(self.gateway)

    def missing(self) -> list[str]:
        """The venues that take no orders yet: a line for each."""
        failed = self._router.mode()[2]
        if failed is not None:
            return [f"the journal failed, no orders are taken: {failed}"]
        return [
            f"{desk.venue}: {self._fatal(desk) or self._router.desk_state(desk.number)}: takes no orders"
            for desk in self._desks
            if self._router.desk_state(desk.number) not in WELL
        ]

    def close(self) -> None:
        """Let go of the journal and end every consumer; once the feed's thread has ended."""
        self.orders.close()
        self._router.close()

    def _fatal(self, desk: Desk) -> str | None:
        return next((link.session.fatal for link in self.links if link.link == desk.link), None)

    def _show_books(self, config: Config, books: Books) -> None:
        """Let the paper exchanges see the books of their markets, before anybody else does."""
        found = {
            books(venue.market, symbol)
            for venue in config.trading
            if venue.market
            for trade in venue.trade
            for symbol in trade.symbols
        }
        instruments = sorted(index for index in found if index is not None)
        if not instruments:
            return
        consumer = self._core.add_consumer(
            capacity=INLINE_CAPACITY,
            policy="conflate",
            kinds=["book", "status"],
            instruments=instruments,
            name=PAPER_BOOKS,
        )
        consumer.set_called_back()
        self._core.set_inline(consumer, self._on_books)

    def _on_books(self, batch: _core.Batch) -> None:
        more = self._router.market(batch)
        self._runner.moved()
        self._runner.go_on(more=more)
