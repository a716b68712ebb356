"""What the peers share: their job, TLS, and the plainest fast book a Python user writes."""

from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvloop

from ferrofeed.bench.meter import Meter, ReceiveJob, number_of, stamp_table

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

PATIENCE_S: Final = 120.0
READ: Final = 65_536
"""Bytes of a read buffer, for whoever lets one say: as large as ferrofeed's."""


def tls(job: ReceiveJob) -> ssl.SSLContext | None:
    """A context that trusts the sender, None without TLS."""
    return ssl.create_default_context(cafile=job.ca) if job.ca else None


def run(receive: Callable[[ReceiveJob], Coroutine[Any, Any, None]]) -> None:
    """Run a receiver on uvloop."""
    job = ReceiveJob.from_argv()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(receive(job), PATIENCE_S))


class State:
    """What a strategy keeps: books as dicts, last quotes and trades. Counts frames, and knows the last one.

    The fast way to write it: floats as orjson gives them, a snapshot becomes a new dict by one comprehension.
    """

    __slots__ = ("asks", "best", "bids", "done", "job", "left", "meter", "quotes", "stamps", "trades")

    def __init__(self, job: ReceiveJob, meter: Meter, done: Callable[[], None]) -> None:
        self.job = job
        self.meter = meter
        self.left = job.frames
        self.done = done
        self.bids: dict[str, dict[float, float]] = {}
        self.asks: dict[str, dict[float, float]] = {}
        self.best: dict[str, tuple[float, float]] = {}
        self.quotes: dict[str, tuple[float, float, int]] = {}
        self.trades: dict[str, tuple[float, float, int]] = {}
        self.stamps = stamp_table(job.frames) if job.stamps else None

    def message(self, message: dict[str, Any]) -> None:
        """Work on one decoded message of iTick or ziario."""
        data = message.get("data")
        if data is None:
            self.quotes[message["symbol"]] = (
                float(message["price"]),
                float(message["volume_24h"]),
                message["timestamp"],
            )
        else:
            symbol, kind = data["s"], data["type"]
            if kind == "depth":
                bids = data["b"]
                asks = data["a"]
                self.bids[symbol] = {level["p"]: level["v"] for level in bids}
                self.asks[symbol] = {level["p"]: level["v"] for level in asks}
                self.best[symbol] = (bids[0]["p"], asks[0]["p"])
            elif kind == "quote":
                self.quotes[symbol] = (data["ld"], data["v"], data["t"])
            else:
                self.trades[symbol] = (data["ld"], data["v"], data["t"])
            if self.stamps is not None:
                self.stamps[number_of(data["t"])] = time.monotonic_ns()
        self.left -= 1
        if not self.left:
            self.finish()

    def finish(self) -> None:
        """The last frame was worked on."""
        self.meter.done()
        self.done()

    def report(self) -> None:
        """Say the result."""
        if self.stamps is not None:
            Path(self.job.stamps).write_bytes(self.stamps.tobytes())
        books = {
            symbol: [[[repr(price), repr(size)] for price, size in side.items()] for side in (bids, self.asks[symbol])]
            for symbol, bids in self.bids.items()
        }
        self.meter.report(self.job.frames - self.left, books)


class Ending:
    """A future that a callback may end."""

    def __init__(self) -> None:
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end(self) -> None:
        """Let :meth:`wait` return."""
        if not self._future.done():
            self._future.set_result(None)

    async def wait(self) -> None:
        """Until :meth:`end`."""
        await self._future
