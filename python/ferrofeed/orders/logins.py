"""Logins of others at trading venues, with their own keys: made when somebody wants one, closed when nobody has.

Where keys belong to a connection (CoinCeres), each has connections of its own; where they are in a message (quantapi),
all are on that of the venue, unless it has none because there are no keys of ours.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ferrofeed.board import MARK
from ferrofeed.config import Secret
from ferrofeed.orders.connecting import secrets_of
from ferrofeed.orders.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Callable

    from ferrofeed import _core
    from ferrofeed.config import Config, VenueConfig
    from ferrofeed.net.order_link import OrderLink
    from ferrofeed.orders.api import Orders
    from ferrofeed.orders.connecting import Connector

LINGER_S: Final = 30.0
"""How long a login stays when nobody uses it: clients come back."""
GOODBYE_S: Final = 1.0
"""How long the venue may take to answer a goodbye."""
_LOG = logging.getLogger("ferrofeed.gateway")


@dataclass(slots=True)
class _Login:
    desk: Desk
    venue: VenueConfig
    """With the keys of whose login it is."""
    links: list[OrderLink]
    """Those of its own; none where it is on the venue's."""
    unused_s: float | None = None
    """Since when nobody uses it, monotonic."""
    leaving_s: float | None = None
    """Since when it is being closed."""
    stuck: bool = False
    """It was told that it can't be taken out."""


@dataclass(slots=True)
class _Places:
    """The core's connections of logins that are gone, by venue: a place is used again, it can't be given back."""

    count: int = 0
    free: list[tuple[str, list[int]]] = field(default_factory=list)


class Logins:
    """Makes and closes them. For the feed's thread, once it runs."""

    def __init__(
        self,
        config: Config,
        router: _core.OrderCore,
        orders: Orders,
        connector: Connector,
        *,
        most: int,
        in_use: Callable[[int], bool],
        gone: Callable[[int], None],
    ) -> None:
        """``in_use``: whether a desk is wanted by somebody; ``gone`` is told of one that is there no longer."""
        self._config = config
        self._router = router
        self._orders = orders
        self._connector = connector
        self._most = most
        self._in_use = in_use
        self._gone = gone
        self._all: dict[str, _Login] = {}
        self._places: dict[str, _Places] = {}

    def get(self, venue: str, owner: str, access_key: bytes, secret_key: bytes) -> int | str:
        """The number of a login's desk; a text: why there is none."""
        name = f"{venue}{MARK}{owner}"
        known = self._all.get(name)
        if known is not None:
            if known.leaving_s is not None:
                return "the last login with these keys is being closed: try again in a moment"
            known.unused_s = None
            for own in known.links:
                own.retry()  # what the venue refused it may take by now
            return known.desk.number
        if len(self._all) >= self._most:
            self._make_room()
            return f"there are {self._most} logins with keys of their own already"
        access, secret = Secret(access_key.decode()), Secret(secret_key.decode())
        of, configured = self._orders.desk(venue), self._config.venue(venue)
        shared = configured.kind == "quantapi" and not configured.keyless
        link = of.link if shared else self._orders.next_link()
        try:
            number = self._router.add_login(of.number, name, link, access_key, secret_key)
        except ValueError as error:
            return str(error)
        desk = Desk(name, of.kind, number, link, owner=owner)
        for instrument, symbol, raw_symbol in self._router.instruments(number):
            desk.add(instrument, symbol, raw_symbol)
        self._orders.add_desk(desk)
        login = _Login(desk, replace(configured, api_key=access, api_secret=secret), [])
        self._all[name] = login
        if shared:
            self._join(login)
        else:
            login.links = self._connect(login, venue)
        _LOG.info("%s: a client logs in with keys of its own", name)
        return number

    def tick(self) -> None:
        """Close what nobody has used for a while."""
        now = time.monotonic()
        for login in tuple(self._all.values()):
            if login.leaving_s is not None:
                self._leave(login, now)
            elif self._in_use(login.desk.number):
                login.unused_s = None
            elif login.unused_s is None:
                login.unused_s = now
            elif now - login.unused_s >= LINGER_S:
                self._close(login, now)

    # inside

    def _make_room(self) -> None:
        """Close the login that nobody has used for longest: who wants its place comes again."""
        unused = [login for login in self._all.values() if login.unused_s is not None]
        if unused and not any(login.leaving_s is not None for login in unused):
            self._close(min(unused, key=lambda login: login.unused_s or 0.0), time.monotonic())

    def _connect(self, login: _Login, venue: str) -> list[OrderLink]:
        connector, places = self._connector, self._places.setdefault(venue, _Places())
        if places.free:
            label, again = places.free.pop()
        else:
            places.count += 1
            label, again = f"{venue}{MARK}{places.count}", []
        # wrong keys must not use up the attempts of the venue's own login, nor many logins those of one
        spec = connector.specs[login.venue.kind]
        budget = connector.budgets.other(spec, venue, login.desk.owner, most=self._most)
        return connector.connect(replace(login.venue, id=label), [login.desk], budget=budget, places=again)

    def _join(self, login: _Login) -> None:
        for link in self._links_of(login):
            link.desks = (*link.desks, login.desk)
            self._mask(link)
            if link.carrier.live and not link.pushes:
                self._router.open_desk(login.desk.number)

    def _links_of(self, login: _Login) -> list[OrderLink]:
        return [link for link in self._connector.runner.links if link.link == login.desk.link]

    def _mask(self, link: OrderLink) -> None:
        """Let the core know the keys of all who are on a link."""
        own = {login.desk.number: login.venue for login in self._all.values()}
        venues = [own.get(desk.number) or self._config.venue(desk.venue) for desk in link.desks]
        self._connector.core.set_secrets(link.venue, secrets_of(venues))

    def _close(self, login: _Login, now: float) -> None:
        login.leaving_s = now
        if login.links:
            for link in login.links:
                link.stop()
        else:
            self._router.log_out(login.desk.number)
            for link in self._links_of(login):
                link.flush()
        self._leave(login, now)

    def _leave(self, login: _Login, now: float) -> None:
        """See whether the connection is closed, or the goodbye answered."""
        assert login.leaving_s is not None
        said = self._router.desk_state(login.desk.number) == "down" or now - login.leaving_s >= GOODBYE_S
        if not (all(link.closed for link in login.links) and (login.links or said)):
            return
        if not self._router.remove_desk(login.desk.number):
            if not login.stuck:
                _LOG.error("%s: an order came while it was being closed: see to it at the venue", login.desk.venue)
            login.stuck = True
            return
        runner, supervisor = self._connector.runner, self._connector.supervisor
        for link in login.links:
            runner.links.remove(link)
            supervisor.remove(link)
        del self._all[login.desk.venue]
        if login.links:
            venue = login.desk.venue.partition(MARK)[0]
            label = login.links[0].config.id
            self._places[venue].free.append((label, [link.venue for link in login.links]))
        else:
            for link in self._links_of(login):
                link.desks = tuple(desk for desk in link.desks if desk.number != login.desk.number)
                self._mask(link)
        self._orders.remove_desk(login.desk)
        self._gone(login.desk.number)
        _LOG.info("%s: nobody uses it: its login is closed", login.desk.venue)
