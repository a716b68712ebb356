"""Makes the connections of trading venues."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ferrofeed.net.order_link import OrderLink
from ferrofeed.net.socket import tls_context
from ferrofeed.session import Session
from ferrofeed.session.configured import configured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

    from ferrofeed import _core
    from ferrofeed.config import VenueConfig
    from ferrofeed.events import Names
    from ferrofeed.net.supervisor import Supervisor
    from ferrofeed.orders.desk import Desk
    from ferrofeed.orders.runner import Runner
    from ferrofeed.session import BackoffPolicy, Budget, Budgets
    from ferrofeed.spec import VenueSpec


@dataclass(frozen=True, slots=True)
class Connector:
    """What every link needs. Links open with the feed's next tick."""

    core: _core.FeedCore
    supervisor: Supervisor
    runner: Runner
    router: _core.OrderCore
    names: Names
    specs: Mapping[str, VenueSpec]
    budgets: Budgets
    rng: Random
    backoff: BackoffPolicy

    def connect(
        self,
        venue: VenueConfig,
        desks: Sequence[Desk],
        *,
        masked: Sequence[VenueConfig] = (),
        budget: Budget | None = None,
        places: Sequence[int] = (),
    ) -> list[OrderLink]:
        """The links of a login: one, and one more where pushes have a URL of their own.

        ``masked``: others whose keys are sent there; ``budget``: that of its key, if none is given; ``places``: the
        core's connections to be used again.
        """
        spec = configured(self.specs[venue.kind], venue)
        urls = [(venue.url, venue.id)] + [(venue.push_url, f"{venue.id}-push")] * bool(venue.push_url)
        links = []
        for at, (url, label) in enumerate(urls):
            here = venue if url == venue.url else replace(venue, url=url)
            shared = self.budgets.of(spec, venue) if budget is None else budget
            session = Session(spec, here, shared, self.rng, self.backoff, keep_open=True)
            place = places[at] if at < len(places) else self._place(spec, label)
            self.core.set_secrets(place, secrets_of([venue, *masked]))
            links.append(self._link(place, venue, session, desks, pushes=url != venue.url))
        return links

    def _place(self, spec: VenueSpec, label: str) -> int:
        index = self.core.add_connection(None, max_message=spec.limits.max_message_bytes, label=label, judged=True)
        self.names.venues.append(label)
        return index

    def _link(
        self, place: int, venue: VenueConfig, session: Session, desks: Sequence[Desk], *, pushes: bool
    ) -> OrderLink:
        if venue.url.startswith("wss:"):
            with contextlib.suppress(OSError):  # the connection will say what is wrong with the file
                tls_context(venue.tls_ca)
        supervisor, runner = self.supervisor, self.runner
        link = OrderLink(
            self.core,
            place,
            venue,
            session,
            self.router,
            desks,
            supervisor.spawn,
            supervisor.tuning,
            runner.moved,
            pushes=pushes,
        )
        runner.links.append(link)
        supervisor.add(link)
        return link


def secrets_of(venues: Sequence[VenueConfig]) -> list[bytes]:
    """What must not be seen in messages that are kept."""
    both = [secret for venue in venues for secret in (venue.api_key, venue.api_secret)]
    return [secret.reveal().encode() for secret in both if secret is not None]
