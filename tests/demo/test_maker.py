"""The toy market maker's decisions: tables, and whatever hypothesis thinks of, against an exchange that obeys."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferrofeed.demo.maker import SIDES, Cancel, Live, Move, Place, Settings, Top, Wish, decide, quote
from ferrofeed.demo.trading import SETTINGS as DEMO

D = Decimal
TOY = Settings(tick=D("0.01"), size=D("0.1"), distance=3, skew=4, threshold=2, limit=D("0.4"))
BOOK = Top(D("99.99"), D("100.01"))
BID, ASK = D("99.97"), D("100.03")
"""Where it quotes with nothing held."""


def order(number: int, side: str, price: Decimal | str, *, remaining: str = "0.1", settled: bool = True) -> Live:
    return Live(number, side, D(price), D(remaining), settled)


def test_it_quotes_both_sides_around_the_middle() -> None:
    assert decide(TOY, BOOK, D(0), []) == [Place("buy", BID, D("0.1")), Place("sell", ASK, D("0.1"))]


@pytest.mark.parametrize(
    ("position", "bid", "ask"),
    [("0.4", "99.93", "100.00"), ("0.2", "99.95", "100.01"), ("-0.2", "99.99", "100.05"), ("-0.4", "100.00", "100.07")],
)
def test_it_leans_against_what_it_holds_and_never_takes(position: str, bid: str, ask: str) -> None:
    assert quote(TOY, BOOK, D(position), "buy") == D(bid)
    assert quote(TOY, BOOK, D(position), "sell") == D(ask)


@pytest.mark.parametrize(("moved", "moves"), [("0.00", False), ("0.02", False), ("0.03", True), ("0.50", True)])
def test_an_order_moves_when_it_is_further_off_than_the_threshold(moved: str, moves: bool) -> None:
    live = [order(1, "buy", BID - D(moved)), order(2, "sell", ASK + D(moved))]
    assert decide(TOY, BOOK, D(0), live) == ([Move(1, BID), Move(2, ASK)] if moves else [])
    cancelling = replace(TOY, replaces=False)
    assert decide(cancelling, BOOK, D(0), live) == ([Cancel(1), Cancel(2)] if moves else [])


def test_what_the_venue_has_not_answered_is_left_alone() -> None:
    live = [order(1, "buy", "90", settled=False), order(2, "sell", "110", settled=False)]
    assert decide(TOY, BOOK, D(0), live) == []
    assert decide(TOY, None, D(0), live) == []


def test_without_a_valid_book_nothing_stays() -> None:
    assert decide(TOY, None, D(0), []) == []
    assert decide(TOY, None, D(0), [order(1, "buy", BID), order(2, "sell", ASK)]) == [Cancel(1), Cancel(2)]


def test_at_the_limit_only_the_other_side_is_quoted() -> None:
    at_limit = decide(TOY, BOOK, TOY.limit, [order(1, "buy", BID)])
    assert at_limit[0] == Cancel(1)
    assert [type(wish) for wish in at_limit] == [Cancel, Place]
    assert [wish.side for wish in decide(TOY, BOOK, -TOY.limit, []) if isinstance(wish, Place)] == ["buy"]
    # what is left of an order counts, not what it was
    assert decide(TOY, BOOK, D("0.35"), [order(1, "buy", "99.94", remaining="0.05"), order(2, "sell", "99.99")]) == []


def test_a_second_order_of_a_side_goes() -> None:
    live = [order(1, "buy", BID), order(2, "buy", BID), order(3, "buy", BID, settled=False), order(4, "sell", ASK)]
    assert decide(TOY, BOOK, D(0), live) == [Cancel(2)]


def test_a_quote_waits_until_our_own_order_is_out_of_its_way() -> None:
    higher = Top(D("100.19"), D("100.21"))
    assert decide(TOY, higher, D(0), [order(1, "sell", ASK, settled=False)]) == []
    assert decide(TOY, higher, D(0), [order(1, "sell", ASK)]) == [Move(1, D("100.23"))]
    gone = order(1, "sell", D("100.23"))
    assert decide(TOY, higher, D(0), [gone]) == [Place("buy", D("100.17"), D("0.1"))]
    # it may not have got there, and it may have
    assert decide(TOY, higher, D(0), [gone._replace(price=ASK, asked=D("100.23"), settled=False)]) == []
    assert decide(TOY, higher, D(0), [gone._replace(price=D("100.30"), asked=D("100.10"), settled=False)]) == []


prices = st.integers(min_value=1, max_value=400).map(lambda ticks: D(ticks) * TOY.tick)
tops = st.tuples(prices, st.integers(min_value=1, max_value=60)).map(lambda at: Top(at[0], at[0] + at[1] * TOY.tick))
lives = st.builds(
    Live,
    id=st.integers(min_value=1, max_value=1 << 60),
    side=st.sampled_from(SIDES),
    price=prices,
    remaining=st.integers(min_value=1, max_value=10).map(lambda lots: D(lots) / 100),
    settled=st.booleans(),
    asked=st.none() | prices,
)
positions = st.integers(min_value=-80, max_value=80).map(lambda lots: D(lots) / 100)
settings = st.builds(
    Settings,
    tick=st.just(TOY.tick),
    size=st.just(TOY.size),
    distance=st.integers(min_value=1, max_value=20),
    skew=st.integers(min_value=0, max_value=40),
    threshold=st.integers(min_value=0, max_value=20),
    limit=st.sampled_from([D("0.1"), D("0.15"), D("0.4")]),
    replaces=st.booleans(),
)


@given(settings, st.none() | tops, positions, st.lists(lives, max_size=5, unique_by=lambda live: live.id))
def test_no_wish_breaks_a_rule(toy: Settings, top: Top | None, position: Decimal, live: list[Live]) -> None:
    wishes = decide(toy, top, position, live)
    by_id = {one.id: one for one in live}
    touched = [wish.order for wish in wishes if not isinstance(wish, Place)]
    assert len(touched) == len(set(touched))
    assert all(by_id[number].settled for number in touched)
    placed = [wish for wish in wishes if isinstance(wish, Place)]
    sides = [wish.side for wish in placed]
    assert len(sides) == len(set(sides))
    assert not set(sides) & {one.side for one in live}
    for new in placed:
        assert new.quantity == toy.size
        assert (position if new.side == "buy" else -position) + new.quantity <= toy.limit
    for wish in wishes:
        if isinstance(wish, Cancel):
            continue
        assert top is not None
        side = wish.side if isinstance(wish, Place) else by_id[wish.order].side
        assert wish.price > 0
        assert wish.price % toy.tick == 0
        assert wish.price < top.ask if side == "buy" else wish.price > top.bid
        others = [at for one in live if one.side != side for at in (one.price, one.asked) if at is not None]
        assert all(wish.price < at if side == "buy" else wish.price > at for at in others)
    bids = [wish.price for wish in placed if wish.side == "buy"]
    assert all(bid < wish.price for bid in bids for wish in placed if wish.side == "sell")


class RandomVenue:
    """Takes wishes, answers when it likes, and fills what it likes, in part or whole, answered or not."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.live: dict[int, Live] = {}
        self.position = D(0)
        self.placed = 0
        self.fills = 0

    def take(self, wish: Wish) -> None:
        if isinstance(wish, Place):
            self.placed += 1
            self.live[self.placed] = Live(self.placed, wish.side, wish.price, wish.quantity, settled=False)
        else:
            asked = wish.price if isinstance(wish, Move) else None
            self.live[wish.order] = self.live[wish.order]._replace(asked=asked, settled=False)

    def go_on(self) -> None:
        for one in list(self.live.values()):
            draw = self.rng.random()
            if draw < 0.15:
                self._fill(one)
            elif not one.settled and draw < 0.7:
                self._answer(one)

    def _fill(self, one: Live) -> None:
        part = one.remaining if self.rng.random() < 0.6 else D(self.rng.randint(1, 10)) / 10 * one.remaining
        self.position += part if one.side == "buy" else -part
        self.fills += 1
        if part == one.remaining:
            del self.live[one.id]
        else:
            self.live[one.id] = one._replace(remaining=one.remaining - part)

    def _answer(self, one: Live) -> None:
        if one.asked is None and self.rng.random() < 0.3:  # refused, or cancelled
            del self.live[one.id]
        else:
            self.live[one.id] = one._replace(price=one.asked or one.price, asked=None, settled=True)


@pytest.mark.parametrize("symbol", DEMO)
@pytest.mark.parametrize("seed", range(4))
def test_it_stays_within_its_limit_whatever_is_filled(symbol: str, seed: int) -> None:
    toy, venue = DEMO[symbol], RandomVenue(seed)
    middle = 10_000
    for _ in range(2_000):
        middle += venue.rng.randint(-12, 12)
        spread = venue.rng.randint(1, 5)
        top = Top((middle - spread) * toy.tick, (middle + spread) * toy.tick)
        for wish in decide(toy, None if spread == 5 else top, venue.position, list(venue.live.values())):
            venue.take(wish)
        for side in SIDES:
            ours = [one for one in venue.live.values() if one.side == side]
            held = venue.position if side == "buy" else -venue.position
            assert len(ours) <= 1
            assert held + sum(one.remaining for one in ours) <= toy.limit
        venue.go_on()
        assert abs(venue.position) <= toy.limit
    assert venue.fills > 100
