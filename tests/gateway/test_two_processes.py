"""One ferrofeed in front of another: whatever happens, both know the same orders, fills, balances and positions."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.client import ETH, Client, D, Login
from tests.gateway.shapes import eventually
from tests.gateway.targets import CONTRACT, SPOT, Process, Target, fronted

FILL = re.compile(r"order (\d+): fill (\S+) of (\S+) at (\S+), (taker|maker)")
TERMS = ("side", "type", "offset", "unit", "price", "quantity", "state", "filled", "remaining", "money", "exact")
STEPS = 150


def fills(process: Process) -> dict[int, list[tuple[str, ...]]]:
    """The fills of every order, in their order: number, quantity, price, liquidity."""
    found = defaultdict(list)
    for text in process.journal():
        if match := FILL.match(text):
            found[int(match[1])].append(match.groups()[1:])
    return found


def same(front: Process, back: Process) -> tuple[int, int]:
    """Both journals say the same to the last digit; returns how many orders and fills there were."""
    ours, theirs = front.orders(), back.orders()
    by_number = {order["id"]: order for order in theirs["orders"]}
    our_fills, their_fills = fills(front), fills(back)
    taken = [order for order in ours["orders"] if order["venue_id"]]
    owners = {by_number[int(order["venue_id"])]["strategy"] for order in taken}
    (owner,) = owners
    for order in taken:
        there = by_number[int(order["venue_id"])]
        assert {name: order[name] for name in TERMS} == {name: there[name] for name in TERMS}
        assert our_fills[order["id"]] == their_fills[there["id"]]
    rest = [order for order in ours["orders"] if not order["venue_id"]]
    assert {order["state"] for order in rest} <= {"rejected"}
    known = {int(order["venue_id"]) for order in taken}
    assert {order["id"] for order in theirs["orders"] if order["strategy"] == owner} - known <= {
        order["id"] for order in theirs["orders"] if order["state"] == "rejected"
    }
    account = "#" + owner.removeprefix("gateway:")
    for table in ("balances", "positions"):
        wanted = [[row[0].removesuffix(account), *row[1:]] for row in theirs[table] if row[0].endswith(account)]
        assert wanted
        assert sorted(ours[table]) == sorted(wanted)
    assert (ours["anomalies"], theirs["anomalies"], ours["killed"], theirs["killed"]) == (0, 0, None, None)
    return len(taken), sum(len(some) for some in our_fills.values())


class Chance:
    """A client at the front that does anything, while another at the back is in its way and the market moves."""

    def __init__(self, target: Target, client: Client, other: Client, seed: int) -> None:
        self.rng = random.Random(seed)
        self.target = target
        key = target.key()
        self.logins = [client.login(SPOT, key), client.login(CONTRACT, key)]
        self.others = [other.login(platform, ("other", "other")) for platform in (SPOT, CONTRACT)]
        self.numbers: dict[str, list[str]] = {login.token: [] for login in self.logins}

    def step(self) -> None:
        rng, login = self.rng, self.rng.choice(self.logins)
        draw = rng.random()
        if draw < 0.1:
            middle = rng.randint(299_900, 300_100)
            bids = [(self.price(middle - 10 - gap), f"0.{rng.randint(1, 9)}") for gap in (0, 20)]
            asks = [(self.price(middle + 10 + gap), f"0.{rng.randint(1, 9)}") for gap in (0, 20)]
            self.target.book(bids, asks)
        elif draw < 0.2:
            login.ask("cancel_order", symbol=ETH, order_nos=[])
        elif draw < 0.3 and self.numbers[login.token]:
            login.ask("cancel_order", symbol=ETH, order_nos=rng.sample(self.numbers[login.token], 1))
        elif draw < 0.4:
            # numbers at the front are none of those at the back
            rng.choice(self.others).place("BUY", "2000", "0.01")
        else:
            self.place(login)

    def place(self, login: Login) -> None:
        rng = self.rng
        kind = rng.choice(["LIMIT", "LIMIT", "LIMIT", "IOC", "MARKET"])
        sign = "-" if login is self.logins[1] and rng.random() < 0.5 else ""
        price = "0" if kind == "MARKET" else self.price(rng.randint(299_850, 300_150))
        answer = login.place(rng.choice(["BUY", "SELL"]), price, f"{sign}0.{rng.randint(1, 9999):04}", kind)
        if answer["result"]:
            self.numbers[login.token].append(answer["order_no"])

    @staticmethod
    def price(cents: int) -> str:
        return str(Decimal(cents).scaleb(-2))


def settled(login: Login) -> tuple[Any, Any]:
    """Balances and position, without what moves by itself."""
    position = login.ask("position", symbol=ETH)["data"]
    return login.assets(), {name: value for name, value in position.items() if name != "utime"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_both_know_the_same(tmp_path: Path, seed: int) -> None:
    with fronted(tmp_path) as target:
        front, back = target.processes
        target.book([("2999.50", "3"), ("2999.00", "2")], [("3000.00", "1.5"), ("3000.50", "4")])
        with target.client() as client, Client(back.url) as other:
            chance = Chance(target, client, other, seed)
            for _ in range(STEPS):
                chance.step()
            eventually(lambda: same(front, back))
            orders, executed = same(front, back)
            assert orders > 40
            assert executed > 20
            for login in chance.logins:
                heard = sum(notice["quantity"] for notice in login.notices("fill"))
                moved = sum(
                    notice["quantity"] - notice["remain"]
                    for notice in {one["order_no"]: one for one in login.notices("order")}.values()
                )
                assert heard == moved, "every fill was told once"
            told = [settled(login) for login in chance.logins]
        assert front.stop() == 0
        # the account at the back, seen by who owns it
        with Client(back.url) as client:
            for platform, (assets, position) in zip((SPOT, CONTRACT), told, strict=True):
                login = client.login(platform, target.key())
                assert settled(login) == (assets, position)
                answer = login.ask("cancel_order", symbol=ETH, order_nos=[])
                assert all(one["result"] for one in answer["data"])
                locked = {name: balance["locked"] for name, balance in login.assets().items()}
                margin = position["long_margin"] + position["short_margin"]
                assert locked == {"ETH": D(0), "USDT": margin}


def test_what_is_open_at_the_back_is_known_after_a_restart_of_the_front(tmp_path: Path) -> None:
    with fronted(tmp_path) as target:
        front, back = target.processes
        target.book([("2999.50", "3"), ("2999.00", "2")], [("3000.00", "1.5"), ("3000.50", "4")])
        key = target.key()
        with target.client() as client:
            login = client.login(SPOT, key)
            number = login.placed("BUY", "3000", "2")
            login.notice("order", order_no=number, status="PARTIAL-FILLED")
        assert front.stop() == 0
        front.start()
        with target.client() as client:
            login = client.login(SPOT, key)
            (row,) = login.ask("open_orders", symbol=ETH)["data"]
            assert (row["order_no"], row["remain"], row["status"]) == (number, D("0.5"), "PARTIAL-FILLED")
            answer = login.ask("cancel_order", symbol=ETH, order_nos=[number])
            assert answer["data"] == [{"result": True, "error_message": "", "order_no": number}]
            eventually(lambda: same(front, back))


def test_trouble_at_the_back_is_told_at_the_front(tmp_path: Path) -> None:
    """Disconnected, reconnecting, failed; while that lasts, nothing is asked; then connected and ready again."""
    with fronted(tmp_path) as target:
        front, back = target.processes
        with target.client() as client:
            login = client.login(SPOT, target.key())
            since = len(client.got)
            assert back.stop() == 0
            login.state(4, since)
            login.state(5, since)
            answer = login.ask("open_orders", symbol=ETH)
            assert (answer["result"], answer["error_message"]) == (False, "Platform not ready")
            login.state(3, since)
            back.start()
            login.state(2, since)
            login.state(6, since)
            codes = [message["code"] for message in client.got[since:] if message["op"] == "state"]
            assert codes[:2] == [4, 5]
            assert codes[-2:] == [2, 6]
            assert front.process.poll() is None
            assert login.placed("BUY", "2500", "0.1")


def test_only_those_who_know_the_key_of_the_back_get_in_at_the_front(tmp_path: Path) -> None:
    with fronted(tmp_path, max_venue_logins=0) as target, target.client() as client:
        access, secret = target.key()
        for key in ((access, "wrong"), ("wrong", secret), ("other", "other")):
            wrong = {"platform": SPOT, "symbols": [ETH], "access_key": key[0], "secret_key": key[1]}
            answer = client.ask("login", **wrong)
            assert (answer["result"], answer["token"]) == (False, "")
            assert answer["error_message"] == "wrong access_key or secret_key"
        client.login(SPOT, (access, secret))
