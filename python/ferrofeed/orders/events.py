"""What happens to orders, as a stream: numbered, in order, never dropped behind a consumer's back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ferrofeed.consumer import SlowConsumerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

_LOG = logging.getLogger("ferrofeed.orders")


class OrderEvent(NamedTuple):
    """One thing that happened. What does not apply is None, empty or 0."""

    seq: int
    """1, 2, 3 ... since the start."""
    time: int
    """ns since the Unix epoch."""
    kind: str
    """``order fill denied position balance mode kill anomaly desk foreign``: one of them."""
    venue: str
    symbol: str
    order: int
    """The order's id, 0: none."""
    change: str | None
    """What happened to the order: ``accepted``, ``filled``, ``cancelled``, ``lost`` ... None: it was placed."""
    state: str | None
    """The order's state after that."""
    filled: Decimal
    """What of it is filled."""
    price: Decimal
    """Of a fill."""
    quantity: Decimal
    """Of a fill."""
    text: str
    """In words: a reason, the rule that was broken, a currency."""


class OrderEvents:
    """A consumer of order events: a queue of bounded length, read by polling, iteration or ``async for``.

    Nothing is dropped: a consumer that falls behind further than its queue holds is ended, and raises
    :class:`~ferrofeed.SlowConsumerError` once it has taken what it has. The orders themselves tell the truth then.
    """

    def __init__(self, name: str, capacity: int, on_close: Callable[[OrderEvents], None]) -> None:
        self.name = name
        self._capacity = capacity
        self._on_close = on_close
        self._queue: deque[OrderEvent] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._behind = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def put(self, events: list[OrderEvent]) -> None:
        """Hand events over; for the router."""
        with self._changed:
            if self._closed or self._behind:
                return
            if len(self._queue) + len(events) > self._capacity:
                self._behind = True
                _LOG.error("the order event consumer %r fell behind %d events and is ended", self.name, self._capacity)
            else:
                self._queue.extend(events)
            self._wake()

    def poll(self, timeout_s: float | None = 0.0) -> list[OrderEvent]:
        """All that is pending; an empty list if nothing came within ``timeout_s`` (None: wait as long as it takes)."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        with self._changed:
            while not self._queue and not self._closed and not self._behind:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    break
                self._changed.wait(left)
            events = list(self._queue)
            self._queue.clear()
            if not events:
                self._complain()
            return events

    def next(self) -> OrderEvent | None:
        """The oldest that is pending, if any."""
        with self._changed:
            if self._queue:
                return self._queue.popleft()
            self._complain()
            return None

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._closed

    def __iter__(self) -> Iterator[OrderEvent]:
        """Events until the feed stops or :meth:`close`; those not taken stay where they are."""
        while True:
            event = self.next()
            if event is not None:
                yield event
            elif self._closed:
                return
            else:
                with self._changed:
                    if not self._queue and not self._closed and not self._behind:
                        self._changed.wait(0.5)

    def __aiter__(self) -> AsyncIterator[OrderEvent]:
        """The same on the running loop, without a thread."""
        return _AsyncEvents(self)

    async def wait(self) -> None:
        """Wait until there may be something, on the running loop."""
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        with self._changed:
            if self._queue or self._closed or self._behind:
                return
            self._waiting.append((loop, ready))
        try:
            await ready
        finally:
            with self._changed:
                self._waiting = [one for one in self._waiting if one[1] is not ready]

    def _wake(self) -> None:
        self._changed.notify_all()
        for loop, ready in self._waiting:
            with contextlib.suppress(RuntimeError):  # its loop is closed
                loop.call_soon_threadsafe(finish, ready)

    def _complain(self) -> None:
        if self._behind:
            raise SlowConsumerError(f"order events {self.name!r} fell behind further than {self._capacity} events")

    def end(self) -> None:
        """Nothing more will come; what is pending can still be taken."""
        with self._changed:
            self._closed = True
            self._wake()

    def close(self) -> None:
        """Take no more events."""
        self.end()
        self._on_close(self)


class _AsyncEvents:
    """``async for`` over a consumer; nothing is taken that is not given."""

    __slots__ = ("_events",)

    def __init__(self, events: OrderEvents) -> None:
        self._events = events

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> OrderEvent:
        while True:
            # other tasks get their turn however fast the events come
            await asyncio.sleep(0)
            event = self._events.next()
            if event is not None:
                return event
            if self._events.closed:
                raise StopAsyncIteration
            await self._events.wait()


def finish(future: asyncio.Future[None]) -> None:
    """Let somebody go on who may have gone already."""
    if not future.done():
        future.set_result(None)


class Callback:
    """Calls back for every event: on the feed's thread, or on a thread of its own."""

    def __init__(self, events: OrderEvents, call: Callable[[OrderEvent], object], *, inline: bool) -> None:
        self.events = events
        self.errors = 0
        """How often the callback raised."""
        self.inline = inline
        self._call = call
        self._thread: threading.Thread | None = None
        if not inline:
            self._thread = threading.Thread(target=self._run, name=f"ferrofeed-{events.name}", daemon=True)
            self._thread.start()

    def hand(self, events: Iterable[OrderEvent]) -> None:
        """Call for each of these."""
        for event in events:
            try:
                self._call(event)
            except BaseException as error:  # noqa: BLE001  # the user's, and no reason to stop
                self.errors += 1
                if self.errors == 1:
                    _LOG.error(
                        "the callback %r raised; later errors of it are only counted", self.events.name, exc_info=error
                    )

    def join(self, timeout_s: float) -> None:
        """Wait until everything pending was delivered."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            for event in self.events:
                self.hand((event,))
        except SlowConsumerError as error:
            _LOG.error("%s", error)


def event_of(row: tuple[Any, ...], names: Callable[[int | None, int | None], tuple[str, str]]) -> OrderEvent:
    """A row of the core with names for its numbers."""
    seq, when, kind, desk, instrument, order, change, state, filled, price, quantity, text = row
    venue, symbol = names(desk, instrument)
    return OrderEvent(
        seq, when, kind, venue, symbol, order, change, state, Decimal(filled), Decimal(price), Decimal(quantity), text
    )
