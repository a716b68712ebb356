"""The trading venues without sockets or clock: random schedules of requests, market and faults, by seed."""

from __future__ import annotations

import json
import random
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.sim.order_clients import ETH, ceres_url

from ferrofeed.sim import ORDER_KINDS, FaultPlan, OrderOptions, OrderSimulator
from ferrofeed.sim.protocol import Drop, Request, Send
from ferrofeed.sim.quantapi import QuantapiVenue

if TYPE_CHECKING:
    from ferrofeed.sim.order_timeline import TradingSession

START_NS = 1_795_000_000_000_000_000
VENUES = ["coinceres", "quantapi"]


class Drive:
    """A venue driven by a virtual clock; keeps all that goes out, with its time."""

    def __init__(self, venue: str, seed: int, options: OrderOptions) -> None:
        self.now_ns = START_NS
        self.sim = OrderSimulator(venue, seed=seed, rate=0, symbols=ETH, orders=options, clock=lambda: self.now_ns)
        self.rng = random.Random(seed)
        self.out: list[tuple[int, int, str]] = []
        self.names = 0
        self.sessions: list[TradingSession] = []
        if isinstance(self.sim.venue, QuantapiVenue):
            tokens = iter(range(10**6))
            self.sim.venue.new_token = lambda: f"token{next(tokens)}"

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(text, parse_float=Decimal) for _, _, text in self.out if text.startswith("{")]

    def open(self) -> None:
        """Connect and log in; a venue that is away refuses."""
        session = cast("TradingSession", self.sim.venue.session())
        session.number = len(self.sessions) + 1
        target = ceres_url("/") if self.sim.venue.name == "coinceres" else "/ws/v1"
        if session.opened(Request.parse(target, {}), self.now_ns):
            return
        self.sessions.append(session)
        if self.sim.venue.name == "quantapi":
            fields = {"platform": "huobi", "symbols": ETH, "access_key": "sim-key", "secret_key": "sim-secret"}
            self.say(session, {"op": "login", "cid": "login", **fields})
        self.drain()

    def say(self, session: TradingSession, message: dict[str, Any]) -> None:
        for action in session.received(json.dumps(message).encode(), self.now_ns):
            assert isinstance(action, Send)
            self.out.append((self.now_ns, session.number, action.payload.decode()))
        self.drain()

    def drain(self) -> None:
        for session, action in self.sim.hall.timeline.take():
            if isinstance(action, Send):
                self.out.append((self.now_ns, session.number, action.payload.decode()))
            else:
                self.out.append((self.now_ns, session.number, f"ends {isinstance(action, Drop) and action.reset}"))
                session.closed(self.now_ns)

    def request(self, session: TradingSession) -> dict[str, Any]:
        """A random request, most of them good."""
        rng = self.rng
        self.names += 1
        price = f"{rng.randrange(302800, 304000) / 100:.2f}"
        size = f"{rng.randrange(1, 2000) / 10000:.4f}"
        known = [order["id"] for order in self.sim.truth()["orders"][-5:]] or ["1"]
        kind = rng.choice(["place"] * 6 + ["cancel"] * 3 + ["list"])
        if self.sim.venue.name == "coinceres":
            order = {"exchange": "TEST", "contract": "ETH_USDT", "price_type": "limit", "entrust_price": price}
            order |= {"entrust_vol": size, "entrust_bs": rng.choice(["buy", "sell"])}
            return {
                "place": {**order, "client_oid": f"n{self.names}", "biz_type": 11},
                "cancel": {"system_oid": rng.choice(known), "biz_type": 12},
                "list": {"biz_type": 15},
            }[kind]
        token = next(iter(session.logins), "none")  # type: ignore[attr-defined] # quantapi's sessions have them
        common = {"cid": f"n{self.names}", "token": token, "symbol": "ETH/USDT"}
        more = {"action": rng.choice(["BUY", "SELL"]), "price": float(price), "quantity": float(size)}
        return {
            "place": {"op": "place_order", **common, **more, "order_type": rng.choice(["LIMIT", "IOC"])},
            "cancel": {"op": "cancel_order", **common, "order_nos": [rng.choice(known)]},
            "list": {"op": "open_orders", **common},
        }[kind]

    def run(self, steps: int, faults: FaultPlan) -> None:
        """Make so many steps of 10 ms, each a request, a move of the market, or the passing of time."""
        due = list(faults.faults)
        for _ in range(steps):
            self.now_ns += 10_000_000
            while due and due[0].at * 10**9 <= self.now_ns - START_NS:
                self.sim.hall.inject(due.pop(0), self.now_ns)
            alive = [session for session in self.sessions if not session.gone]
            if not alive:
                self.open()
            elif self.rng.random() < 0.7:
                self.say(alive[-1], self.request(alive[-1]))
            else:
                self.sim.step(3)
            for session in alive:
                session.tick(self.now_ns)
            self.drain()


def options(seed: int) -> OrderOptions:
    rng = random.Random(f"options/{seed}")
    return OrderOptions(
        answer_delay_s=rng.choice([0.0, 0.02]),
        answer_jitter_s=rng.choice([0.0, 0.05]),
        push_delay_s=rng.choice([0.0, 0.03]),
        push_first=rng.random() < 0.5,
        forward_delay_s=rng.choice([0.0, 0.03]),
        cancel_delay_s=rng.choice([0.0, 0.04]),
        rate_limit=rng.choice([None, 40]),
    )


def drive(venue: str, seed: int, *, faults: bool) -> Drive:
    plan = FaultPlan.random(seed, 4.0, ORDER_KINDS, count=12) if faults else FaultPlan()
    driven = Drive(venue, seed, options(seed))
    driven.run(400, plan)
    return driven


@pytest.mark.parametrize("venue", VENUES)
def test_equal_seeds_make_equal_venues(venue: str) -> None:
    for seed in range(5):
        first, second = (drive(venue, seed, faults=True) for _ in range(2))
        assert len(first.out) > 100
        assert first.out == second.out
        assert first.sim.truth() == second.sim.truth()
    assert drive(venue, 1, faults=True).out != drive(venue, 2, faults=True).out


@pytest.mark.parametrize("venue", VENUES)
def test_the_truth_holds_together_whatever_strikes(venue: str) -> None:
    ended: Counter[str] = Counter()
    for seed in range(25):
        driven = drive(venue, seed, faults=True)
        truth = driven.sim.truth()
        ended.update(order["status"] for order in truth["orders"])
        exchange = driven.sim.exchange
        for account in driven.sim.hall.engine.accounts:
            live = {o["number"] for o in exchange.orders(account.number, open_only=True)}
            mine = [o for o in driven.sim.hall.ledger.orders.values() if o.draft.account is account]
            assert live == {order.number for order in mine if not order.over and order.number is not None}
            theirs = {order["number"]: order for order in exchange.orders(account.number)}
            for order in mine:
                if order.number is not None:
                    there = theirs[order.number]
                    assert Decimal(there["filled"]) == order.filled == sum(fill.quantity for fill in order.fills)
                    assert Decimal(there["fee"]) == order.fee
                    assert there["status"] == order.status
            held = {currency: Decimal(locked) for currency, (_, locked, _) in exchange.balances(account.number).items()}
            if not live:
                assert set(held.values()) == {Decimal(0)}
        assert truth["violations"] == []
        fills = [fill["id"] for order in truth["orders"] for fill in order["fills"]]
        assert len(fills) == len(set(fills))
    assert set(ended) >= {"filled", "cancelled", "working"}


@pytest.mark.parametrize("venue", VENUES)
def test_without_faults_all_is_told_once(venue: str) -> None:
    for seed in range(10):
        driven = drive(venue, seed, faults=False)
        driven.now_ns += 10**9
        driven.sim.hall.settle(driven.now_ns)
        driven.drain()
        told: dict[str, Decimal] = {}
        last: dict[str, str] = {}
        for message in driven.messages:
            if message.get("messageType") == "1":
                told[message["entrustId"]] = told.get(message["entrustId"], Decimal(0)) + Decimal(message["dealVol"])
                last[message["entrustId"]] = message["entrustStatus"]
            elif message.get("topic") == "fill":
                data = message["data"]
                told[data["order_no"]] = told.get(data["order_no"], Decimal(0)) + data["quantity"]
            elif message.get("topic") == "order":
                last[message["data"]["order_no"]] = message["data"]["status"]
        words = {"filled": {"FILLED"}, "rejected": {"FAILURE"}, "cancelled": {"CANCELED", "PART_CANCELED", "CANCEL"}}
        words["working"] = {"SUBMITTED", "PART_FILLED", "PARTIAL-FILLED"}
        orders = driven.sim.truth()["orders"]
        assert len(orders) > 50
        for order in orders:
            assert told.get(order["id"], Decimal(0)) == Decimal(order["filled"])
            assert last[order["id"]] in words[order["status"]]
