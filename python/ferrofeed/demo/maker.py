"""A toy market maker: one bid and one ask around the middle of a book, leaning against what it holds.

It is here to show orders at work, not to make money. What it wants is a pure function; the rest carries that out.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from ferrofeed.events import BookEvent
from ferrofeed.orders import OrderError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ferrofeed.consumer import Consumer
    from ferrofeed.events import Batch
    from ferrofeed.feed import Feed
    from ferrofeed.orders import Orders

NAME: Final = "toy-maker"
SIDES: Final = ("buy", "sell")
REST_S: Final = 0.1
"""How long an instrument is left alone after a command for it was not taken."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How one instrument is quoted."""

    tick: Decimal
    size: Decimal
    """Of every order."""
    distance: int
    """Ticks from the middle to each quote, at least 1."""
    skew: int
    """Ticks by which both quotes are lower when as much is held as may be, and higher when as much is owed."""
    threshold: int
    """Ticks a live order may be away from where it should be."""
    limit: Decimal
    """Largest position, long or short, with every live order of its side filled."""
    replaces: bool = True
    """Whether orders change their price; else they are cancelled, and the next look places new ones."""


class Top(NamedTuple):
    """The best prices of a valid book."""

    bid: Decimal
    ask: Decimal


class Live(NamedTuple):
    """An order of ours that is not over."""

    id: int
    side: str
    price: Decimal
    remaining: Decimal
    settled: bool
    """Whether the venue has it and nothing is asked of it: only then it is touched."""
    asked: Decimal | None = None
    """The price it may have by now: it was asked to move there."""


class Place(NamedTuple):
    """A new order."""

    side: str
    price: Decimal
    quantity: Decimal


class Move(NamedTuple):
    """Another price for a live order."""

    order: int
    price: Decimal


class Cancel(NamedTuple):
    """The end of a live order."""

    order: int


Wish: TypeAlias = "Place | Move | Cancel"


def decide(settings: Settings, top: Top | None, position: Decimal, live: Sequence[Live]) -> list[Wish]:
    """What to ask for, given the book, what is held, and our live orders; ``top`` None: there is no valid book.

    However it is called, carrying the wishes out leads to no second order on a side, to no position beyond the limit,
    and to no price at which our own orders would meet: such a quote waits until the other one is out of the way.
    """
    wishes: list[Wish] = []
    for side in SIDES:
        ours = [order for order in live if order.side == side]
        # a second order is never placed; should there be one all the same, it goes
        wishes += [Cancel(order.id) for order in ours[1:] if order.settled]
        order = ours[0] if ours else None
        if order is not None and not order.settled:
            continue
        held = position if side == "buy" else -position
        quantity = settings.size if order is None else order.remaining
        if top is None or held + quantity > settings.limit:
            if order is not None:
                wishes.append(Cancel(order.id))
            continue
        price = quote(settings, top, position, side)
        if price <= 0 or _meets_ours(side, price, live):
            continue
        if order is None:
            wishes.append(Place(side, price, quantity))
        elif abs(order.price - price) > settings.threshold * settings.tick:
            wishes.append(Move(order.id, price) if settings.replaces else Cancel(order.id))
    return wishes


def quote(settings: Settings, top: Top, position: Decimal, side: str) -> Decimal:
    """The price of a side, in whole ticks; never one that would trade at once."""
    tick = settings.tick
    lean = settings.skew * position / settings.limit
    middle = (top.bid + top.ask) / 2 / tick - lean
    if side == "buy":
        ticks = (middle - settings.distance).to_integral_value(ROUND_FLOOR)
        return min(ticks * tick, top.ask - tick)
    ticks = (middle + settings.distance).to_integral_value(ROUND_CEILING)
    return max(ticks * tick, top.bid + tick)


def _meets_ours(side: str, price: Decimal, live: Sequence[Live]) -> bool:
    """Whether an order at this price would trade with one of ours, wherever that is by now."""
    others = [order for order in live if order.side != side]
    theirs = [at for order in others for at in (order.price, order.asked) if at is not None]
    return any(at <= price if side == "buy" else at >= price for at in theirs)


class Maker:
    """Carries out what :func:`decide` wants, on a thread of its own, whenever the top of a book changes.

    A command that is not taken, for whatever reason, is no matter: the instrument is looked at again a little later.
    """

    def __init__(
        self,
        feed: Feed,
        orders: Orders,
        venue: str,
        market: str,
        *,
        settings: Mapping[str, Settings],
        start: Mapping[str, Decimal],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``market``: whose books to quote around; ``start``: holdings that count as no position, by symbol."""
        self.refused: Counter[str] = Counter()
        """Commands that were not taken, by rule."""
        self._feed = feed
        self._orders = orders
        self._venue = venue
        self._market = market
        self._settings = dict(settings)
        self._start = dict(start)
        self._clock = clock
        self._strategy = orders.strategy(NAME, cancel_on_disconnect=True)
        self._moves: dict[str, dict[int, Decimal]] = {}
        """By instrument: the price that a live order was last asked to move to."""
        self._rests: dict[str, float] = {}
        """When instruments may be looked at again."""
        self._lock = threading.Lock()
        self._consumer: Consumer | None = None

    def start(self) -> None:
        """Follow the books."""
        self._consumer = self._feed.on_batch(
            self.on_batch,
            kinds=("book", "status"),
            symbols=self._settings,
            top_of_book=True,
            name=NAME,
        )

    def stop(self) -> None:
        """Say goodbye: every live order is cancelled, and nothing is placed any more. Idempotent."""
        with self._lock:
            self._strategy.close()
        if self._consumer is not None:
            self._consumer.close()

    def on_batch(self, batch: Batch) -> None:
        """Look at every instrument that something happened to."""
        changed: dict[str, BookEvent] = {}
        broken = False
        for event in batch:
            if isinstance(event, BookEvent):
                if event.venue == self._market:
                    changed[event.symbol] = event
            else:
                broken = True
        # a venue's outage makes books invalid that have no event of their own
        for symbol in self._settings if broken else changed:
            self.look(symbol, changed.get(symbol))

    def look(self, symbol: str, event: BookEvent | None) -> None:
        """Decide about one instrument and do it; ``event`` is what led to it, None: ask the feed for the book."""
        top = self._top(symbol) if event is None else _top_of(event)
        with self._lock:
            # the feed, too, says goodbye for it when it stops
            if not self._strategy.connected or self._clock() < self._rests.get(symbol, 0.0):
                return
            # orders before the position: a fill between the two counts twice, which is on the safe side
            views = [view for view in self._orders.open_orders(self._venue, symbol) if view.strategy == NAME]
            moves = self._moves.get(symbol, {})
            moves = self._moves[symbol] = {view.id: moves[view.id] for view in views if view.id in moves}
            live = [
                Live(view.id, view.side, view.price, view.remaining, view.state == "working", moves.get(view.id))
                for view in views
            ]
            position = self._orders.position(self._venue, symbol).long - self._start.get(symbol, Decimal(0))
            for wish in decide(self._settings[symbol], top, position, live):
                try:
                    self._ask(symbol, wish, event)
                except OrderError as error:
                    self.refused[error.rule] += 1
                    self._rests[symbol] = self._clock() + REST_S
                    break

    def _ask(self, symbol: str, wish: Wish, cause: BookEvent | None) -> None:
        if isinstance(wish, Place):
            self._strategy.place(self._venue, symbol, wish.side, wish.quantity, wish.price, cause=cause)
        elif isinstance(wish, Move):
            self._moves[symbol][wish.order] = wish.price
            self._orders.replace(wish.order, price=wish.price)
        else:
            self._orders.cancel(wish.order)

    def _top(self, symbol: str) -> Top | None:
        book = self._feed.book(self._market, symbol, 1)
        if book is None or not book.valid or book.best_bid is None or book.best_ask is None:
            return None
        return Top(book.best_bid[0], book.best_ask[0])


def _top_of(event: BookEvent) -> Top | None:
    bid, ask = event.best_bid, event.best_ask
    return None if not event.valid or bid is None or ask is None else Top(bid[0], ask[0])
