"""A strategy's name on its orders, and what becomes of them when it goes away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from ferrofeed.errors import UsageError

if TYPE_CHECKING:
    from types import TracebackType

    from ferrofeed.orders.api import Orders
    from ferrofeed.orders.numbers import Number
    from ferrofeed.orders.order import Order


class Strategy:
    """Used as a context manager it says goodbye by itself, whatever ended it.

    With ``cancel_on_disconnect`` every live order of it is cancelled then, as often as that takes; with ``heartbeat_s``
    also when :meth:`beat` was not called for so long.
    """

    def __init__(
        self, orders: Orders, name: str, number: int, *, cancel_on_disconnect: bool, heartbeat_s: float | None
    ) -> None:
        if heartbeat_s is not None and (not cancel_on_disconnect or heartbeat_s <= 0):
            raise UsageError("heartbeat_s: a time above 0, and only with cancel_on_disconnect")
        self.name = name
        self.number = number
        self.connected = True
        """Whether it may place orders."""
        self._orders = orders
        self.cancels = cancel_on_disconnect
        """Whether its orders are cancelled when it goes away."""
        self._heartbeat_s = heartbeat_s
        self._last = time.monotonic()

    def place(
        self, venue: str, symbol: str, side: str, quantity: Number, price: Number | None = None, **more: Any
    ) -> Order:
        """Place an order of this strategy; see :meth:`Orders.place`."""
        if not self.connected:
            raise UsageError(f"strategy {self.name!r} has said goodbye, or was silent for too long")
        self.beat()
        return self._orders.place(venue, symbol, side, quantity, price, strategy=self, **more)

    def placed(self) -> None:
        """Note that an order of it was placed: one that came too late for the goodbye's cancel is cancelled now."""
        if not self.connected and self.cancels:
            self._orders.cancel_all(strategy=self)

    def cancel_all(self) -> int:
        """Cancel every live order of it; gives how many there are."""
        return self._orders.cancel_all(strategy=self)

    def beat(self) -> None:
        """Show that it is alive."""
        self._last = time.monotonic()

    @property
    def silent(self) -> bool:
        """Whether it was silent for too long."""
        return self.connected and self._heartbeat_s is not None and time.monotonic() - self._last > self._heartbeat_s

    def close(self) -> None:
        """Say goodbye. Idempotent."""
        if self.connected:
            self.connected = False
            self._orders.disconnected(self)
            if self.cancels:
                self._orders.cancel_all(strategy=self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()
