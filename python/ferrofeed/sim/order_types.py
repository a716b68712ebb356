"""The words of a simulated trading venue: what is listed, who trades, and what became of every order it took."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ferrofeed.sim.instruments import Instrument

Side = Literal["buy", "sell"]
OrderType = Literal["limit", "market", "ioc"]
Offset = Literal["net", "open", "close"]
Product = Literal["spot", "contract"]
Status = Literal["taken", "submitting", "working", "filled", "cancelled", "rejected"]
Op = Literal["place", "cancel", "query"]

EXACT = Context(prec=60)
"""Money is summed here; the usual 28 digits are not many for it."""
ZERO = Decimal(0)
OVER: frozenset[Status] = frozenset({"filled", "cancelled", "rejected"})


class Refusal(Exception):  # noqa: N818 - it is an answer, nothing went wrong
    """A request is refused. ``rule`` is the exchange's name of the reason, the text is for the client."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """One instrument as one market of the venue trades it."""

    number: int
    """The exchange's number of it."""
    market: str
    """The platform or exchange behind the venue that lists it."""
    product: Product
    instrument: Instrument
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    min_size: Decimal
    min_notional: Decimal
    leverage: int

    @property
    def symbol(self) -> str:
        """The canonical name."""
        return self.instrument.symbol


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """One client's account in one market."""

    number: int
    """The exchange's number of it."""
    key: str = field(repr=False)
    """The API key it belongs to."""
    market: str


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of an order."""

    id: str
    price: Decimal
    quantity: Decimal
    maker: bool
    fee: Decimal
    fee_currency: str
    time_ns: int


@dataclass(frozen=True, slots=True)
class Draft:
    """An order as a client asks for it. Quantities have no sign."""

    account: Account
    listing: Listing
    client: str
    side: Side
    type: OrderType
    offset: Offset
    price: Decimal
    """0 for market orders."""
    quantity: Decimal
    """In the base currency or contracts, or money where ``in_money``."""
    in_money: bool = False
    more: Mapping[str, str] = field(default_factory=dict)
    """What else was said and is repeated in answers."""


@dataclass(slots=True, eq=False)
class Order:
    """One order that the venue took, from then on for ever."""

    id: str
    """The venue's id."""
    draft: Draft
    created_ns: int
    updated_ns: int
    status: Status = "taken"
    number: int | None = None
    """The exchange's number, once it is there."""
    whole: Decimal = ZERO
    """How much of it there is, in the base currency or contracts, once it is at the exchange."""
    cancelling: bool = False
    """A cancel was taken and has no effect yet."""
    unsent: bool = False
    """It was cancelled before it ever got to the exchange."""
    forgotten: bool = False
    """The venue lost all memory of it; only the truth keeps it."""
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    """Price x quantity, summed over the fills."""
    fee: Decimal = ZERO
    fills: list[Fill] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.status in OVER

    @property
    def average_price(self) -> Decimal:
        """Average price of the fills to 8 digits, 0 without any."""
        return EXACT.divide(self.cost, self.filled).quantize(Decimal("1e-8"), context=EXACT) if self.filled else ZERO

    def add(self, fill: Fill) -> None:
        """Take in one more execution."""
        self.fills.append(fill)
        self.filled = EXACT.add(self.filled, fill.quantity)
        self.cost = EXACT.add(self.cost, EXACT.multiply(fill.price, fill.quantity))
        self.fee = EXACT.add(self.fee, fill.fee)
        self.updated_ns = fill.time_ns


@dataclass(frozen=True, slots=True)
class OrderOptions:
    """How a simulated trading venue differs from its usual self. Times are seconds."""

    markets: Mapping[str, Product] | None = None
    """What is behind the venue (quantapi: platforms, coinceres: exchanges) and what it trades; None: the usual two."""
    deposits: Mapping[str, str] = field(
        default_factory=lambda: {"USDT": "1000000", "BTC": "100", "ETH": "1000", "SOL": "10000", "XRP": "1000000"}
    )
    """What every account begins with, in each market."""
    maker_ppm: int = 200
    taker_ppm: int = 500
    leverage: int = 10
    """Of contracts."""
    min_notional: str = "0"
    """Smallest price x size of spot orders."""
    live: bool = True
    """The market's moves are the exchange's live book; else its first book stays for ever."""
    answer_delay_s: float = 0.0
    """Every answer comes so late."""
    answer_jitter_s: float = 0.0
    """And up to so much later, each by itself: answers overtake one another."""
    push_delay_s: float = 0.0
    """Every notification comes so late; they keep their order among themselves."""
    push_first: bool = False
    """What an order causes is told before the order is answered."""
    forward_delay_s: float = 0.0
    """coinceres: orders are answered first and get to the exchange so much later, where they may still fail."""
    cancel_delay_s: float = 0.0
    """Cancels are answered first and take effect so much later, unless the order is filled by then."""
    ready_delay_s: float = 0.05
    """quantapi: from the login's answer to the state 2 and as long again to 6."""
    idle_s: float = 15.0
    """quantapi: a connection without any message for so long is closed."""
    rate_limit: int | None = None
    """Orders and cancels that a key may send within a second; more are refused."""
    refuse_repeats: bool = True
    """coinceres: a ``client_oid`` that this key used before is refused."""
    named_refusals: bool = True
    """coinceres: a refused order's answer repeats its ``client_oid``."""
    pushes: Literal["same", "path", "off"] = "same"
    """coinceres: pushes on every connection, only on those to ``/push`` (or to the push port), or not at all."""
    push_port: int | None = None
    """coinceres: a second port, on which every connection is one for pushes; 0: any free one."""
    utc_offset_s: int = 8 * 3600
    """coinceres: its local times are so far ahead of UTC."""
    most_orders: int = 10_000
    """coinceres: an answer lists no more orders than these, the newest first."""
