"""What clients of the operator's list may not do: without keys of the list, beyond their permission, places and limits.

Each is refused, counted under its own name, and leaves neither an order nor a trace of another's.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.gateway.client import ETH, Message
from tests.gateway.hostile import BTC, EQUALS, LESSER, Honest, Raw, Server, abused, frame, key, login, order, ready


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Honest]]:
    """One server for all: what is counted is what is more than before."""
    with abused(tmp_path_factory.mktemp("list"), guarded=True) as served:
        yield served


@contextmanager
def counts(server: Server, name: str, number: int) -> Iterator[None]:
    """So many more are counted under this name."""
    before = server.counted(name)
    yield
    server.counts(name, before + number, before + number)


def refused(raw: Raw, message: Message, why: str) -> None:
    answer = raw.ask(message)
    assert (answer["op"], answer.get("result")) == (message["op"], False), answer
    assert answer["error_message"].startswith(why), answer


def test_keys_that_are_on_no_list(listed: tuple[Server, Honest]) -> None:
    """Nor is one of one client with the other of another, nor half a pair."""
    server, honest = listed
    access, secret = key("operator")
    pairs = [("stranger", "s"), (access, key("honest")[1]), (key("honest")[0], secret), (secret, access)]
    pairs += [(access, secret[:-1]), (access, f"{secret}x"), (access.upper(), secret), (access, f"{secret}\0")]
    pairs += [(f" {access}", secret), (access, "x" * 256), ("x" * 256, secret)]
    with counts(server, "login_refused", len(pairs)):
        for name, wrong in pairs:
            with Raw(server) as raw:
                asked = {"op": "login", "cid": "l", "platform": "paper", "symbols": [ETH]}
                refused(raw, {**asked, "access_key": name, "secret_key": wrong}, "wrong access_key or secret_key")
    honest.served()


def test_who_may_only_look(listed: tuple[Server, Honest]) -> None:
    server, honest = listed
    with Raw(server) as raw:
        token = ready(raw, "reader")
        forbidden: list[Message] = [
            order(token),
            order(token, order_type="MARKET", price=0),
            {"op": "cancel_order", "cid": "c", "token": token, "symbol": ETH, "order_nos": []},
            {"op": "cancel_order", "cid": "c", "token": token, "symbol": ETH, "order_nos": honest.orders[-1:]},
            {"op": "kill", "cid": "c", "token": token, "reason": "abuse"},
            {"op": "clear_kill", "cid": "c", "token": token, "who": "abuse"},
        ]
        with counts(server, "forbidden", len(forbidden)):
            for message in forbidden:
                refused(raw, message, "permission: this client has read, it takes ")
        assert raw.ask({"op": "open_orders", "cid": "c", "token": token, "symbol": ETH})["data"] == []
        honest.served()


def test_who_may_trade_may_not_throw_the_kill_switch(listed: tuple[Server, Honest]) -> None:
    server, honest = listed
    with Raw(server) as raw:
        token = ready(raw, "mallory")
        why = "permission: this client has trade, it takes operator"
        with counts(server, "forbidden", 2):
            refused(raw, {"op": "kill", "cid": "c", "token": token, "reason": "abuse"}, why)
            refused(raw, {"op": "clear_kill", "cid": "c", "token": token, "who": "abuse"}, why)
        honest.served()


def test_platforms_and_symbols_of_others(listed: tuple[Server, Honest]) -> None:
    server, honest = listed
    with Raw(server) as raw, counts(server, "login_refused", 4):
        for name, platform, symbols, why in (
            ("elsewhere", "paper", [ETH], "client elsewhere may not go to platform paper"),
            ("narrow", "paper", [ETH], f"client narrow may not trade {ETH}"),
            ("narrow", "other", [BTC, ETH], f"client narrow may not trade {ETH}"),
            ("narrow", "paper", ["DOGE/USDT"], "Unknown symbol DOGE/USDT"),
        ):
            answer = login(raw, name, platform, symbols)
            assert (answer["result"], answer["token"]) == (False, "")
            assert answer["error_message"].startswith(why)
        # where they may be, they are no further
        there, narrow = ready(raw, "elsewhere", "other"), ready(raw, "narrow", "paper", [BTC])
        for op in (order(narrow), {"op": "open_orders", "cid": "c", "token": narrow, "symbol": ETH}):
            refused(raw, op, f"Unknown symbol {ETH}")
        for number in honest.orders[-3:]:
            asked = {"op": "cancel_order", "cid": "c", "token": there, "symbol": ETH, "order_nos": [number]}
            assert [row["error_message"] for row in raw.ask(asked)["data"]] == ["Unknown order"]
        honest.served()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"quantity": 2.0001}, "max_quantity: 2.0001 is above this client's 2"),
        ({"quantity": 10**15}, "max_quantity"),
        ({"price": 1000.01, "quantity": 1.5}, "max_notional: 1000.01 x 1.5 is above this client's 1500"),
        ({"price": 999999, "quantity": 0.01}, "max_notional"),
        ({"order_type": "MARKET", "price": 0}, "max_notional: this client's 1500 can't be held to by a market order"),
    ],
)
def test_orders_above_the_limits_of_a_client(listed: tuple[Server, Honest], change: dict[str, Any], rule: str) -> None:
    server, _ = listed
    with Raw(server) as raw, counts(server, "forbidden", 1):
        refused(raw, order(ready(raw, "small"), **change), rule)


def test_more_orders_than_a_client_may_have(listed: tuple[Server, Honest]) -> None:
    """In one burst, over two platforms and two connections: never more than the limit lives, or comes in a second."""
    server, honest = listed
    before = server.counted("forbidden")
    with Raw(server) as raw, Raw(server) as second:
        small, slow = ready(raw, "small"), ready(second, "slow")
        for socket, token, most in ((raw, small, 1), (second, slow, 3)):
            socket.send(frame(json.dumps(order(token, price=500, quantity=0.1)).encode()) * 50)
            answers: list[Message] = []
            while len(answers) < 50:
                message = socket.message()
                if message["op"] == "place_order":
                    answers.append(message)
            taken = [answer["order_no"] for answer in answers if answer["result"]]
            rules = Counter(answer["error_message"].partition(":")[0] for answer in answers if not answer["result"])
            server.allowed |= set(taken)
            # the second may be over in the middle of the burst
            assert most <= len(taken) <= 2 * most if token == slow else len(taken) == most
            assert set(rules) == {"orders_per_s" if token == slow else "max_open_orders"}
        left = before + 100 - len(server.allowed)
        server.counts("forbidden", left, left)
        honest.served()


def test_the_list_of_the_tests_has_everybody_once() -> None:
    assert len({*EQUALS, *LESSER}) == len(EQUALS) + len(LESSER)
