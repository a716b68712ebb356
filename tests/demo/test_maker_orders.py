"""The toy market maker at a paper exchange: what it asks for happens, and what is not taken it asks for later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from tests.orders.support import ETH, D, config, paper, running, until

from ferrofeed import Feed
from ferrofeed.demo.maker import NAME, REST_S, Maker, Settings
from ferrofeed.demo.tally import Tally
from ferrofeed.orders import Orders

TOY = Settings(tick=D("0.01"), size=D("0.5"), distance=3, skew=0, threshold=2, limit=D(2))


class Books:
    """A feed with one book, which the test moves."""

    def __init__(self) -> None:
        self.middle = D(3000)
        self.valid = True

    def book(self, venue: str, symbol: str, depth: int) -> Books:
        assert (venue, symbol, depth) == ("market", ETH, 1)
        return self

    @property
    def best_bid(self) -> tuple[Decimal, Decimal]:
        return (self.middle - D("0.01"), D(1))

    @property
    def best_ask(self) -> tuple[Decimal, Decimal]:
        return (self.middle + D("0.01"), D(1))


class Desk:
    """A maker on a feed of its own, which looks when the test says so."""

    def __init__(self, feed: Feed, toy: Settings = TOY) -> None:
        self.orders: Orders = feed.orders
        self.books = Books()
        self.now = 100.0
        self.maker = Maker(
            cast("Feed", self.books),
            self.orders,
            "paper",
            "market",
            settings={ETH: toy},
            start={ETH: D(50)},
            clock=lambda: self.now,
        )
        self.tally = Tally(self.orders.view, NAME)
        self._events = self.orders.events()

    def look(self) -> list[tuple[str, Decimal]]:
        """One look, and what is live once the exchange has answered."""
        self.maker.look(ETH, None)
        until(
            lambda: all(view.state == "working" for view in self.orders.open_orders()), str(self.orders.open_orders())
        )
        self.tally.take(self._events.poll())
        return sorted((view.side, view.price) for view in self.orders.open_orders())


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Feed]:
    feed = running(config(tmp_path, paper()))
    yield feed
    feed.stop()


QUOTES = [("buy", D("2999.97")), ("sell", D("3000.03"))]
HIGHER = [("buy", D("3000.07")), ("sell", D("3000.13"))]


def test_it_quotes_and_moves_its_orders(feed: Feed) -> None:
    desk = Desk(feed)
    assert desk.look() == QUOTES
    ids = {view.id for view in desk.orders.open_orders()}
    assert desk.look() == QUOTES
    desk.books.middle += D("0.10")
    # the bid waits until the ask is known to be out of its way
    assert desk.look() == [QUOTES[0], HIGHER[1]]
    assert desk.look() == HIGHER
    assert {view.id for view in desk.orders.open_orders()} == ids
    assert {view.strategy for view in desk.orders.open_orders()} == {NAME}
    assert (desk.tally.placed, desk.tally.moves, desk.tally.live) == (2, 2, 2)


def test_without_replacement_it_cancels_and_places_anew(feed: Feed) -> None:
    desk = Desk(feed, replace(TOY, replaces=False))
    assert desk.look() == QUOTES
    desk.books.middle += D("0.10")
    assert desk.look() == [QUOTES[0]]
    assert desk.look() == [HIGHER[1]]
    assert desk.look() == HIGHER
    assert (desk.tally.placed, desk.tally.ended) == (4, {"cancelled": 2})


def test_a_command_that_is_not_taken_is_asked_for_later(feed: Feed) -> None:
    desk = Desk(feed)
    desk.orders.set_mode("halted")
    assert desk.look() == []
    assert desk.maker.refused == {"halted": 1}
    desk.orders.set_mode("active")
    assert desk.look() == [], "it rests"
    desk.now += REST_S
    assert desk.look() == QUOTES
    assert desk.maker.refused == {"halted": 1}


def test_the_collar_is_no_matter(tmp_path: Path) -> None:
    venue: dict[str, Any] = paper()
    venue["trade"] = [{**venue["trade"][0], "risk": {"max_quantity": "0.1"}}]
    feed = running(config(tmp_path, venue))
    try:
        desk = Desk(feed)
        assert desk.look() == []
        assert desk.maker.refused == {"max_quantity": 1}
    finally:
        feed.stop()


def test_without_a_book_it_withdraws_and_after_goodbye_it_is_silent(feed: Feed) -> None:
    desk = Desk(feed)
    assert desk.look() == QUOTES
    desk.books.valid = False
    assert desk.look() == []
    desk.books.valid = True
    assert desk.look() == QUOTES
    desk.maker.stop()
    desk.maker.stop()
    until(lambda: not desk.orders.open_orders(), "cancelled")
    assert desk.look() == []
    assert desk.tally.adds_up()
    assert (desk.tally.placed, desk.tally.live, desk.tally.ended) == (4, 0, {"cancelled": 4})


def test_orders_of_others_are_left_alone(feed: Feed) -> None:
    desk = Desk(feed)
    others = desk.orders.place("paper", ETH, "buy", "0.5", "2000")
    assert desk.look() == [("buy", D(2000)), *QUOTES]
    desk.maker.stop()
    until(lambda: len(desk.orders.open_orders()) == 1, "cancelled")
    assert desk.orders.open_orders()[0].id == others.id
    desk.look()
    assert desk.tally.placed == 2
