"""cryptofeed itself: an exchange written as its own are, on its own transport, with its own books and callbacks.

The package's ``Feed``, ``WSAsyncConn`` (websockets' asyncio client), ``ConnectionHandler`` and compiled types do the
work; the handler follows `exchanges/bitstamp.py` and `exchanges/okx.py`: yapic.json with ``parse_float=Decimal``, a
snapshot becomes a new ``OrderBook`` (the C package ``order_book``), an async callback for each event. Faster than its
defaults here: no compression, no pings; the queue is endless anyway. uvloop, as its ``FeedHandler`` sets it.
"""

from __future__ import annotations

import asyncio
import os
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from cryptofeed.connection import WebsocketEndpoint
from cryptofeed.defines import L2_BOOK, TICKER, TRADES
from cryptofeed.feed import Feed
from cryptofeed.symbols import Symbols
from cryptofeed.types import OrderBook, Ticker, Trade
from yapic import json

from benches.peers.common import Ending, run
from ferrofeed.bench import workload
from ferrofeed.bench.meter import Meter, ReceiveJob, number_of, stamp_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptofeed.connection import AsyncConnection

CHANNELS = {TRADES: "trade", TICKER: "quote", L2_BOOK: "depth"}


class Bench(Feed):
    """iTick and ziario, as one of cryptofeed's exchanges."""

    id = "BENCH"
    rest_endpoints: ClassVar[list[Any]] = []
    websocket_endpoints: ClassVar = [
        WebsocketEndpoint("wss://127.0.0.1", options={"compression": None, "ping_interval": None, "proxy": None})
    ]
    websocket_channels: ClassVar = CHANNELS

    async def subscribe(self, connection: AsyncConnection) -> None:
        """Nothing to say: the sender sends everything to everyone."""

    async def _book(self, data: dict[str, Any], timestamp: float) -> None:
        pair = self.exchange_symbol_to_std_symbol(data["s"])
        book = self._l2_book[pair] = OrderBook(
            self.id,
            pair,
            max_depth=self.max_depth,
            bids={Decimal(level["p"]): Decimal(level["v"]) for level in data["b"]},
            asks={Decimal(level["p"]): Decimal(level["v"]) for level in data["a"]},
        )
        await self.book_callback(L2_BOOK, book, timestamp, timestamp=data.get("t"), raw=data)

    async def _trade(self, data: dict[str, Any], timestamp: float) -> None:
        pair = self.exchange_symbol_to_std_symbol(data["s"])
        price, size = Decimal(data["ld"]), Decimal(data["v"])
        trade = Trade(self.id, pair, "", size, price, data["t"] / 1000, raw=data)
        await self.callback(TRADES, trade, timestamp)

    async def _quote(self, data: dict[str, Any], timestamp: float) -> None:
        pair = self.exchange_symbol_to_std_symbol(data["s"])
        # its Ticker holds a bid and an ask; a quote of iTick has the last price only
        last = Decimal(data["ld"])
        await self.callback(TICKER, Ticker(self.id, pair, last, last, data["t"] / 1000, raw=data), timestamp)

    async def _ticker(self, msg: dict[str, Any], timestamp: float) -> None:
        pair = self.exchange_symbol_to_std_symbol(msg["symbol"])
        last = Decimal(msg["price"])
        await self.callback(TICKER, Ticker(self.id, pair, last, last, float(msg["timestamp"]), raw=msg), timestamp)

    async def message_handler(self, msg: str, conn: AsyncConnection, timestamp: float) -> None:  # noqa: ARG002  # theirs
        """One message, as the connection's handler hands it over."""
        decoded = json.loads(msg, parse_float=Decimal)
        if "data" in decoded:
            data = decoded["data"]
            kind = data["type"]
            if kind == "depth":
                await self._book(data, timestamp)
            elif kind == "quote":
                await self._quote(data, timestamp)
            else:
                await self._trade(data, timestamp)
        else:
            await self._ticker(decoded, timestamp)

    def found(self) -> dict[str, Any]:
        """Every book, by the venue's symbol."""
        books = {}
        for pair, book in self._l2_book.items():
            sides = book.to_dict()["book"]
            books[self.std_symbol_to_exchange_symbol(pair)] = [
                [[str(price), str(size)] for price, size in sides[side].items()] for side in ("bid", "ask")
            ]
        return books


def make(kind: str, symbols: tuple[str, ...], callback: Callable[[Any, float], Any]) -> Bench:
    """The exchange with these symbols; no request is made for them."""
    joint = "_" if kind == "itick" else ""
    Symbols.set(Bench.id, {symbol.replace("/", "-"): symbol.replace("/", joint) for symbol in symbols}, {})
    return Bench(
        config={"uvloop": True, "log": {"disabled": True}},
        symbols=[symbol.replace("/", "-") for symbol in symbols],
        channels=list(CHANNELS),
        callbacks=dict.fromkeys(CHANNELS, callback),
        timeout=-1,
    )


class Callback:
    """The user's: counts, and knows the last one."""

    def __init__(self, job: ReceiveJob, meter: Meter, done: Callable[[], None]) -> None:
        self.left = job.frames
        self.stamps = stamp_table(job.frames) if job.stamps else None
        self._meter = meter
        self._done = done

    async def call(self, event: Any, _receipt: float) -> None:
        if self.stamps is not None:
            self.stamps[number_of(event.raw["t"])] = time.monotonic_ns()
        self.left -= 1
        if not self.left:
            self._meter.done()
            self._done()


async def receive(job: ReceiveJob) -> None:
    meter, ending = Meter(), Ending()
    load = workload.build(job.load, instruments=job.instruments)
    if job.ca:
        # websockets takes the default context where it is given none, as cryptofeed gives none
        os.environ["SSL_CERT_FILE"] = job.ca
    user = Callback(job, meter, ending.end)
    feed = make(load.kind, load.symbols, user.call)
    feed.start(asyncio.get_running_loop())
    handler = feed.connection_handlers[0]
    # its connection wants a wss address when it is made; over tcp it is told the real one before it connects
    handler.conn.address = job.url
    while not handler.conn.is_open:  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # it has no event to wait for
    meter.ready()
    await ending.wait()
    feed.stop()
    if user.stamps is not None:
        Path(job.stamps).write_bytes(user.stamps.tobytes())  # noqa: ASYNC240  # all is over
    meter.report(job.frames - user.left, feed.found())
    handler.conn.conn.transport.abort()  # the sender answers no close frame
    await feed.shutdown()


if __name__ == "__main__":
    run(receive)
