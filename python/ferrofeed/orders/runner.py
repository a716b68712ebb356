"""The order side on the feed's thread: the wire, the clock, the paper exchanges' timers, the kill file, the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from ferrofeed.net.order_link import OrderLink
    from ferrofeed.net.supervisor import Supervisor
    from ferrofeed.orders.api import Orders
    from ferrofeed.orders.desk import Desk
    from ferrofeed.orders.switch import SwitchFiles

LOOK_TICKS: Final = 10
"""Ticks between two looks for the files of the kill switch."""
STOP_POLL_S: Final = 0.005
_LOG = logging.getLogger("ferrofeed.orders")


class Runner:
    """Lives on the loop's thread, but for :meth:`wake`."""

    def __init__(self, supervisor: Supervisor, desks: Sequence[Desk], *, cancel_on_stop: bool) -> None:
        self.links: list[OrderLink] = []
        self.orders: Orders
        """Set once, right after this was made: each needs the other."""
        self.files: SwitchFiles
        """The same."""
        self.told: Callable[[], None] = _nothing
        """What is to be done when everybody was told what happened."""
        self.leaving: Callable[[], Collection[int]] = _nobody
        """Called when the feed stops, before anything else ends: gives the orders that must not stay behind."""
        self._supervisor = supervisor
        self._papers = [desk.link for desk in desks if desk.is_paper]
        self._cancel_on_stop = cancel_on_stop
        self._ticks = 0
        self._lock = threading.Lock()
        self._woken = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._going_on = False

    # for any thread

    def wake(self, _link: int | None) -> None:
        """Something may be sent, or told: at once on the loop's thread, else once for all that was asked meanwhile."""
        if self._supervisor.on_thread:
            self._flush()
            self._set_timer()
            return
        with self._lock:
            if self._woken:
                return
            self._woken = True
        self._supervisor.post(self._run)

    def _run(self) -> None:
        with self._lock:
            self._woken = False
        self.moved()

    # for the loop's thread

    def start(self) -> None:
        """The loop runs: the paper exchanges are there from now on."""
        self.files.look()
        for link in self._papers:
            self.orders.core.opened(link)
        self.moved()

    def moved(self) -> None:
        """The router moved: send, tell, and come back when a paper exchange has something to do."""
        self._flush()
        self.orders.distribute()
        self._set_timer()
        self.told()

    def add_paper(self, link: int) -> None:
        """Another account of a paper exchange: it is there from now on."""
        self._papers.append(link)
        self.orders.core.opened(link)

    def tick(self) -> None:
        """Time passed."""
        self._ticks += 1
        if self._ticks % LOOK_TICKS == 0:
            self.files.look()
        more = self.orders.tick()
        for number, why in self.orders.core.take_closes():
            for link in self.links:
                if link.link == number:
                    link.give_up(why)
            if number in self._papers:
                # nothing can be wrong with a connection that is none; what was asked is asked anew
                _LOG.error("paper exchange: %s", why)
                self.orders.core.closed(number)
                self.orders.core.opened(number)
        self.moved()
        self.go_on(more=more)

    def go_on(self, *, more: bool) -> None:
        """Let what else waits in the loop have its turn, then the rest of the desks that ask the paper exchanges."""
        if more and not self._going_on:
            self._going_on = True
            self._supervisor.later(0.0, self._go_on)

    async def stop(self, grace_s: float) -> None:
        """Cancel what is to be cancelled, and wait for it as long as the grace goes."""
        orders = self.orders
        goodbye = {strategy.name for strategy in orders.strategies if strategy.cancels}
        going = frozenset(self.leaving())
        orders.stopping()
        if self._cancel_on_stop:
            orders.cancel_all()

        def unwanted() -> bool:
            return any(
                self._cancel_on_stop or view.strategy in goodbye or view.id in going for view in orders.open_orders()
            )

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while unwanted():
                    await asyncio.sleep(STOP_POLL_S)
                    self.tick()
        left = orders.open_orders()
        if left:
            _LOG.warning("the feed stops with %d live order(s) left at their venues", len(left))
        for link in self._papers:
            orders.core.closed(link)
        if self._timer is not None:
            self._timer.cancel()
        orders.distribute()

    def _flush(self) -> None:
        for link in self.links:
            link.flush()

    def _set_timer(self) -> None:
        if not self._papers:
            return
        due_ns = self.orders.core.paper_due()
        if due_ns is None:
            return
        loop = asyncio.get_running_loop()
        # uvloop's timers count whole milliseconds
        at = loop.time() + math.ceil(due_ns / 1e6) / 1e3
        if at >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = loop.call_at(at, self._due)

    def _due(self) -> None:
        self._timer, self._timer_at = None, math.inf
        self._pump()

    def _go_on(self) -> None:
        self._going_on = False
        self._pump()

    def _pump(self) -> None:
        more = self.orders.core.pump()
        self.moved()
        self.go_on(more=more)


def _nothing() -> None:
    """Nobody else is to be told."""


def _nobody() -> tuple[int, ...]:
    """Nobody else's orders go with us."""
    return ()
