"""Moves a simulator's market at its rate, or as fast as its clients take it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from ferrofeed.sim.server import Simulator

_BATCH = 512
"""Most messages made in one turn of the loop: reading and heartbeats get their turn between."""
_GRAIN_S = 0.001
_IDLE_S = 0.01
_LAG_S = 0.5
"""Further behind than this, a paced market gives up catching up."""


class Pacer:
    """One simulator's pace. ``rate`` is messages a second, None as fast as clients take them, 0 never."""

    def __init__(self, server: Simulator, rate: float | None) -> None:
        if rate is not None and not 0 <= rate < float("inf"):
            raise ValueError(f"rate is {rate}: expected messages a second, 0 or more, or None for as fast as possible")
        self._server = server
        self._rate = rate
        self._handle: asyncio.Handle | None = None
        self._running = False
        self._waiting = False
        self._due = 0.0
        """Loop time at which the next message is due."""

    def start(self) -> None:
        """Begin, or begin again; time that has passed is not made up for."""
        if not self._running and self._rate != 0:
            self._running = True
            self._due = self._server.time()
            self._schedule(0.0)

    def stop(self) -> None:
        """Stand still."""
        self._running = False
        self._waiting = False
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def wake(self) -> None:
        """Go on: a client takes data again."""
        if self._waiting and self._running and not self._server.blocked:
            self._waiting = False
            self._schedule(0.0)

    def _schedule(self, delay: float) -> None:
        self._handle = self._server.later(delay, self._turn)

    def _turn(self) -> None:
        self._handle = None
        if self._rate is None:
            self._full_speed()
        else:
            self._paced(self._rate)

    def _full_speed(self) -> None:
        if self._server.blocked:
            self._waiting = True
            return
        made = self._server.advance(_BATCH if self._server.listening else 1)
        self._server.flush()
        self._schedule(0.0 if made else _IDLE_S)

    def _paced(self, rate: float) -> None:
        now = self._server.time()
        self._due = max(self._due, now - _LAG_S)
        wanted = min(int((now - self._due) * rate) + 1, _BATCH) if now >= self._due else 0
        if wanted:
            if self._server.listening:
                made = self._server.advance(wanted)
                self._server.flush()
            else:
                made = self._server.step(wanted)
            self._due += max(made, wanted) / rate
        self._schedule(max(self._due - self._server.time(), _GRAIN_S if wanted < _BATCH else 0.0))
