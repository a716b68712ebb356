"""Attempts to reach venues that came to nothing: clients wait for them, and are told by the state 3."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ferrofeed.net.order_link import OrderLink


class Failures:
    """Looks at the connections to venues every so often. On the feed's thread."""

    def __init__(self, tell: Callable[[int, str, bool, bool], object]) -> None:
        """``tell`` a desk's clients why there is no connection.

        Then True: only those who have not heard of any failure; and True: it is their keys that the venue refuses.
        """
        self._tell = tell
        # links of clients' own logins come and go
        self._failed: WeakKeyDictionary[OrderLink, Mapping[str, int]] = WeakKeyDictionary()
        """By reason: attempts that had come to nothing at the last look."""
        self._why: WeakKeyDictionary[OrderLink, str] = WeakKeyDictionary()
        """Why the last attempt failed, of those that are not connected."""

    def look(self, links: Iterable[OrderLink]) -> None:
        """Tell of every attempt that failed since the last look; who comes later hears of the last one."""
        for link in links:
            # without the one that only brings reports all else goes on
            if not link.pushes:
                self._look(link)

    def _look(self, link: OrderLink) -> None:
        before = self._failed.get(link, {})
        self._failed[link] = link.session.counters.failed.copy()
        if link.carrier.live:
            self._why.pop(link, None)
            return
        failed = [reason for reason, count in self._failed[link].items() if count > before.get(reason, 0)]
        known, fatal = self._why.get(link, ""), link.session.fatal
        if failed or (fatal is not None and known != fatal):
            self._why[link] = fatal or failed[-1]
        elif not known:
            return
        for desk in link.desks:
            # of a connection that many share nobody's keys are at fault
            refused = fatal is not None and bool(desk.owner) and len(link.desks) == 1
            self._tell(desk.number, self._why[link], not failed and known == self._why[link], refused)
