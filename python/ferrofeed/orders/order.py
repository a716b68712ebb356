"""One order: a handle on what the router knows of it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ferrofeed.orders.api import Orders
    from ferrofeed.orders.numbers import Number

TERMINAL: Final = frozenset({"filled", "cancelled", "rejected", "expired", "absent", "closed"})
"""States that nothing leaves."""
LIVE: Final = frozenset({"working", "pending_cancel", "pending_replace"})
"""States in which the venue has the order."""


class OrderView(NamedTuple):
    """An order at one moment."""

    id: int
    client_id: str
    """Our id as the venue has it, where it takes one."""
    venue: str
    symbol: str
    strategy: str
    intent: str
    side: str
    type: str
    offset: str
    unit: str
    price: Decimal
    quantity: Decimal
    state: str
    """``pending_new working pending_cancel pending_replace unknown``, and the terminal ones, see :data:`TERMINAL`."""
    venue_id: str
    """Empty while the venue has not told it."""
    filled: Decimal
    remaining: Decimal
    """What may still be filled; 0 once it is over."""
    money: Decimal | None
    """Paid or got for what is filled; None where the venue has not told all prices."""
    fees: Mapping[str, Decimal]
    """By currency."""
    created: int
    """ns since the Unix epoch."""
    updated: int
    reason: str
    """The last reason given for a change: a refusal's words, why it is unknown."""
    exact: bool
    """Whether ``filled`` is certain; not for orders that are unknown, or closed without the venue telling."""

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self.state in TERMINAL

    @property
    def average_price(self) -> Decimal | None:
        """Money over filled, to 28 digits; None if nothing is filled or the money is not known."""
        return None if self.money is None or not self.filled else self.money / self.filled


class Order:
    """A handle. Every property asks the router: it is the truth of now."""

    __slots__ = ("_orders", "id")

    def __init__(self, orders: Orders, order_id: int) -> None:
        self._orders = orders
        self.id = order_id
        """Unique, over restarts too."""

    def __repr__(self) -> str:
        """Show what matters."""
        try:
            view = self.view
        except LookupError:
            return f"<Order {self.id}, no longer kept>"
        return f"<Order {view.id} {view.side} {view.quantity} {view.symbol} at {view.price}: {view.state}>"

    def __eq__(self, other: object) -> bool:
        """Two handles of one order are equal."""
        return isinstance(other, Order) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def view(self) -> OrderView:
        """All of it at one moment; :class:`LookupError` if it is over and too old to be kept."""
        return self._orders.view(self.id)

    @property
    def state(self) -> str:
        """Its state."""
        return self.view.state

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self.view.done

    @property
    def filled(self) -> Decimal:
        """What of it is filled."""
        return self.view.filled

    @property
    def remaining(self) -> Decimal:
        """What may still be filled."""
        return self.view.remaining

    def cancel(self, *, ttl_s: float | None = None) -> None:
        """Ask the venue to cancel it; see :meth:`Orders.cancel`."""
        self._orders.cancel(self, ttl_s=ttl_s)

    def replace(
        self, *, price: Number | None = None, quantity: Number | None = None, ttl_s: float | None = None
    ) -> None:
        """Ask the venue to change it; see :meth:`Orders.replace`."""
        self._orders.replace(self, price=price, quantity=quantity, ttl_s=ttl_s)

    def wait(self, timeout_s: float = 30.0) -> OrderView:
        """Wait until it is over; :class:`WaitTimeoutError` if that takes longer. Not for the feed's own thread."""
        return self._orders.wait_for(self.id, TERMINAL, timeout_s)

    def wait_live(self, timeout_s: float = 30.0) -> OrderView:
        """Wait until the venue has it, or it is over."""
        return self._orders.wait_for(self.id, LIVE | TERMINAL, timeout_s)

    async def finished(self) -> OrderView:
        """Wait until it is over, on any event loop."""
        return await self._orders.wait_for_async(self.id, TERMINAL)

    async def accepted(self) -> OrderView:
        """Wait until the venue has it, or it is over, on any event loop."""
        return await self._orders.wait_for_async(self.id, LIVE | TERMINAL)


def view_of(row: tuple[Any, ...], venue: str, symbol: str) -> OrderView:
    """A row of the core, with the names of its desk and instrument."""
    order_id, client_id, _desk, _instrument, strategy, intent, side, kind, offset, unit = row[:10]
    price, quantity, state, venue_id, filled, remaining, money, fees, created, updated, reason, exact = row[10:]
    return OrderView(
        id=order_id,
        client_id=client_id,
        venue=venue,
        symbol=symbol,
        strategy=strategy,
        intent=intent,
        side=side,
        type=kind,
        offset=offset,
        unit=unit,
        price=Decimal(price),
        quantity=Decimal(quantity),
        state=state,
        venue_id=venue_id,
        filled=Decimal(filled),
        remaining=Decimal(remaining),
        money=None if money is None else Decimal(money),
        fees={currency: Decimal(fee) for currency, fee in fees},
        created=created,
        updated=updated,
        reason=reason,
        exact=bool(exact),
    )
