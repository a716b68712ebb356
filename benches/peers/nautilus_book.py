"""nautilus_trader's types and order book, fed from payloads as its own adapters do it.

msgspec structs as in `adapters/bybit`, a snapshot becomes a clear and an add for each level in one
``OrderBookDeltas``; trades and quotes become its ``TradeTick`` and ``QuoteTick``. Floats go into its fixed-point
values by their constructors, the fastest it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas, QuoteTick, TradeTick
from nautilus_trader.model.enums import AggressorSide, BookAction, BookType, OrderSide, RecordFlag
from nautilus_trader.model.identifiers import InstrumentId, TradeId
from nautilus_trader.model.objects import Price, Quantity

from benches.peers.shapes import ITICK, ZIARIO, Depth, Quote

if TYPE_CHECKING:
    from collections.abc import Iterable

PRICE_DIGITS, SIZE_DIGITS = 2, 8
NONE = Quantity(0, SIZE_DIGITS)
# once: reading a member of an enum class is slow
ADD, BUY, SELL, LAST, ANYONE = (
    BookAction.ADD,
    OrderSide.BUY,
    OrderSide.SELL,
    int(RecordFlag.F_LAST),
    AggressorSide.NO_AGGRESSOR,
)
MS = 1_000_000


class Books:
    """A book, the last quote and the last trade of each instrument."""

    def __init__(self, symbols: Iterable[str], joint: str) -> None:
        self.ids = {
            symbol.replace("/", joint): InstrumentId.from_str(f"{symbol.replace('/', '')}.BENCH") for symbol in symbols
        }
        self.books = {symbol: OrderBook(known, BookType.L2_MBP) for symbol, known in self.ids.items()}
        self.quotes: dict[str, Any] = {}
        self.trades: dict[str, Any] = {}
        self.trade_id = TradeId("1")

    def itick(self, payload: bytes) -> Any:
        """Work on one message; gives what it became."""
        data = ITICK.decode(payload).data
        symbol = data.s
        known = self.ids[symbol]
        at = data.t * MS
        if isinstance(data, Depth):
            deltas = [OrderBookDelta.clear(known, 0, at, at)]
            for side, levels in ((BUY, data.b), (SELL, data.a)):
                for level in levels:
                    order = BookOrder(side, Price(level.p, PRICE_DIGITS), Quantity(level.v, SIZE_DIGITS), 0)
                    deltas.append(OrderBookDelta(known, ADD, order, 0, 0, at, at))
            deltas[-1] = OrderBookDelta(known, ADD, order, LAST, 0, at, at)
            event = OrderBookDeltas(known, deltas)
            self.books[symbol].apply_deltas(event)
        elif isinstance(data, Quote):
            price = Price(data.ld, PRICE_DIGITS)
            event = self.quotes[symbol] = QuoteTick(known, price, price, NONE, NONE, at, at)
        else:
            price, size = Price(data.ld, PRICE_DIGITS), Quantity(data.v, SIZE_DIGITS)
            event = self.trades[symbol] = TradeTick(known, price, size, ANYONE, self.trade_id, at, at)
        return event

    def ziario(self, payload: bytes) -> Any:
        """Work on one ticker."""
        data = ZIARIO.decode(payload)
        known, at = self.ids[data.symbol], data.timestamp * 1_000 * MS
        price = Price.from_str(data.price)
        event = self.quotes[data.symbol] = QuoteTick(known, price, price, NONE, NONE, at, at)
        return event

    def found(self) -> dict[str, Any]:
        """Every book that has levels, by the venue's symbol."""
        return {
            symbol: [
                [[str(level.price), str(level.orders()[0].size)] for level in side]
                for side in (book.bids(), book.asks())
            ]
            for symbol, book in self.books.items()
            if book.bids()
        }
