"""An instrument's order book as a Python user sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ferrofeed.events import EXACT, to_decimal

if TYPE_CHECKING:
    from decimal import Decimal

    from ferrofeed import _core

Level = tuple["Decimal", "Decimal"]


class Book:
    """A frozen picture of an order book: exact decimals, best levels first.

    ``valid`` is False before the first snapshot, and after a disconnect, a gap or a crossed top until the book was
    resynchronised; ``reason`` then says why. The levels of a book that is not valid are the last that were known.
    """

    __slots__ = ("_snapshot", "symbol", "venue")

    def __init__(self, snapshot: _core.BookSnapshot, venue: str, symbol: str) -> None:
        self._snapshot = snapshot
        self.venue = venue
        self.symbol = symbol

    @property
    def valid(self) -> bool:
        """Whether the book may be traded on."""
        return self._snapshot.valid

    @property
    def reason(self) -> str | None:
        """Why it is not valid; None if it is."""
        return self._snapshot.reason

    @property
    def bids(self) -> list[Level]:
        """``(price, size)``, best first."""
        return [self._level(level) for level in self._snapshot.bids]

    @property
    def asks(self) -> list[Level]:
        """``(price, size)``, best first."""
        return [self._level(level) for level in self._snapshot.asks]

    @property
    def best_bid(self) -> Level | None:
        """The best bid, None if there is none."""
        best = self._snapshot.best_bid
        return None if best is None else self._level(best)

    @property
    def best_ask(self) -> Level | None:
        """The best ask, None if there is none."""
        best = self._snapshot.best_ask
        return None if best is None else self._level(best)

    @property
    def spread(self) -> Decimal | None:
        """Best ask less best bid, None unless both are there."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else EXACT.subtract(ask[0], bid[0])

    @property
    def mid(self) -> Decimal | None:
        """Half way between best bid and best ask, None unless both are there."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else EXACT.divide(EXACT.add(bid[0], ask[0]), 2)

    def _level(self, level: tuple[int, int]) -> Level:
        return to_decimal(level[0], self._snapshot.price_scale), to_decimal(level[1], self._snapshot.size_scale)

    def __repr__(self) -> str:
        state = "valid" if self.valid else f"not valid: {self.reason}"
        bid, ask = self.best_bid, self.best_ask
        sides = [f"{price:f} x {size:f}" for price, size in (side for side in (bid, ask) if side is not None)]
        return f"Book({self.venue} {self.symbol}, {state}, {' | '.join(sides) or 'empty'})"
