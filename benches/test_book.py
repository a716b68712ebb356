"""Payload to book, depth 5 by 5 and 20 by 20: ours from whole frames, the others from bare payloads."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from ferrofeed.bench.inprocess import InProcess
from ferrofeed.bench.measure import different_books
from ferrofeed.events import to_decimal

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from ferrofeed.bench.workload import Workload

LOADS = ("depth5", "depth20")


@pytest.mark.parametrize("name", LOADS)
def test_ferrofeed(benchmark: BenchmarkFixture, load: Callable[[str], Workload], name: str) -> None:
    feed = InProcess(load(name))
    benchmark(feed.block)
    found = {}
    for symbol, instrument in feed.instruments.items():
        book = feed.core.book(instrument)
        assert book is not None
        found[symbol.replace("/", "_")] = [
            [[to_decimal(price, book.price_scale), to_decimal(size, book.size_scale)] for price, size in side]
            for side in (book.bids, book.asks)
        ]
    assert different_books(load(name).books, found) == []


@pytest.mark.parametrize("name", LOADS)
def test_orjson_dict(benchmark: BenchmarkFixture, load: Callable[[str], Workload], name: str) -> None:
    """Floats in a dict a side: fast and not exact."""
    orjson = pytest.importorskip("orjson")
    bids: dict[str, dict[float, float]] = {}
    asks: dict[str, dict[float, float]] = {}

    def work() -> None:
        for payload in load(name).payloads:
            data = orjson.loads(payload)["data"]
            symbol = data["s"]
            bids[symbol] = {level["p"]: level["v"] for level in data["b"]}
            asks[symbol] = {level["p"]: level["v"] for level in data["a"]}

    benchmark(work)
    found = {symbol: [[*bids[symbol].items()], [*asks[symbol].items()]] for symbol in bids}
    assert different_books(load(name).books, found) == []


@pytest.mark.parametrize("name", LOADS)
def test_cryptofeed_way(benchmark: BenchmarkFixture, load: Callable[[str], Workload], name: str) -> None:
    """cryptofeed's: Decimal from the number's text, and the C ``order_book``."""
    orjson = pytest.importorskip("orjson")
    order_book = pytest.importorskip("order_book")
    books: dict[str, Any] = {}

    def work() -> None:
        for payload in load(name).payloads:
            data = orjson.loads(payload)["data"]
            book = books[data["s"]] = order_book.OrderBook(max_depth=0)
            book.bids = {Decimal(str(level["p"])): Decimal(str(level["v"])) for level in data["b"]}
            book.asks = {Decimal(str(level["p"])): Decimal(str(level["v"])) for level in data["a"]}

    benchmark(work)
    found = {}
    for symbol, book in books.items():
        sides = book.to_dict()
        found[symbol] = [list(sides["bid"].items()), list(sides["ask"].items())]
    assert different_books(load(name).books, found) == []


@pytest.mark.parametrize("name", LOADS)
def test_nautilus(benchmark: BenchmarkFixture, load: Callable[[str], Workload], name: str) -> None:
    """nautilus_trader's book, fed by deltas as its adapters do. `make bench` has it not: it pins another uvloop."""
    orjson = pytest.importorskip("orjson")
    model = pytest.importorskip("nautilus_trader.model")
    data_types = pytest.importorskip("nautilus_trader.model.data")
    enums = pytest.importorskip("nautilus_trader.model.enums")
    book_types = pytest.importorskip("nautilus_trader.model.book")
    ids = {
        symbol.replace("/", "_"): model.InstrumentId.from_str(f"{symbol.replace('/', '')}.BENCH")
        for symbol in load(name).symbols
    }
    books = {symbol: book_types.OrderBook(known, enums.BookType.L2_MBP) for symbol, known in ids.items()}
    add, buy, sell = enums.BookAction.ADD, enums.OrderSide.BUY, enums.OrderSide.SELL

    def work() -> None:
        for payload in load(name).payloads:
            data = orjson.loads(payload)["data"]
            known = ids[data["s"]]
            deltas = [data_types.OrderBookDelta.clear(known, 0, 0, 0)]
            for key, side in (("b", buy), ("a", sell)):
                for level in data[key]:
                    order = data_types.BookOrder(side, model.Price(level["p"], 2), model.Quantity(level["v"], 8), 0)
                    deltas.append(data_types.OrderBookDelta(known, add, order, 0, 0, 0, 0))
            books[data["s"]].apply_deltas(data_types.OrderBookDeltas(known, deltas))

    benchmark(work)
    found = {
        symbol: [[(str(level.price), level.size()) for level in side] for side in (book.bids(), book.asks())]
        for symbol, book in books.items()
    }
    assert different_books(load(name).books, found) == []
