"""The order API: commands in, events and one truth out. Every method may be called from any thread."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import threading
import time
from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING

from ferrofeed import _core
from ferrofeed.board import WELL
from ferrofeed.errors import UsageError
from ferrofeed.orders.account import Balance, InstrumentRules, Mode, Position
from ferrofeed.orders.errors import BadInputError, NotReadyError, WaitTimeoutError, error_of
from ferrofeed.orders.events import Callback, OrderEvent, OrderEvents, event_of, finish
from ferrofeed.orders.news import News
from ferrofeed.orders.numbers import text_of
from ferrofeed.orders.order import Order, OrderView, view_of
from ferrofeed.orders.strategy import Strategy
from ferrofeed.orders.switch import KillKeeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from ferrofeed.events import Event
    from ferrofeed.orders.desk import Desk
    from ferrofeed.orders.numbers import Number

NS = 1_000_000_000
_LOG = logging.getLogger("ferrofeed.orders")
DEFAULT_EVENTS = 65_536
MOST_TTL_S = 86_400
NOBODY = 0xFFFF_FFFF
"""No instrument."""


class Orders:
    """Orders at every trading venue of a feed: ``feed.orders``.

    Commands return at once: checked, journaled, and on their way. What comes of them is in the handle, in events, and
    in :meth:`Order.wait`. An error means that nothing was sent.
    """

    def __init__(
        self,
        core: _core.OrderCore,
        desks: Iterable[Desk],
        *,
        ttl_s: float = 2.0,
        capacity: int = DEFAULT_EVENTS,
        wake: Callable[[int | None], None] = lambda _link: None,
        on_thread: Callable[[], bool] | None = None,
        kill_file: Path | None = None,
    ) -> None:
        """``wake`` is told the link that may have something to send, or None: inline callbacks have something to hear.

        ``on_thread``: whether the caller is on the feed's thread, where those are called; without a feed, on any.
        """
        self.core = core
        self.wake = wake
        self._on_thread = on_thread
        self.told: Callable[[], None] = lambda: None
        """Called when the router's events were handed on, on whichever thread that was."""
        self._news = News()
        self.kill_file = kill_file
        """While it is there, the kill switch is on."""
        self._keeper = KillKeeper()
        self._desks = {desk.venue: desk for desk in desks}
        self._by_number = {desk.number: desk for desk in self._desks.values()}
        self._next_link = 1 + max((desk.link for desk in self._desks.values()), default=-1)
        self._free_links: list[int] = []
        self._ttl_ns = int(ttl_s * NS)
        self._capacity = capacity
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._consumers: list[OrderEvents] = []
        self._callbacks: list[Callback] = []
        self._pending: deque[OrderEvent] = deque()
        """What the inline callbacks have not heard yet."""
        self._delivering = False
        self._watchers: dict[int, list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]]] = {}
        self._strategies: list[Strategy] = []
        self._numbers = itertools.count(1)
        self._stopping = False
        self._closed = False

    # commands

    def place(  # an order has so many parts
        self,
        venue: str,
        symbol: str,
        side: str,
        quantity: Number,
        price: Number | None = None,
        *,
        type: str = "limit",  # noqa: A002  # the field's own word
        offset: str = "net",
        unit: str = "base",
        ttl_s: float | None = None,
        intent: str = "",
        strategy: Strategy | None = None,
        cause: Event | int | None = None,
    ) -> Order:
        """Place an order.

        ``side``: ``buy`` or ``sell``; ``type``: ``limit``, ``market`` (no price) or ``ioc``; ``offset``: ``net`` for
        spot, ``open`` or ``close`` for contracts; ``unit``: ``base``, or ``quote`` where a venue's market purchases say
        how much money to spend. Prices and quantities are Decimal, int or decimal text, exact.
        ``ttl_s``: not sent later than so long after now. ``intent``: a key of the caller's own, at most 64 bytes, that
        has at most one live order, ever, over restarts too; and no other one after it was filled, if only in part, for
        as long as that order is kept (``orders.keep_orders``). ``cause``: the event that led to it (or the core's
        monotonic ns), for the tick-to-order histogram.

        Raises :class:`OrderError` in one of its kinds: nothing was sent then, and the journal has a line that says so.
        """
        if self._stopping:
            self.core.note(NOBODY, "not_ready", "the feed is stopping")
            raise NotReadyError("not_ready", "the feed is stopping: no orders are taken")
        if strategy is not None and not strategy.connected:
            text = f"strategy {strategy.name!r} has said goodbye, or was silent for too long"
            self.core.note(NOBODY, "not_ready", text)
            raise NotReadyError("not_ready", text)
        desk = self._desks.get(venue)
        if desk is None:
            raise self._refuse(NOBODY, f"venue: found {venue!r}, expected one of {', '.join(self._desks) or 'none'}")
        instrument = desk.instruments.get(symbol)
        if instrument is None:
            text = f"symbol: found {symbol!r}, expected one of {', '.join(desk.symbols.values())}"
            raise self._refuse(next(iter(desk.symbols), NOBODY), text)
        try:
            price_text = "0" if price is None else text_of("price", price)
            quantity_text = text_of("quantity", quantity)
            ttl_ns = self._ttl(ttl_s)
        except BadInputError as error:
            raise self._refuse(instrument, str(error)) from None
        number = 0 if strategy is None else strategy.number
        cause_ns = cause if isinstance(cause, int) else _read_at(cause)
        try:
            order = self.core.place(
                instrument,
                side,
                type,
                offset,
                unit,
                price_text,
                quantity_text,
                ttl_ns,
                number,
                intent,
                cause_ns,
            )
        except _core.OrderDeniedError as denied:
            self.distribute()
            raise error_of(*denied.args) from None
        if strategy is not None:
            strategy.placed()
        self._commanded(desk)
        return Order(self, order)

    def cancel(self, order: Order | int, *, ttl_s: float | None = None) -> None:
        """Ask the venue to cancel an order.

        One that was not sent yet ends here; one whose acknowledgement has not come is cancelled when it has.

        Raises :class:`UnknownOrderError`, :class:`OrderFinishedError`.
        """
        order_id = order.id if isinstance(order, Order) else order
        try:
            self.core.cancel(order_id, self._ttl(ttl_s))
        except _core.OrderDeniedError as denied:
            raise error_of(*denied.args) from None
        row = self.core.order(order_id)
        desk = None if row is None else self._by_number.get(row[2])
        if desk is not None:
            self.wake(desk.link)
        self.distribute()

    def cancel_all(self, venue: str | None = None, symbol: str | None = None, strategy: Strategy | None = None) -> int:
        """Cancel every live order (of a venue, a symbol of it, a strategy), as often as it takes; gives how many."""
        desk = None if venue is None else self._desk(venue)
        instrument = None
        if symbol is not None:
            if desk is None:
                raise UsageError("cancel_all: a symbol needs its venue")
            instrument = desk.instruments.get(symbol)
            if instrument is None:
                raise BadInputError("input", f"{venue}: no symbol {symbol!r}")
        count = self.core.cancel_all(
            None if desk is None else desk.number, instrument, None if strategy is None else strategy.number
        )
        for each in self._desks.values() if desk is None else (desk,):
            self._commanded(each)
        return count

    def replace(
        self,
        order: Order | int,
        *,
        price: Number | None = None,
        quantity: Number | None = None,
        ttl_s: float | None = None,
    ) -> None:
        """Ask the venue to change an order's price, or its whole quantity (what is filled included), or both.

        Raises :class:`UnsupportedError` where the venue has no such thing, and whatever :meth:`place` would.
        """
        order_id = order.id if isinstance(order, Order) else order
        view = self.view(order_id)
        price_text = text_of("price", view.price if price is None else price)
        quantity_text = text_of("quantity", view.quantity if quantity is None else quantity)
        try:
            self.core.replace(order_id, price_text, quantity_text, self._ttl(ttl_s))
        except _core.OrderDeniedError as denied:
            self.distribute()
            raise error_of(*denied.args) from None
        except ValueError as error:
            raise BadInputError("input", str(error), order_id) from None
        self._commanded(self._desk(view.venue))

    # the state

    def order(self, order_id: int) -> Order | None:
        """The handle of an order; None if there is none, or it is over and too old to be kept."""
        return None if self.core.order(order_id) is None else Order(self, order_id)

    def view(self, order_id: int) -> OrderView:
        """An order at this moment; :class:`LookupError` if there is none."""
        row = self.core.order(order_id)
        if row is None:
            raise LookupError(f"no order {order_id}, or it is too old to be kept")
        return view_of(row, *self._names(row[2], row[3]))

    def open_orders(self, venue: str | None = None, symbol: str | None = None) -> list[OrderView]:
        """The live orders, oldest first; those whose state is not known are among them."""
        return [view for view in self._views(live=True) if _is_of(view, venue, symbol)]

    def all_orders(self, venue: str | None = None, symbol: str | None = None) -> list[OrderView]:
        """The live orders and the finished ones that are kept, oldest first."""
        return [view for view in self._views(live=False) if _is_of(view, venue, symbol)]

    def position(self, venue: str, symbol: str) -> Position:
        """What is held, by our fills and the venue's word."""
        desk = self._desk(venue)
        if symbol not in desk.instruments:
            raise BadInputError("input", f"{venue}: no symbol {symbol!r}")
        long, short = self.core.position(desk.instruments[symbol])
        return Position(Decimal(long), Decimal(short))

    def positions(self, venue: str) -> dict[str, Position]:
        """What is held in every instrument of a venue."""
        return {symbol: self.position(venue, symbol) for symbol in self._desk(venue).symbols.values()}

    def balances(self, venue: str) -> dict[str, Balance]:
        """What is on a venue's account, as it said last; ``spot:USDT`` where it has several accounts."""
        rows = self.core.balances(self._desk(venue).number)
        return {
            currency: Balance(Decimal(free), Decimal(locked), Decimal(total)) for currency, free, locked, total in rows
        }

    def rules(self, venue: str, symbol: str) -> InstrumentRules:
        """What the venue demands of an order in an instrument."""
        desk = self._desk(venue)
        if symbol not in desk.instruments:
            raise BadInputError("input", f"{venue}: no symbol {symbol!r}")
        row = self.core.rules(desk.instruments[symbol])
        return InstrumentRules(*row[:8], *(Decimal(number) for number in row[8:]))

    def venues(self) -> list[str]:
        """The trading venues."""
        return list(self._desks)

    def desk(self, venue: str) -> Desk:
        """A trading venue's numbers."""
        return self._desk(venue)

    def add_desk(self, desk: Desk) -> None:
        """Take in a desk that came later: another account of a venue."""
        with self._lock:
            self._by_number[desk.number] = desk
            self._desks = {**self._desks, desk.venue: desk}
            self._next_link = max(self._next_link, desk.link + 1)

    def remove_desk(self, desk: Desk) -> None:
        """Forget a desk that is gone; what is kept of its orders has its name all the same."""
        with self._lock:
            self._desks = {name: known for name, known in self._desks.items() if name != desk.venue}
            if all(known.link != desk.link for known in self._desks.values()):
                self._free_links.append(desk.link)

    def next_link(self) -> int:
        """A link's number that nobody has; whoever asked has it."""
        if self._free_links:
            return self._free_links.pop()
        self._next_link += 1
        return self._next_link - 1

    def desk_state(self, venue: str) -> str:
        """``down``, ``opening``, ``reconciling`` or ``ready``; ``keyless`` where only clients of the gateway trade."""
        return self.core.desk_state(self._desk(venue).number)

    def ready(self) -> bool:
        """Whether every trading venue takes orders, and the journal too.

        Logins of the gateway's clients do not count, nor do venues where only they have accounts.
        """
        return self.core.mode()[2] is None and all(
            self.core.desk_state(desk.number) in WELL for desk in self._desks.values() if not desk.owner
        )

    def wait_ready(self, timeout_s: float = 30.0) -> bool:
        """Wait until every trading venue takes orders; False if that takes longer."""
        end = time.monotonic() + timeout_s
        while not self.ready():
            if time.monotonic() > end or self._closed:
                return False
            time.sleep(0.005)
        return True

    # the mode

    @property
    def mode(self) -> Mode:
        """What may be done."""
        return Mode(*self.core.mode())

    def set_mode(self, mode: str, by: str = "the API") -> None:
        """``active``: everything; ``reducing``: only what can only reduce; ``halted``: nothing but cancels."""
        try:
            self.core.set_mode(mode, by)
        except ValueError as error:
            raise BadInputError("input", str(error)) from None
        self.distribute()

    def kill(self, reason: str) -> None:
        """Throw the kill switch: everything live is cancelled, nothing new is taken, until a human clears it.

        It stays on over restarts.
        """
        self.core.kill(reason)
        self._keeper.keep(self.core.mode(), self.kill_file, again=True)
        for desk in self._desks.values():
            self._commanded(desk)
        self.distribute()

    def clear_kill(self, who: str) -> bool:
        """Clear the kill switch, in the name of somebody; gives whether it was on."""
        if not who.strip():
            raise UsageError("clear_kill: say who clears it")
        if self.kill_file is not None and self.kill_file.exists():
            raise UsageError(f"clear_kill: {self.kill_file} is there; the switch stays on until it is gone")
        cleared = self.core.clear_kill(who)
        self.distribute()
        return cleared

    def strategy(self, name: str, *, cancel_on_disconnect: bool = False, heartbeat_s: float | None = None) -> Strategy:
        """A name for orders, and what becomes of them when its owner goes away; see :class:`Strategy`."""
        if not name or len(name) > 64:  # noqa: PLR2004  # as intents
            raise UsageError("strategy: a name of 1 to 64 characters")
        strategy = Strategy(
            self,
            name,
            self.core.strategy(name),
            cancel_on_disconnect=cancel_on_disconnect,
            heartbeat_s=heartbeat_s,
        )
        with self._lock:
            self._strategies.append(strategy)
        return strategy

    @property
    def strategies(self) -> tuple[Strategy, ...]:
        """Those that have not said goodbye."""
        return tuple(self._strategies)

    def disconnected(self, strategy: Strategy) -> None:
        """A strategy has said goodbye."""
        with self._lock, contextlib.suppress(ValueError):
            self._strategies.remove(strategy)

    # events

    def events(self, *, capacity: int | None = None, name: str = "") -> OrderEvents:
        """A new consumer of everything that happens from now on."""
        events = OrderEvents(name or f"orders-{next(self._numbers)}", capacity or self._capacity, self._forget)
        with self._lock:
            self._consumers.append(events)
            if self._closed:
                events.end()
        return events

    def on(self, call: Callable[[OrderEvent], object], *, inline: bool = False, name: str = "") -> OrderEvents:
        """Call back for everything: on a thread of its own, or ``inline`` on the feed's, as soon as it has happened.

        Closing what is given back ends the calls. An exception of the callback is counted, and the first is logged.
        """
        events = OrderEvents(name or f"on-orders-{next(self._numbers)}", self._capacity, self._forget)
        callback = Callback(events, call, inline=inline)
        with self._lock:
            self._callbacks.append(callback)
            if not inline:
                self._consumers.append(events)
        return events

    def distribute(self) -> None:
        """Hand on what happened. For whoever moved the router, on any thread."""
        if self.core.has_events():
            with self._lock:
                if self._consumers or self._callbacks or self._watchers:
                    events = [event_of(row, self._names) for row in self.core.events()]
                    self._news.tell(events)
                    self._hand_on(events)
                else:
                    if notable := self.core.skip_events():
                        self._news.tell([event_of(row, self._names) for row in notable])
                    self._changed.notify_all()
            self.told()
        if self._pending:
            if self._on_thread is None or self._on_thread():
                self.deliver()
            else:
                self.wake(None)

    def _hand_on(self, events: list[OrderEvent]) -> None:
        if not events:
            return
        for consumer in self._consumers:
            consumer.put(events)
        self._wake_watchers(events)
        self._changed.notify_all()
        inline = [callback for callback in self._callbacks if callback.inline]
        if not inline or self._closed:
            return
        if len(self._pending) + len(events) > self._capacity:
            # the feed's thread has stood still for so long: nothing is dropped behind anybody's back
            for callback in inline:
                _LOG.error("the inline callback %r fell behind %d events: ended", callback.events.name, self._capacity)
                callback.events.end()
            self._callbacks = [callback for callback in self._callbacks if not callback.inline]
            self._pending.clear()
            return
        self._pending.extend(events)

    def deliver(self) -> None:
        """Call the inline callbacks for what they have not heard. What they cause themselves they hear after it."""
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._pending:
                event = self._pending.popleft()
                for callback in [callback for callback in self._callbacks if callback.inline]:
                    callback.hand((event,))
        finally:
            self._delivering = False

    def refresh(self, venue: str) -> bool:
        """Ask a venue for rules, orders, balances and positions again; False if it is not connected."""
        desk = self._desk(venue)
        asked = self.core.refresh(desk.number)
        self._commanded(desk)
        return asked

    def tick(self) -> bool:
        """Time passed: some fifty times a second. Gives whether paper exchanges wait to be pumped."""
        for strategy in tuple(self._strategies):
            if strategy.silent:
                strategy.close()
        more = self.core.tick()
        self._keeper.keep(self.core.mode(), self.kill_file)
        self.distribute()
        if self._news.owes:
            with self._lock:
                self._news.pass_time()
        return more

    def stopping(self) -> None:
        """The feed stops: no orders are taken from here on, and strategies say goodbye."""
        self._stopping = True
        for strategy in tuple(self._strategies):
            strategy.close()

    def close(self, timeout_s: float = 3.0) -> None:
        """End every consumer once it has taken what is pending."""
        with self._lock:
            self._closed = True
            self._news.flush()
            consumers, callbacks = list(self._consumers), list(self._callbacks)
            self._changed.notify_all()
        for consumer in consumers:
            consumer.end()
        for callback in callbacks:
            callback.join(timeout_s)

    def wait_for(self, order_id: int, states: frozenset[str], timeout_s: float) -> OrderView:
        """Wait until an order is in one of these states."""
        if self._on_thread is not None and self._on_thread():
            raise UsageError("an inline callback can't wait for an order: nothing happens meanwhile")
        end = time.monotonic() + timeout_s
        with self._changed:
            while True:
                view = self.view(order_id)
                if view.state in states:
                    return view
                left = end - time.monotonic()
                if left <= 0 or self._closed:
                    raise WaitTimeoutError(
                        "wait", f"order {order_id} is {view.state} after {timeout_s:g} s ({view.reason})", order_id
                    )
                self._changed.wait(min(left, 0.5))

    async def wait_for_async(self, order_id: int, states: frozenset[str]) -> OrderView:
        """Wait until an order is in one of these states, on the running loop."""
        loop = asyncio.get_running_loop()
        while True:
            changed: asyncio.Future[None] = loop.create_future()
            with self._lock:
                view = self.view(order_id)
                if view.state in states:
                    return view
                self._watchers.setdefault(order_id, []).append((loop, changed))
            try:
                await changed
            finally:
                with self._lock:
                    left = [one for one in self._watchers.get(order_id, []) if one[1] is not changed]
                    if left:
                        self._watchers[order_id] = left
                    else:
                        self._watchers.pop(order_id, None)

    # inside

    def _ttl(self, ttl_s: float | None) -> int:
        if ttl_s is None:
            return self._ttl_ns
        if not 0 < ttl_s <= MOST_TTL_S:  # no NaN gets through either
            raise BadInputError("input", f"ttl_s: found {ttl_s!r}, expected a time above 0, at most {MOST_TTL_S} s")
        return int(ttl_s * NS)

    def _commanded(self, desk: Desk) -> None:
        # first onto the wire, then told
        self.wake(desk.link)
        self.distribute()

    def _wake_watchers(self, events: list[OrderEvent]) -> None:
        for order in {event.order for event in events} & self._watchers.keys():
            for loop, future in self._watchers[order]:
                with contextlib.suppress(RuntimeError):  # its loop is closed
                    loop.call_soon_threadsafe(finish, future)

    def _forget(self, events: OrderEvents) -> None:
        with self._lock:
            if events in self._consumers:
                self._consumers.remove(events)
            self._callbacks = [callback for callback in self._callbacks if callback.events is not events]

    def _desk(self, venue: str) -> Desk:
        desk = self._desks.get(venue)
        if desk is None:
            known = ", ".join(self._desks) or "none"
            raise BadInputError("input", f"venue: found {venue!r}, expected one of {known}")
        return desk

    def _refuse(self, instrument: int, text: str) -> BadInputError:
        self.core.note(instrument, "input", text)
        self.distribute()
        return BadInputError("input", text)

    def _names(self, desk: int | None, instrument: int | None) -> tuple[str, str]:
        known = None if desk is None else self._by_number.get(desk)
        if known is None:
            return "", ""
        return known.venue, "" if instrument is None else known.symbols.get(instrument, "")

    def _views(self, *, live: bool) -> Iterator[OrderView]:
        for row in self.core.orders(live):
            yield view_of(row, *self._names(row[2], row[3]))


def _is_of(view: OrderView, venue: str | None, symbol: str | None) -> bool:
    return (venue is None or view.venue == venue) and (symbol is None or view.symbol == symbol)


def _read_at(cause: Event | None) -> int:
    """When an event was read from its socket, on the core's monotonic clock; 0: there is none."""
    if cause is None:
        return 0
    return _core.monotonic_ns() - (_core.realtime_ns() - int(cause.ts_recv))
