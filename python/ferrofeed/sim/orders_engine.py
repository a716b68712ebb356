"""The exchange behind a simulated trading venue: the paper exchange, what is listed on it, and its live book.

Everything that differs between the paper exchange and what a venue needs of one is here, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ferrofeed.sim.instruments import decimal_text
from ferrofeed.sim.order_json import plain
from ferrofeed.sim.order_types import EXACT, ZERO, Account, Fill, Listing, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ferrofeed._core import PaperExchange
    from ferrofeed.sim.instruments import Instrument
    from ferrofeed.sim.market import Market, State
    from ferrofeed.sim.order_types import Draft, OrderOptions, Product

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened on the exchange."""

    kind: Literal["fill", "cancelled", "balance", "position"]
    account: int
    order: int = 0
    fill: Fill | None = None
    instrument: int = 0


@dataclass(frozen=True, slots=True)
class Balance:
    """One currency of an account."""

    free: Decimal
    locked: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class Holding:
    """One side of the position in a contract."""

    quantity: Decimal
    available: Decimal
    open_price: Decimal
    margin: Decimal


class Engine:
    """The paper exchange with the instruments of a market listed on it, once for each market behind the venue."""

    def __init__(
        self,
        exchange: PaperExchange,
        refused: type[Exception],
        market: Market,
        markets: Mapping[str, Product],
        options: OrderOptions,
    ) -> None:
        self.exchange = exchange
        self.markets = markets
        """What is behind the venue, and what it trades."""
        self.listings: dict[tuple[str, str], Listing] = {}
        """By market and canonical symbol."""
        self.by_number: dict[int, Listing] = {}
        self._by_symbol: dict[str, list[Listing]] = {}
        self._refused = refused
        self._market = market
        self._options = options
        self._accounts: dict[tuple[str, str], Account] = {}
        pairs = [instrument for instrument in market.instruments if "/" in instrument.symbol]
        if not pairs:
            raise ValueError("no pairs among the symbols: a trading venue lists BASE/QUOTE only")
        for name, product in markets.items():
            for instrument in pairs:
                self._list(name, product, instrument)

    def _list(self, market: str, product: Product, instrument: Instrument) -> None:
        base, _, quote = instrument.symbol.partition("/")
        tick = Decimal(decimal_text(instrument.tick, instrument.price_decimals))
        lot = Decimal(1).scaleb(-instrument.size_decimals)
        least = Decimal(self._options.min_notional) if product == "spot" else ZERO
        number = self.exchange.add_instrument(
            f"{market}:{instrument.symbol}",
            product=product,
            base=base,
            quote=quote,
            settle=quote,
            tick=plain(tick),
            lot=plain(lot),
            min_size=plain(lot),
            min_notional=plain(least),
            leverage=self._options.leverage,
        )
        listing = Listing(
            number, market, product, instrument, base, quote, tick, lot, lot, least, self._options.leverage
        )
        self.listings[market, instrument.symbol] = listing
        self.by_number[number] = listing
        self._by_symbol.setdefault(instrument.symbol, []).append(listing)

    def account(self, key: str, market: str) -> Account:
        """Return the account of a key in a market; the first time it is opened and given its money."""
        account = self._accounts.get((key, market))
        if account is None:
            number = self.exchange.add_account(f"{market}:{key}")
            account = self._accounts[key, market] = Account(number, key, market)
            for currency, amount in self._options.deposits.items():
                self.exchange.deposit(number, currency, amount)
            self.exchange.events()
        return account

    @property
    def accounts(self) -> tuple[Account, ...]:
        """All that were opened, in that order."""
        return tuple(self._accounts.values())

    def show(self, now_ns: int, state: State) -> None:
        """Make the market's book the live book of every listing of that instrument."""
        for listing in self._by_symbol.get(state.instrument.symbol, ()):
            self.restore(now_ns, listing)

    def restore(self, now_ns: int, listing: Listing) -> None:
        """Show the market's own book again."""
        bids, asks = self._market.book_text(listing.symbol)
        self.exchange.market(now_ns, listing.number, bids, asks)

    def submit(self, now_ns: int, draft: Draft) -> tuple[int, Decimal]:
        """Hand an order to the exchange. :returns: its number and how much of it there is. :raises Refusal: no."""
        quantity = self._bought_for(draft) if draft.in_money else draft.quantity
        number = self._ask(
            lambda: self.exchange.submit(
                now_ns,
                draft.account.number,
                draft.listing.number,
                draft.side,
                draft.type,
                draft.offset,
                plain(draft.price),
                plain(quantity),
                draft.client,
            )
        )
        return number, quantity

    def cancel(self, now_ns: int, account: Account, number: int) -> None:
        """Cancel an order. :raises Refusal: it is over."""
        self._ask(lambda: self.exchange.cancel(now_ns, account.number, number))

    def _ask(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except self._refused as error:
            rule, *words = error.args
            raise Refusal(str(rule), str(words[0]) if words else str(rule)) from None

    def _bought_for(self, draft: Draft) -> Decimal:
        """How much this money buys from the displayed book, fee included, in whole lots."""
        rest, quantity = draft.quantity, ZERO
        fee = EXACT.add(Decimal(1), Decimal(self._options.taker_ppm).scaleb(-6))
        for price, size in self._market.book_text(draft.listing.symbol)[1]:
            cost = EXACT.multiply(Decimal(price), fee)
            taken = min(Decimal(size), EXACT.divide(rest, cost))
            quantity = EXACT.add(quantity, taken)
            rest = EXACT.subtract(rest, EXACT.multiply(taken, cost))
        lots = EXACT.divide_int(quantity, draft.listing.lot)
        if not lots:
            raise Refusal("min_size", "the money buys less than one lot")
        return EXACT.multiply(lots, draft.listing.lot)

    def events(self) -> list[Event]:
        """What happened since the last call, in order."""
        return [event for event in map(_event, self.exchange.events()) if event is not None]

    def balances(self, account: Account) -> dict[str, Balance]:
        """Every currency of an account."""
        found = self.exchange.balances(account.number)
        return {currency: Balance(*map(Decimal, numbers)) for currency, numbers in sorted(found.items())}

    def position(self, account: Account, listing: Listing) -> tuple[Holding, Holding]:
        """The long and the short position in a contract."""
        found = self.exchange.position(account.number, listing.number)
        return _holding(found, "long"), _holding(found, "short")

    def mark(self, listing: Listing) -> Decimal:
        """The middle of the live market."""
        bids, asks = self._market.book_text(listing.symbol)
        return EXACT.divide(EXACT.add(Decimal(bids[0][0]), Decimal(asks[0][0])), Decimal(2))


def _event(raw: tuple[Any, ...]) -> Event | None:
    kind, account, *rest = raw
    if kind == "fill":
        order, fill_id, price, quantity, liquidity, fee, currency, time_ns = rest
        fill = Fill(
            str(fill_id), Decimal(price), Decimal(quantity), liquidity == "maker", Decimal(fee), currency, time_ns
        )
        return Event("fill", account, order, fill)
    if kind == "cancelled":
        return Event("cancelled", account, rest[0])
    if kind == "balance":
        return Event("balance", account)
    if kind == "position":
        return Event("position", account, instrument=rest[0])
    return None


def _holding(found: Mapping[str, Any], side: str) -> Holding:
    return Holding(
        Decimal(found[f"{side}_quantity"]),
        Decimal(found[f"{side}_avail"]),
        Decimal(found[f"{side}_open_price"]),
        Decimal(found[f"{side}_margin"]),
    )
