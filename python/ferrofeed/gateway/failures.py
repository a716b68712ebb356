"""Attempts to reach venues that came to nothing: clients wait for them, and are told by the state 3."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ferrofeed.net.order_link import OrderLink


class Failures:
    """Looks at the connections to venues every so often. On the feed's thread."""

    def __init__(self, tell: Callable[[int, str, bool], object]) -> None:
        """``tell`` a desk's clients why there is no connection; True: only those who have not heard of any failure."""
        self._tell = tell
        self._failed: dict[int, Mapping[str, int]] = {}
        """By link, then by reason: attempts that had come to nothing at the last look."""
        self._why: dict[int, str] = {}
        """Why the last attempt failed, of those that are not connected."""

    def look(self, links: Iterable[OrderLink]) -> None:
        """Tell of every attempt that failed since the last look; who comes later hears of the last one."""
        for link in links:
            # without the one that only brings reports all else goes on
            if not link.pushes:
                self._look(link)

    def _look(self, link: OrderLink) -> None:
        number = link.link
        before = self._failed.get(number, {})
        self._failed[number] = link.session.counters.failed.copy()
        if link.carrier.live:
            self._why.pop(number, None)
            return
        failed = [reason for reason, count in self._failed[number].items() if count > before.get(reason, 0)]
        known, fatal = self._why.get(number, ""), link.session.fatal
        if failed or (fatal is not None and known != fatal):
            self._why[number] = fatal or failed[-1]
        elif not known:
            return
        for desk in link.desks:
            self._tell(desk.number, self._why[number], not failed and known == self._why[number])
