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
"""Lines of one sort in any period: a storm must drown neither the log nor, in it, what is of another sort."""
PERIOD_S: Final = 1.0
JOURNAL: Final = "the journal "
"""How the router's anomalies about the journal begin; they are of a sort of their own, and few."""
LOST: Final = "lost"
_SORTS: Final = {"anomaly": "anomaly", "kill": "kill", "mode": "mode", "position": "position", "desk": "desk"}
"""Of the kinds of events that are news whatever they say."""


class News:
    """Logs order events that are news, at most so many of a sort at a time; of the rest it says how many there were.

    Not for several threads at once.
    """

    def __init__(self) -> None:
        self._since = 0.0
        self._lines: dict[str, int] = {}
        self._left_out: dict[str, int] = {}

    @property
    def owes(self) -> bool:
        """Whether lines were left out that nobody was told of."""
        return bool(self._left_out)

    def tell(self, events: Iterable[OrderEvent]) -> None:
        """Log what of these is news."""
        for event in events:
            # most events are an order's life: they cost no more than this
            sort = LOST if event.change == LOST else _SORTS.get(event.kind)
            if sort is None:
                continue
            self.pass_time()
            if sort == "anomaly" and event.text.startswith(JOURNAL):
                sort = JOURNAL
            lines = self._lines.get(sort, 0)
            if lines < MOST:
                self._lines[sort] = lines + 1
                _LOG.log(*_line(event))
            else:
                self._left_out[sort] = self._left_out.get(sort, 0) + 1

    def pass_time(self) -> None:
        """Begin the next period when this one is over, and say what was left out of it."""
        now = time.monotonic()
        if now - self._since >= PERIOD_S:
            self.flush()
            self._since = now
            self._lines.clear()

    def flush(self) -> None:
        """Say how many lines were left out, if any."""
        if self._left_out:
            sorts = ", ".join(f"{sort.strip()}: {count}" for sort, count in self._left_out.items())
            _LOG.error("%d more lines are left out (%s)", sum(self._left_out.values()), sorts)
            self._left_out.clear()


def _line(event: OrderEvent) -> tuple[int, str]:
    where = " ".join(filter(None, (event.venue, event.symbol)))
    what = f"{where}: " if where else ""
    match event.kind:
        case "anomaly":
            about = f"order {event.order}: " if event.order else ""
            return logging.ERROR, f"{what}{about}{event.text}"
        case "kill":
            return logging.ERROR, f"the kill switch was {event.text}"
        case "mode":
            return logging.WARNING, f"the mode is {event.text}"
        case "position":
            return logging.WARNING, f"{what}the position was set to what the venue says: fills had not made it so"
        case "desk":
            return logging.INFO, f"{what}{event.text}"
        case _:
            return logging.WARNING, f"{what}order {event.order} is unknown, the venue is asked: {event.text}"
