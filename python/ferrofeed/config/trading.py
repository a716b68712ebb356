"""The order side of the configuration, typed: the journal and its router, risk, and what may be traded where."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal
    from pathlib import Path

ORDER_KINDS: Final = ("coinceres", "quantapi", "paper")
"""Kinds of venues that trade; the others bring market data."""
DESK_LIMITS: Final = ("max_open_orders", "orders_per_window", "window_s", "cancel_reserve")
"""Limits of a venue as a whole: no instrument has its own."""


@dataclass(frozen=True, slots=True)
class RiskConfig:
    """Limits of orders. None: nothing said here, so the next wider table's word holds; nobody's word is no limit."""

    max_quantity: Decimal | None = None
    """Largest quantity of one order; of an order in money, the money."""
    max_notional: Decimal | None = None
    """Largest price x quantity of one order."""
    collar_bps: int | None = None
    """How far a price may go through the other side of our own book, in basis points."""
    collar_max_age_s: float | None = None
    """A book whose last change is older is no book; 5 s."""
    collar_without_book: str | None = None
    """``reject`` (so it is by default) or ``allow``: where the collar has no book to look at."""
    max_position: Decimal | None = None
    """How large the position may become, long or short, if every live order of that side is filled."""
    max_open_orders: int | None = None
    """Live orders at the venue."""
    max_open_orders_per_symbol: int | None = None
    orders_per_window: int | None = None
    """Requests the venue takes in any window of ``window_s``."""
    window_s: float | None = None
    """1 s."""
    cancel_reserve: int | None = None
    """How many of them orders and questions leave for cancels; 0."""
    duplicate_window_s: float | None = None
    """Not the same side, price and quantity again within this; 0: no limit."""

    def over(self, wider: RiskConfig) -> RiskConfig:
        """What holds where this table stands inside another: key by key this one's word first."""
        said = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(wider, **{name: value for name, value in said.items() if value is not None})


@dataclass(frozen=True, slots=True)
class TradeConfig:
    """Symbols that may be traded at a venue, and how."""

    symbols: Sequence[str]
    """Canonical, or as the venue spells them."""
    product: str = "spot"
    """``spot`` or ``contract``."""
    reference: str = ""
    """The market-data venue whose book the collar looks at; of a paper venue its ``market`` if nothing is said."""
    tick: Decimal | None = None
    """Prices are multiples of it. Paper only: other venues say it themselves, as what follows."""
    lot: Decimal | None = None
    """Sizes are multiples of it."""
    min_size: Decimal | None = None
    min_notional: Decimal | None = None
    leverage: int = 1
    """Of a contract's position over its margin."""
    risk: RiskConfig = field(default_factory=RiskConfig)


@dataclass(frozen=True, slots=True)
class OrdersConfig:
    """The router and its journal."""

    journal: Path | None = None
    """The journal's folder; one process at a time writes there. Required as soon as a venue trades."""
    fsync: str = "batched"
    """``off``, ``batched`` or ``always``: what of the journal a loss of power may take."""
    fsync_interval_ms: int = 10
    """Of ``batched``: at most so much of the last orders."""
    segment_mb: int = 64
    keep_segments: int = 16
    """Segments kept for people, the one in use not counted."""
    client_prefix: str = "ff"
    """In front of our order ids at venues that take them."""
    ttl_s: float = 2.0
    """Commands that could not be sent within this are not sent."""
    ack_timeout_s: float = 5.0
    """How long a venue's answer may take before it counts as missing."""
    settle_s: float = 2.0
    """How long a venue may take to work on what it was sent before a connection was cut."""
    kill_file: Path | None = None
    """While it is there the kill switch is on; ``KILL`` in the journal's folder."""
    on_stop: str = "keep"
    """``keep`` or ``cancel``: what an orderly stop does with live orders."""
    events: int = 65_536
    """Order events that may wait for one consumer; a slower one is disconnected."""
    keep_orders: int = 10_000
    """Finished orders kept in memory."""
    risk: RiskConfig = field(default_factory=RiskConfig)

    @property
    def kill_path(self) -> Path | None:
        """Where the kill file would be; None without a journal."""
        if self.kill_file is not None or self.journal is None:
            return self.kill_file
        return self.journal / "KILL"
