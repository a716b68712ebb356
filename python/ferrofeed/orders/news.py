"""What an operator must hear of, in the log: what the router decided or found out by itself."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ferrofeed.orders.events import OrderEvent

_LOG: Final = logging.getLogger("ferrofeed.orders")
MOST: Final = 20
"""Lines in any period: a storm must not drown what else is told."""
PERIOD_S: Final = 1.0


class News:
    """Logs order events that are news, at most so many at a time; of the rest it says how many there were."""

    def __init__(self) -> None:
        self._since = 0.0
        self._lines = 0
        self._left_out = 0

    def tell(self, events: Iterable[OrderEvent]) -> None:
        """Log what of these is news."""
        for event in events:
            found = _line(event)
            if found is None:
                continue
            now = time.monotonic()
            if now - self._since >= PERIOD_S:
                self.flush()
                self._since, self._lines = now, 0
            if self._lines < MOST:
                self._lines += 1
                _LOG.log(*found)
            else:
                self._left_out += 1

    def flush(self) -> None:
        """Say how many lines were left out, if any."""
        if self._left_out:
            _LOG.error("%d more of such lines are not shown; the journal has them all", self._left_out)
            self._left_out = 0


def _line(event: OrderEvent) -> tuple[int, str] | None:
    where = " ".join(filter(None, (event.venue, event.symbol)))
    what = f"{where}: " if where else ""
    match event.kind:
        case "anomaly":
            about = f"order {event.order}: " if event.order else ""
            found = logging.ERROR, f"{what}{about}{event.text}"
        case "kill":
            found = logging.ERROR, f"the kill switch was {event.text}"
        case "mode":
            found = logging.WARNING, f"the mode is {event.text}"
        case "position":
            found = logging.WARNING, f"{what}the position was set to what the venue says: fills had not made it so"
        case "desk":
            found = logging.INFO, f"{what}{event.text}"
        case "order" if event.change == "lost":
            found = logging.WARNING, f"{what}order {event.order} is unknown, the venue is asked: {event.text}"
        case _:
            return None
    return found
