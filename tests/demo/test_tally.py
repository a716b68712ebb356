"""What orders came to, from their views."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from ferrofeed.demo.tally import Tally
from ferrofeed.orders import OrderEvent

D = Decimal


class Venue:
    """Orders as the router would show them."""

    def __init__(self) -> None:
        self.views: dict[int, Any] = {}
        self.tally = Tally(self.view, "toy")

    def view(self, number: int) -> Any:
        if number not in self.views:
            raise LookupError(number)
        return SimpleNamespace(**self.views[number])

    def place(self, number: int, side: str, price: str, symbol: str = "ETH/USDT", strategy: str = "toy") -> None:
        self.views[number] = {
            "id": number,
            "side": side,
            "symbol": symbol,
            "strategy": strategy,
            "price": D(price),
            "state": "working",
            "filled": D(0),
            "money": None,
            "fees": {},
            "exact": True,
        }
        self.tell("order", number)

    def fill(self, number: int, filled: str, money: str | None, fee: str, state: str = "working") -> None:
        money_now = None if money is None else D(money)
        self.views[number] |= {"filled": D(filled), "money": money_now, "fees": {"USDT": D(fee)}, "state": state}
        self.tell("fill", number)
        if state == "filled":
            self.tell("order", number, "filled")

    def end(self, number: int, state: str = "cancelled") -> None:
        self.views[number] |= {"state": state}
        self.tell("order", number, state)

    def tell(self, kind: str, number: int, change: str | None = None) -> None:
        self.tally.take(
            [cast("OrderEvent", SimpleNamespace(kind=kind, order=number, change=change, state=change or "working"))]
        )


def test_fills_of_live_and_finished_orders_add_up_once() -> None:
    venue, tally = Venue(), None
    tally = venue.tally
    venue.place(1, "buy", "100")
    venue.place(2, "sell", "102")
    venue.fill(1, "0.4", "40", "0.01")
    venue.fill(1, "1", "100", "0.03", "filled")
    venue.fill(2, "0.5", "51", "0.02")
    one = tally.sum("ETH/USDT")
    assert (one.bought, one.sold, one.position) == (D(1), D("0.5"), D("0.5"))
    assert (one.money, one.fees) == (D(-49), D("0.05"))
    assert one.gain(D(101)) == D("1.45")  # -49 + 0.5 x 101 - 0.05
    assert (tally.placed, tally.live, tally.fills, tally.ended) == (2, 1, 3, {"filled": 1})
    assert tally.quotes("ETH/USDT", "sell") == [D(102)]
    assert tally.quotes("ETH/USDT", "buy") == []
    assert tally.adds_up()
    venue.end(2)
    assert tally.sum("ETH/USDT") == one
    assert tally.ended == {"filled": 1, "cancelled": 1}
    assert tally.sum("BTC/USDT").position == 0


def test_events_that_come_after_the_end_was_seen_still_count() -> None:
    venue = Venue()
    venue.place(1, "buy", "100")
    venue.views[1] |= {"filled": D(1), "money": D(100), "state": "filled"}
    venue.tell("order", 1, "replaced")
    assert venue.tally.ended == {}
    venue.fill(1, "1", "100", "0.03", "filled")
    assert (venue.tally.fills, venue.tally.moves, venue.tally.ended) == (1, 1, {"filled": 1})
    assert venue.tally.sum("ETH/USDT").bought == 1


def test_others_do_not_count() -> None:
    venue = Venue()
    venue.place(1, "buy", "100", strategy="")
    venue.fill(1, "1", "100", "1", "filled")
    venue.tell("balance", 0)
    assert (venue.tally.placed, venue.tally.fills, venue.tally.sum("ETH/USDT").bought) == (0, 0, D(0))


def test_what_can_not_be_known_is_no_account() -> None:
    gone = Venue()
    gone.tell("order", 7)
    assert (gone.tally.missed, gone.tally.adds_up()) == (1, False)
    lost = Venue()
    lost.place(1, "buy", "100")
    del lost.views[1]
    lost.tell("order", 1, "cancelled")
    assert (lost.tally.missed, lost.tally.adds_up()) == (1, False)
    untold = Venue()
    untold.place(1, "buy", "100")
    untold.fill(1, "1", None, "0", "filled")
    assert (untold.tally.unsure, untold.tally.adds_up()) == (1, False)
    inexact = Venue()
    inexact.place(1, "buy", "100")
    inexact.views[1]["exact"] = False
    assert inexact.tally.adds_up()
    inexact.end(1)
    assert (inexact.tally.unsure, inexact.tally.adds_up()) == (1, False)
