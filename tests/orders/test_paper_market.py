"""The book that a paper exchange trades against, where the market's numbers have more digits than the exchange's."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from tests.core.wire import Wire

from ferrofeed import _core
from ferrofeed.orders import Desk, Order, Orders

ETH = "ETH/USDT"
RULES: dict[str, Any] = {
    "symbol": ETH,
    "raw_symbol": ETH,
    "product": "spot",
    "base": "ETH",
    "quote": "USDT",
    "settle": "USDT",
    "price_scale": 2,
    "size_scale": 3,
    "tick": "0.01",
    "lot": "0.001",
    "min_size": "0.001",
    "max_size": "0",
    "min_price": "0",
    "min_notional": "0",
}


class Market:
    """A market whose prices have four digits, and a paper exchange beside it whose prices have two."""

    def __init__(self) -> None:
        self.wire = Wire("itick")
        market = self.wire.core.add_instrument(self.wire.venue, ETH, ["ETHUSDT", "ETH_USDT"], price_scale=4)
        self.wire.names.symbols.append((ETH, "ETHUSDT"))
        self.wire.names.owners.append(self.wire.venue)
        self.wire.open()
        core = _core.OrderCore(self.wire.core, fsync="off", settle_ns=0)
        desk = Desk("paper", "paper", core.add_paper("paper", 0), 0)
        instrument = core.add_instrument(desk.number, SimpleNamespace(**RULES))
        desk.add(instrument, ETH, ETH)
        core.list_paper(instrument, maker_ppm=0, taker_ppm=0, market=market)
        for currency in ("ETH", "USDT"):
            core.deposit_paper(desk.number, currency, "1000000")
        self.orders = Orders(core, [desk])
        core.opened(0)
        while not self.orders.ready():
            self.orders.tick()

    def show(self, bid: str, ask: str) -> None:
        """One price on each side, of which there is 1."""
        message = (
            f'{{"code":1,"data":{{"s":"ETH_USDT","a":[{{"po":1,"p":{ask},"v":1}}],'
            f'"b":[{{"po":1,"p":{bid},"v":1}}],"type":"depth"}}}}'
        )
        batch = self.wire.batch(message.encode())
        self.orders.core.market(batch.core)

    def ioc(self, side: str, price: str) -> Order:
        order = self.orders.place("paper", ETH, side, "0.5", price, type="ioc")
        while not order.view.done:
            self.orders.tick()
        return order


@pytest.fixture
def market() -> Market:
    return Market()


def test_prices_are_taken_for_the_worse_ones(market: Market) -> None:
    market.show("1.0099", "1.0101")
    assert market.ioc("sell", "1.01").state == "cancelled"
    assert market.ioc("sell", "1").view.average_price == Decimal(1)
    assert (market.ioc("buy", "1.01").state, market.ioc("buy", "1.02").state) == ("cancelled", "filled")


def test_a_price_below_the_tick_ends_the_picture_before_it(market: Market) -> None:
    market.show("1", "1.02")
    assert market.ioc("sell", "1").state == "filled"
    market.show("0.004", "0.0052")
    assert market.ioc("sell", "0.01").state == "cancelled", "a bid that rounds to nothing is none"
    bought = market.ioc("buy", "1.02").view
    assert f"{bought.average_price:.2f}" == "0.01", "the price of a moment ago is gone"
