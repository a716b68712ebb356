"""What a strategy's orders came to: counts, holdings, money and fees, from the orders themselves."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ferrofeed.orders import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ferrofeed.orders import OrderEvent, OrderView

NONE: Final = Decimal(0)


@dataclass(slots=True)
class Sum:
    """What the orders in one instrument came to."""

    bought: Decimal = NONE
    sold: Decimal = NONE
    money: Decimal = NONE
    """Got for what was sold less paid for what was bought, before fees."""
    fees: Decimal = NONE

    @property
    def position(self) -> Decimal:
        """Bought less sold."""
        return self.bought - self.sold

    def add(self, view: OrderView, fee_currency: str) -> None:
        """Take an order in."""
        money = view.money or NONE
        if view.side == "buy":
            self.bought += view.filled
            self.money -= money
        else:
            self.sold += view.filled
            self.money += money
        self.fees += view.fees.get(fee_currency, NONE)

    def gain(self, mark: Decimal) -> Decimal:
        """Profit or loss after fees, if all that is held were sold at ``mark``, or all that is owed bought."""
        return self.money + self.position * mark - self.fees


@dataclass(slots=True)
class Tally:
    """Follows the orders of one strategy through their events. Not for several threads.

    Orders that are over are added up and let go of; so it needs no more memory the longer it runs.
    """

    view: Callable[[int], OrderView]
    """An order as it is now; :class:`LookupError` if it is no longer kept."""
    strategy: str
    placed: int = 0
    fills: int = 0
    moves: int = 0
    """Prices changed."""
    ended: Counter[str] = field(default_factory=Counter)
    """Orders that are over, by state."""
    missed: int = 0
    """Orders that could not be looked at any more: nothing adds up then."""
    unsure: int = 0
    """Orders whose fills or money the venue did not tell in full."""
    _over: dict[str, Sum] = field(default_factory=dict)
    _live: dict[int, OrderView] = field(default_factory=dict)

    @property
    def live(self) -> int:
        """Orders that are not over."""
        return len(self._live)

    def take(self, events: Iterable[OrderEvent]) -> None:
        """Take in what happened."""
        touched: dict[int, bool] = {}
        """Orders, and whether they have had their last event: what an order came to may be ahead of its events."""
        for event in events:
            if not event.order:
                continue
            if event.kind == "order" and event.change is None and self._look(event.order):
                self.placed += 1
            if event.order in self._live:
                self.fills += event.kind == "fill"
                self.moves += event.change == "replaced"
                over = event.kind == "order" and event.state in TERMINAL
                touched[event.order] = touched.get(event.order, False) or over
        for order, over in touched.items():
            if self._look(order) and over:
                view = self._live.pop(order)
                self.ended[view.state] += 1
                self.unsure += not view.exact or (view.money is None and view.filled > 0)
                self._add(self._over.setdefault(view.symbol, Sum()), view)

    def sum(self, symbol: str) -> Sum:
        """What the orders in an instrument came to so far, live ones included."""
        total = Sum()
        over = self._over.get(symbol)
        if over is not None:
            total = Sum(over.bought, over.sold, over.money, over.fees)
        for view in self._live.values():
            if view.symbol == symbol:
                self._add(total, view)
        return total

    def quotes(self, symbol: str, side: str) -> list[Decimal]:
        """Prices of the live orders of a side."""
        return [view.price for view in self._live.values() if (view.symbol, view.side) == (symbol, side)]

    def adds_up(self) -> bool:
        """Whether every order placed is live or over, and what it came to is certain."""
        return not self.missed and not self.unsure and self.placed == self.live + self.ended.total()

    def _look(self, order: int) -> bool:
        try:
            view = self.view(order)
        except LookupError:
            self.missed += 1
            self._live.pop(order, None)
            return False
        if view.strategy == self.strategy:
            self._live[order] = view
        return order in self._live

    @staticmethod
    def _add(total: Sum, view: OrderView) -> None:
        total.add(view, view.symbol.rpartition("/")[2])
