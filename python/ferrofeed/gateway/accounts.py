"""Accounts of clients at paper venues: made when their client first comes, or when the journal knows live orders."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ferrofeed.board import MARK
from ferrofeed.orders.desk import Desk

if TYPE_CHECKING:
    from ferrofeed import _core
    from ferrofeed.config import Config, GatewayConfig
    from ferrofeed.orders.api import Orders
    from ferrofeed.orders.runner import Runner

_LOG = logging.getLogger("ferrofeed.gateway")


class Accounts:
    """Makes them. For the feed's thread, once it runs."""

    def __init__(
        self, config: Config, gateway: GatewayConfig, core: _core.OrderCore, orders: Orders, runner: Runner
    ) -> None:
        self._config = config
        self._most = gateway.max_accounts
        self._core = core
        self._orders = orders
        self._runner = runner
        self._desks: dict[str, Desk] = {}

    def revive(self) -> None:
        """Make those whose live orders the journal knows: what became of these is to be found out."""
        for name in self._core.waiting_desks():
            venue, mark, owner = name.partition(MARK)
            if venue not in self._orders.venues():
                continue
            if not mark:
                _LOG.warning("%s has live orders of ours and no keys any more: see to them there", name)
            elif self._orders.desk(venue).is_paper:
                self.get(venue, owner)
            else:
                _LOG.warning("%s has live orders: what became of them is found out when it logs in again", name)

    def get(self, venue: str, owner: str) -> int | str:
        """The number of an account's desk; a text: why there is none."""
        name = f"{venue}{MARK}{owner}"
        known = self._desks.get(name)
        if known is not None:
            return known.number
        if len(self._desks) >= self._most:
            return f"there are {self._most} accounts already"
        of = self._orders.desk(venue)
        link = self._orders.next_link()
        try:
            number = self._core.add_paper_account(of.number, name, link)
        except ValueError as error:
            return str(error)
        desk = Desk(name, of.kind, number, link, owner=owner)
        for instrument, symbol, raw_symbol in self._core.instruments(desk.number):
            desk.add(instrument, symbol, raw_symbol)
        for currency, amount in self._config.venue(venue).balances.items():
            self._core.deposit_paper(desk.number, currency, f"{amount:f}")
        self._desks[name] = desk
        self._orders.add_desk(desk)
        self._runner.add_paper(link)
        return desk.number
