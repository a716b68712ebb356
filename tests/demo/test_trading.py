"""The demo's paper exchange: its configuration, and an account that notices what does not add up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.orders.support import ETH, D, until

from ferrofeed import Config, Feed
from ferrofeed.config import Secret, VenueConfig
from ferrofeed.config.schema import ServiceConfig, Subscription
from ferrofeed.demo import trading
from ferrofeed.demo.trading import SETTINGS, VENUE, Trading, with_paper


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Feed]:
    """A feed whose market nobody answers for: the paper exchange is there, books are not."""
    market = VenueConfig(
        id="itick",
        kind="itick",
        url="ws://127.0.0.1:1/",
        api_key=Secret("key"),
        subscribe=[Subscription(tuple(SETTINGS), ("depth",))],
    )
    feed = Feed(with_paper(Config(venues=[market], service=ServiceConfig(metrics="")), tmp_path))
    yield feed
    feed.stop()


def test_every_limit_is_set(feed: Feed) -> None:
    (paper,) = feed.config.trading
    for trade in paper.trade:
        limits = feed.config.limits(paper, trade)
        toy = SETTINGS[trade.symbols[0]]
        assert limits.max_quantity == toy.size
        assert limits.max_position == 2 * toy.limit
        assert limits.collar_bps is not None
        assert limits.orders_per_window is not None
        assert limits.cancel_reserve
        assert trade.reference == paper.market == "itick"
        assert paper.balances[trade.symbols[0].partition("/")[0]] == toy.limit
        assert limits.max_open_orders_per_symbol is not None
    assert feed.config.orders.on_stop == "cancel"


def test_nothing_traded_adds_up_only_if_trading_was_possible(feed: Feed) -> None:
    toy = Trading(feed)
    assert "the paper exchange never took orders" in toy.wrong()
    assert toy.look().state == "down"
    toy.start()
    feed.start()
    assert feed.orders.wait_ready(10.0)
    until(lambda: toy.look().state == "ready")
    shown, wrong = toy.stop()
    assert (shown.placed, shown.gain, wrong) == (0, None, [])


def test_an_order_that_stays_and_one_nobody_told_of_are_noticed(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trading, "STOP_S", 0.2)
    toy = Trading(feed)
    feed.start()
    assert feed.orders.wait_ready(10.0)
    toy.look()
    # no book, so the collar is in the way of a stranger's order
    for number in range(len(SETTINGS)):
        feed.orders.core.set_limits(number, collar_without_book=True)
    stranger = feed.orders.place(VENUE, ETH, "buy", "0.1", 1000)
    began = time.monotonic()
    _, wrong = toy.stop()
    assert time.monotonic() >= began + 0.2, "it waits for what may still come"
    assert wrong == [
        "live orders left: 1",
        "the router counts 1 orders and 0 fills, their events say 0 and 0",
    ]
    stranger.cancel()
    stranger.wait(10.0)


def test_what_is_on_the_account_counts(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = Trading(feed)
    feed.start()
    assert feed.orders.wait_ready(10.0)
    until(lambda: toy.look() and not toy.wrong(), "the account")
    balances = feed.orders.balances(VENUE)
    less = balances["USDT"]._replace(total=balances["USDT"].total - D("0.00000001"))
    monkeypatch.setattr(feed.orders, "balances", lambda _venue: {**balances, "USDT": less})
    assert toy.wrong() == ["USDT: the exchange says 99999.99999999, the orders say 100000"]
    without = {name: balance for name, balance in balances.items() if name != "ETH"}
    monkeypatch.setattr(feed.orders, "balances", lambda _venue: without)
    assert toy.wrong() == ["ETH: the exchange says None, the orders say 0.5"]
