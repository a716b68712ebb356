"""What a venue holds for us and demands of us, and what may be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from decimal import Decimal


class Position(NamedTuple):
    """What is held in an instrument; of spot the holding of its base currency is the long side."""

    long: Decimal
    short: Decimal


class Balance(NamedTuple):
    """One currency, as the venue says."""

    free: Decimal
    locked: Decimal
    total: Decimal


class InstrumentRules(NamedTuple):
    """What a venue demands of an order; 0: no such limit."""

    symbol: str
    raw_symbol: str
    product: str
    base: str
    quote: str
    settle: str
    price_scale: int
    size_scale: int
    tick: Decimal
    lot: Decimal
    min_size: Decimal
    max_size: Decimal
    min_price: Decimal
    min_notional: Decimal


class Mode(NamedTuple):
    """What may be done."""

    mode: str
    """``active``, ``reducing`` or ``halted``, as it was asked for."""
    killed: str | None
    """Why the kill switch is on, which halts whatever the mode; None: it is off."""
    broken: str | None
    """Why the journal takes nothing any more; None: it does."""

    @property
    def in_force(self) -> str:
        """The mode that counts."""
        return "halted" if self.killed is not None or self.broken is not None else self.mode
