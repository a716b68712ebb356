"""Ways to send an order: ours, with and without a journal, and what one would write by hand.

Each sends the same orders in CoinCeres' words over a WebSocket of picows. An order is one call of ``place``; what the
venue answers comes in ``answer``, which is not measured.
"""

from __future__ import annotations

import importlib.util
import json
import os
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Protocol

from ferrofeed import _core
from ferrofeed.orders.api import Orders
from ferrofeed.orders.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ferrofeed.orders.order import Order

    Send = Callable[[bytes], object]

NEVER_NS: Final = 1 << 60
SYMBOL: Final = "ETH/USDT"
STAGES: Final = ("risk", "journal", "outbox", "encode")


@dataclass(frozen=True, slots=True)
class Rules:
    """An instrument as the core takes it."""

    symbol: str = SYMBOL
    raw_symbol: str = "ETH_USDT"
    product: str = "spot"
    base: str = "ETH"
    quote: str = "USDT"
    settle: str = "USDT"
    price_scale: int = 2
    size_scale: int = 3
    tick: str = "0.01"
    lot: str = "0.001"
    min_size: str = "0.001"
    max_size: str = "0"
    min_price: str = "0"
    min_notional: str = "0"


class Terms:
    """What is asked for: a purchase, then the sale of as much, at ever other prices."""

    def __init__(self) -> None:
        self._prices = [Decimal(10_000 + number) / 100 for number in range(997)]
        self._quantities = [Decimal(1 + number) / 1000 for number in range(89)]

    def of(self, number: int) -> tuple[str, Decimal, Decimal]:
        """Side, quantity and price of an order."""
        side = "sell" if number & 1 else "buy"
        return side, self._quantities[number // 2 % 89], self._prices[number % 997]


class Way(Protocol):
    """A way to send an order."""

    def place(self, side: str, quantity: Decimal, price: Decimal) -> Any:
        """Send one; gives something that names it."""

    def answer(self, placed: Sequence[Any]) -> None:
        """The venue has accepted these, and filled them."""

    def close(self) -> None:
        """Check that nothing was strange, and end."""


class Ferrofeed:
    """``Orders.place`` of a CoinCeres desk."""

    def __init__(self, send: Send, journal: Path | None, fsync: str) -> None:
        folder = None if journal is None else str(journal)
        # no answer is awaited from anybody: a start needs no pause
        self._core = _core.OrderCore(journal=folder, fsync=fsync, segment_bytes=1 << 40, settle_ns=0)
        self._desk = ready_desk(self._core)
        self._send = send
        self._orders = Orders(self._core, [self._desk], wake=self._wake)

    def _wake(self, link: int | None) -> None:
        if link is None:
            return
        while (text := self._core.outgoing(link)) is not None:
            self._send(text)

    def place(self, side: str, quantity: Decimal, price: Decimal) -> int:
        """See :class:`Way`."""
        return self._orders.place("ceres", SYMBOL, side, quantity, price).id

    def answer(self, placed: Sequence[int]) -> None:
        """See :class:`Way`."""
        for order in placed:
            accepted = {"client_oid": f"ff{order}", "system_oid": f"1{order}"}
            self._hear({"biz_type": 11, "code": "200", "message": "SUCESS", "data": accepted})
            self._hear({"messageType": "1", "entrustId": f"1{order}", "entrustStatus": "FILLED"})
        self._orders.distribute()

    def _hear(self, message: Mapping[str, Any]) -> None:
        hear(self._core, self._desk.link, message)

    def stages(self, percentiles: Sequence[float]) -> dict[str, list[int]]:
        """Percentiles, in ns, of each stage that the core measures."""
        return {stage: self._core.percentiles(self._desk.number, stage, list(percentiles)) for stage in STAGES}

    def close(self) -> None:
        """See :class:`Way`."""
        anomalies, denials, _, live = self._core.counts()
        if anomalies or denials or live or self._core.mode()[2] is not None:
            raise RuntimeError(f"{anomalies} anomalies, {denials} denials, {live} live orders in the end")
        self._orders.close()


class ByHand:
    """A dict of orders, a line in a file, a message: no checks, no limits, no state but that it was sent."""

    def __init__(self, send: Send, journal: Path, dumps: Callable[[Any], bytes]) -> None:
        self._file = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._dumps = dumps
        self._send = send
        self._last = time.time_ns() // 1000
        self._live: dict[str, dict[str, Any]] = {}

    def place(self, side: str, quantity: Decimal, price: Decimal) -> str:
        """See :class:`Way`."""
        self._last += 1
        order_id = f"ff{self._last}"
        order = {
            "exchange": "OKEX",
            "contract": "ETH_USDT",
            "price_type": "limit",
            "entrust_price": format(price, "f"),
            "entrust_vol": format(quantity, "f"),
            "entrust_bs": side,
            "client_oid": order_id,
            "biz_type": 11,
        }
        text = self._dumps(order)
        os.write(self._file, self._dumps({"time": time.time_ns(), "place": order}) + b"\n")
        self._live[order_id] = order
        self._send(text)
        return order_id

    def answer(self, placed: Sequence[str]) -> None:
        """See :class:`Way`."""
        for order in placed:
            del self._live[order]

    def close(self) -> None:
        """See :class:`Way`."""
        os.close(self._file)


class SendOnly:
    """A message that is there already: what of every other way is the socket's, and nobody's to save."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._text = _json(
            {
                "exchange": "OKEX",
                "contract": "ETH_USDT",
                "price_type": "limit",
                "entrust_price": "3021.17",
                "entrust_vol": "0.245",
                "entrust_bs": "buy",
                "client_oid": "ff1795259288545999",
                "biz_type": 11,
            }
        )

    def place(self, _side: str, _quantity: Decimal, _price: Decimal) -> None:
        """See :class:`Way`."""
        self._send(self._text)

    def answer(self, placed: Sequence[None]) -> None:
        """See :class:`Way`."""

    def close(self) -> None:
        """See :class:`Way`."""


class Paper:
    """The paper exchange in this process, without latencies of its own: a round trip is one call."""

    def __init__(self) -> None:
        self._core = _core.OrderCore(settle_ns=0)
        desk = Desk("paper", "paper", self._core.add_paper("paper", 0, poll_ns=NEVER_NS), 0)
        instrument = self._core.add_instrument(desk.number, Rules())
        self._core.list_paper(instrument, maker_ppm=200, taker_ppm=500)
        self._core.deposit_paper(desk.number, "USDT", "1000000")
        desk.add(instrument, SYMBOL, "ETH_USDT")
        self._core.opened(0)
        wait_ready(self._core, desk, lambda _text: None)
        self._orders = Orders(self._core, [desk])

    def round_trips(self, orders: int, terms: Terms) -> dict[str, list[int]]:
        """ns until each order is live at the exchange, and until it is cancelled there."""
        times: dict[str, list[int]] = {"place to working": [], "cancel to cancelled": []}
        clock, core = time.perf_counter_ns, self._core
        for number in range(orders):
            _, quantity, price = terms.of(number)
            start = clock()
            order = self._orders.place("paper", SYMBOL, "buy", quantity, price)
            placed = clock()
            _must_be(order, "working")
            asked = clock()
            self._orders.cancel(order)
            cancelled = clock()
            _must_be(order, "cancelled")
            times["place to working"].append(placed - start)
            times["cancel to cancelled"].append(cancelled - asked)
        if core.counts()[0]:
            raise RuntimeError("anomalies")
        return times


def _must_be(order: Order, state: str) -> None:
    if order.state != state:
        raise RuntimeError(f"a paper order is {order.state}, not {state}")


def hear(core: _core.OrderCore, link: int, message: Mapping[str, Any]) -> None:
    """Let the router hear a message; ``RuntimeError`` if it makes nothing of it."""
    heard, detail = core.message(link, json.dumps(message).encode())
    if heard != "reports":
        raise RuntimeError(f"{heard}: {detail}")


def wait_ready(core: _core.OrderCore, desk: Desk, asked: Callable[[bytes], object]) -> None:
    """Let time pass until the desk takes orders; ``asked`` answers its questions."""
    end = time.monotonic() + 10
    while core.desk_state(desk.number) != "ready":
        if time.monotonic() > end:
            raise TimeoutError(f"{desk.venue} is {core.desk_state(desk.number)}")
        while (text := core.outgoing(desk.link)) is not None:
            asked(text)
        core.tick()
        core.pump()


def ready_desk(core: _core.OrderCore) -> Desk:
    """A CoinCeres desk that has nothing, was asked everything, and takes orders."""
    desk = Desk("ceres", "coinceres", core.add_coinceres("ceres", 0, exchange="OKEX", poll_ns=NEVER_NS), 0)
    desk.add(core.add_instrument(desk.number, Rules()), SYMBOL, "ETH_USDT")
    core.opened(0)

    def nothing(text: bytes) -> None:
        answer = {"biz_type": json.loads(text)["biz_type"], "code": "200", "message": "SUCESS", "data": []}
        hear(core, desk.link, answer)

    wait_ready(core, desk, nothing)
    return desk


def _orjson() -> Callable[[Any], bytes] | None:
    if importlib.util.find_spec("orjson") is None:
        return None
    import orjson  # noqa: PLC0415  # may not be there

    dumps: Callable[[Any], bytes] = orjson.dumps
    return dumps


_COMPACT: Final = json.JSONEncoder(separators=(",", ":")).encode


def _json(order: Any) -> bytes:
    return _COMPACT(order).encode()


OURS: Final = "ferrofeed, fsync off"
"""The one the target is for."""
FAST_PEER: Final = "by hand, orjson"
PLAIN_PEER: Final = "by hand, json"


def ways(folder: Path) -> dict[str, Callable[[Send], Way]]:
    """Every way there is here, by name; their files go to ``folder``."""
    found: dict[str, Callable[[Send], Way]] = {
        "ferrofeed, no journal": lambda send: Ferrofeed(send, None, "off"),
        OURS: lambda send: Ferrofeed(send, folder / "off", "off"),
        "ferrofeed, fsync batched": lambda send: Ferrofeed(send, folder / "batched", "batched"),
    }
    fast = _orjson()
    if fast is not None:
        found[FAST_PEER] = lambda send: ByHand(send, folder / "orjson.log", fast)
    found[PLAIN_PEER] = lambda send: ByHand(send, folder / "json.log", _json)
    found["the send alone"] = SendOnly
    return found
