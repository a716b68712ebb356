"""What a simulated trading venue has still to do, by time, and what it has to send. No clock: time is an argument."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Protocol

from ferrofeed.sim.protocol import ServerSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from ferrofeed.sim.protocol import Action


class TradingSession(ServerSession, Protocol):
    """One connection to a trading venue."""

    number: int
    """Of the connection, 1 is the first accepted."""
    gone: bool
    """The venue ended it: nothing is sent any more, whatever is still to be done."""


class Timeline:
    """Things to do in the order of their time, equal times in the order they were planned."""

    def __init__(self) -> None:
        self.outbox: list[tuple[TradingSession, Action]] = []
        self._agenda: list[tuple[int, int, Callable[[int], None]]] = []
        self._planned = 0

    def at(self, due_ns: int, call: Callable[[int], None]) -> None:
        """Plan something; it is given the time it was planned for."""
        self._planned += 1
        heapq.heappush(self._agenda, (due_ns, self._planned, call))

    def advance(self, now_ns: int) -> None:
        """Do all that is due, each at its own time."""
        while self._agenda and self._agenda[0][0] <= now_ns:
            due_ns, _, call = heapq.heappop(self._agenda)
            call(due_ns)

    def next_due(self) -> int | None:
        """When there is something to do, None if there is nothing."""
        return self._agenda[0][0] if self._agenda else None

    def send(self, session: TradingSession, action: Action, due_ns: int) -> None:
        """Send then, if the connection is still there."""
        self.at(due_ns, lambda _: self.now(session, action))

    def now(self, session: TradingSession, action: Action) -> None:
        """Send at once, if the connection is still there."""
        if not session.gone:
            self.outbox.append((session, action))

    def take(self) -> list[tuple[TradingSession, Action]]:
        """What is to be sent, in order; it is the caller's now."""
        taken, self.outbox = self.outbox, []
        return taken
