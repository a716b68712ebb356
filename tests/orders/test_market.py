"""The paper exchange against a live feed's books, and the collar that looks at them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import ROUND_UP
from pathlib import Path
from typing import Any

import pytest
from tests.orders.support import ETH, D, config, paper, trading, until

from ferrofeed import BookEvent, Feed
from ferrofeed.orders import OrderRejectedError
from ferrofeed.sim import SimulatorThread


def market(url: str) -> dict[str, Any]:
    subscribe = [{"symbols": [ETH], "channels": ["depth", "trade"]}]
    return {"id": "market", "kind": "itick", "url": url, "api_key": "plain:sim-key", "subscribe": subscribe}


def spot(**risk: Any) -> dict[str, Any]:
    trade = {"symbols": [ETH], "tick": "0.01", "lot": "0.0001", "risk": risk}
    return paper(trade=[trade], market="market", maker_ppm=0, taker_ppm=1000)


@pytest.fixture
def sim() -> Iterator[SimulatorThread]:
    with SimulatorThread("itick", rate=500, symbols=[ETH], seed=5) as sim:
        yield sim


def test_a_market_order_takes_what_the_book_displays(tmp_path: Path, sim: SimulatorThread) -> None:
    with trading(config(tmp_path, market(sim.url), spot())) as feed:
        sim.call(lambda venue: venue.pause())
        until(lambda: still(feed), "the book stands still")
        book = feed.book("market", ETH)
        assert book is not None
        price, size = book.asks[0]
        bought = feed.orders.place("paper", ETH, "buy", size, type="market").wait(30)
        assert (bought.state, bought.filled, bought.average_price) == ("filled", size, price)
        fee = (size * price * D("0.001")).quantize(D("1e-8"), ROUND_UP)
        assert bought.fees == {"USDT": fee}
        # what was taken of the level stays taken
        (next_price, _) = book.asks[1]
        again = feed.orders.place("paper", ETH, "buy", "0.0001", type="market").wait(30)
        assert again.average_price == next_price
        until(lambda: feed.orders.position("paper", ETH).long == 50 + size + D("0.0001"), "the position")
        until(lambda: feed.orders.balances("paper")["ETH"].total == 50 + size + D("0.0001"), "the balance")
        assert feed.orders.core.counters(0)["drifts"] == 0


def still(feed: Feed) -> bool:
    """Whether the book does not change any more."""
    before = feed.core.seq()
    time.sleep(0.1)
    return feed.core.seq() == before


def test_a_resting_order_is_filled_when_the_market_comes(tmp_path: Path, sim: SimulatorThread) -> None:
    with trading(config(tmp_path, market(sim.url), spot())) as feed:
        book = feed.book("market", ETH)
        assert book is not None
        resting = [
            feed.orders.place("paper", ETH, side, "0.0001", price)
            for side, levels in (("buy", book.bids), ("sell", book.asks))
            for price, _ in levels[:3]
        ]
        until(lambda: any(order.state == "filled" for order in resting), "the market wanders across one of them")
        for view in [order.view for order in resting if order.state == "filled"]:
            # one that rested is filled at its own price, one that took at a better one
            assert view.average_price is not None
            better = view.price - view.average_price if view.side == "buy" else view.average_price - view.price
            assert better >= 0
            assert view.filled == view.quantity


def test_an_order_that_an_event_caused_is_measured_from_its_read(tmp_path: Path, sim: SimulatorThread) -> None:
    with trading(config(tmp_path, market(sim.url), spot())) as feed:
        placed: list[int] = []

        def react(event: BookEvent) -> None:
            if len(placed) < 20 and event.valid:
                placed.append(feed.orders.place("paper", ETH, "buy", "0.0001", "1000", cause=event).id)

        feed.on("book", react, inline=True)
        until(lambda: len(placed) == 20, "twenty orders")
        _, count, total, negative = feed.orders.core.histograms(0)["tick_to_order"]
        assert (count, negative) == (20, 0)
        assert 0 < total < 20 * 1_000_000_000


def test_the_collar(tmp_path: Path, sim: SimulatorThread) -> None:
    with trading(config(tmp_path, market(sim.url), spot(collar_bps=50))) as feed:
        book = feed.book("market", ETH)
        assert book is not None
        best = book.asks[0][0]
        with pytest.raises(OrderRejectedError, match="50 basis points through our own book") as caught:
            feed.orders.place("paper", ETH, "buy", "0.001", (best * D("1.02")).quantize(D("0.01")))
        assert caught.value.rule == "collar"
        near = feed.orders.place("paper", ETH, "buy", "0.001", (best * D("1.001")).quantize(D("0.01")))
        assert near.wait(30).state == "filled"
        feed.orders.place("paper", ETH, "buy", "0.001", "100").wait_live(5)


def test_a_stale_book_refuses_and_is_no_liquidity(tmp_path: Path, sim: SimulatorThread) -> None:
    with trading(config(tmp_path, market(sim.url), spot(collar_bps=50))) as feed:
        resting = feed.orders.place("paper", ETH, "buy", "0.001", "100")
        resting.wait_live(5)
        sim.stop()
        until(lambda: not feed.core.book_valid(0), "the book is stale")
        with pytest.raises(OrderRejectedError, match="the book is stale") as caught:
            feed.orders.place("paper", ETH, "buy", "0.001", "2000")
        assert caught.value.rule == "no_book"
        assert resting.state == "working", "market data's loss is none of the venue's"
        with pytest.raises(OrderRejectedError, match="the book is stale"):
            feed.orders.place("paper", ETH, "sell", "0.001", type="market")
