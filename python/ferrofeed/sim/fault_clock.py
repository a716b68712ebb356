"""When faults strike a simulator, and whom: the schedule of its plan, what is in force, what waits for a handshake."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferrofeed.sim.fault_kinds import ORDER_KINDS
from ferrofeed.sim.faults import parse_fault
from ferrofeed.sim.inject import lasting

if TYPE_CHECKING:
    from ferrofeed.sim.connection import Connection
    from ferrofeed.sim.faults import Fault, FaultPlan
    from ferrofeed.sim.server import Simulator

_GATES = frozenset({"http", "refuse_login"})
_MOST_OVERDUE = 100
"""A repeated fault that fell behind (a stopped process) is not made up for without end."""


@dataclass(slots=True)
class _Window:
    """A fault in force for the venue as a whole."""

    fault: Fault
    until: float | None
    left: int | None


class FaultClock:
    """The faults of one simulator."""

    def __init__(self, server: Simulator, plan: FaultPlan) -> None:
        self._server = server
        self._plan = plan
        self._started = 0.0
        self._agenda: list[tuple[float, int, Fault]] = []
        self._windows: list[_Window] = []
        self._gates: list[_Window] = []
        self._skews: list[tuple[float, int]] = []

    def start(self, now: float) -> None:
        """Begin: the plan's times count from here."""
        self._started = now
        self._agenda = [(fault.at, index, fault) for index, fault in enumerate(self._plan.faults)]
        heapq.heapify(self._agenda)
        self.tick(now)

    def tick(self, now: float) -> None:
        """Let due faults strike and end those that are over."""
        since = now - self._started
        for _ in range(_MOST_OVERDUE):
            if not self._agenda or self._agenda[0][0] > since:
                break
            due, index, fault = heapq.heappop(self._agenda)
            self.inject(fault)
            if fault.every is not None:
                heapq.heappush(self._agenda, (due + fault.every, index, fault))
        self._windows = [window for window in self._windows if not _over(window, now)]
        self._gates = [gate for gate in self._gates if not _over(gate, now)]
        for until, by_ms in self._skews:
            if now >= until:
                self._server.venue.clock_offset_ms -= by_ms
        self._skews = [skew for skew in self._skews if now < skew[0]]

    def inject(self, fault: Fault | str) -> None:
        """Let a fault strike now."""
        if isinstance(fault, str):
            fault = parse_fault(fault)
        now, server = self._server.time(), self._server
        server.check(fault)
        server.stats.faults[fault.kind] += 1
        until = None if fault.lasts is None else now + fault.lasts
        if fault.kind in ORDER_KINDS:
            server.strike(fault)
        elif fault.kind in _GATES:
            self._gates.append(_Window(fault, until, fault.count))
        elif fault.kind == "burst":
            server.burst(fault.count or 1)
        elif fault.kind == "clock_step":
            by_ms = int(fault.number("by") * 1000)
            server.venue.clock_offset_ms += by_ms
            if until is not None:
                self._skews.append((until, by_ms))
        else:
            if lasting(fault):
                self._windows.append(_Window(fault, until, None))
            for connection in list(server.connections.values()):
                if fault.conn in (None, connection.stats.number):
                    connection.fault(fault)

    def join(self, connection: Connection) -> None:
        """Put a new connection under the faults in force."""
        now = self._server.time()
        for window in self._windows:
            if not _over(window, now) and window.fault.conn in (None, connection.stats.number):
                connection.fault(window.fault, window.until)

    def take(self, kind: str) -> Fault | None:
        """Use up one ``http`` or ``refuse_login`` if one waits."""
        if not self._gates:
            return None
        now = self._server.time()
        for gate in self._gates:
            if gate.fault.kind == kind and not _over(gate, now):
                if gate.left is not None:
                    gate.left -= 1
                return gate.fault
        return None


def _over(window: _Window, now: float) -> bool:
    return (window.left is not None and window.left <= 0) or (window.until is not None and now >= window.until)
