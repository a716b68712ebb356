"""The protocol, field by field: orders, fills, cancels, balances, positions, rules, and all notifications of them.

The same against the simulator, our gateway without and with a list of clients, and our gateway in front of another one
in another process. Every number was worked out by hand from the books below: fees are 0.02 % (maker) and 0.05 %
(taker), a purchase at rest holds its worst case, contracts have a leverage of 10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.client import ETH, Client, D, Login, Message, exact, millis, text
from tests.gateway.shapes import NONE, answered, eventually, fill, has, holds, life, none, position, row, told
from tests.gateway.targets import CONTRACT, SPOT, Target, fronted, gateway, simulator

BIDS = [("2999.50", "3"), ("2999.00", "2")]
ASKS = [("3000.00", "1.5"), ("3000.50", "4")]


@pytest.fixture(scope="module")
def lasting_simulator() -> Iterator[Target]:
    with simulator() as target:
        yield target


@pytest.fixture(scope="module")
def lasting_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with gateway(tmp_path_factory.mktemp("gateway")) as target:
        yield target


@pytest.fixture(scope="module")
def lasting_listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with gateway(tmp_path_factory.mktemp("listed"), listed=True) as target:
        yield target


@pytest.fixture(params=["simulator", "gateway", "listed", "fronted"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    """Two gateways, one in front of the other, have one account only: each test has its own."""
    if request.param == "fronted":
        with fronted(tmp_path) as target:
            yield target
    else:
        yield request.getfixturevalue(f"lasting_{request.param}")


@pytest.fixture
def client(target: Target) -> Iterator[Client]:
    target.book(BIDS, ASKS)
    with target.client() as client:
        yield client


@pytest.fixture
def spot(target: Target, client: Client) -> Login:
    return client.login(SPOT, target.key())


@pytest.fixture
def contract(target: Target, client: Client) -> Login:
    return client.login(CONTRACT, target.key())


# orders on a spot market


def test_an_order_that_rests_and_is_cancelled(spot: Login) -> None:
    answer = spot.place("BUY", "2500", "0.5")
    answered(answer, "place_order", order_no=text)
    no = answer["order_no"]
    submitted = told(no, "BUY", "2500", "0.5", "0.5", "SUBMITTED")
    life(spot, no, orders=[submitted])
    # 1250 and 0.05 % of it
    has(spot, USDT=("998749.375", "1250.625"))
    answered(
        spot.ask("open_orders", symbol=ETH), "open_orders", data=[row(no, "BUY", "2500", "0.5", "0.5", "SUBMITTED")]
    )
    cancelled = spot.ask("cancel_order", symbol=ETH, order_nos=[no])
    answered(cancelled, "cancel_order", data=[{"result": True, "error_message": "", "order_no": no}])
    life(spot, no, orders=[submitted, told(no, "BUY", "2500", "0.5", "0.5", "CANCELED")])
    none(spot)


def test_a_purchase_that_takes_two_levels(spot: Login) -> None:
    no = spot.placed("BUY", "3000.5", "2")
    life(
        spot,
        no,
        orders=[
            told(no, "BUY", "3000.5", "2", "2", "SUBMITTED"),
            told(no, "BUY", "3000.5", "2", "0.5", "PARTIAL-FILLED"),
            told(no, "BUY", "3000.5", "2", "0", "FILLED"),
        ],
        fills=[fill(no, "3000", "1.5", "BUY", "TAKER"), fill(no, "3000.5", "0.5", "BUY", "TAKER")],
    )
    assert len({one["fill_no"] for one in spot.notices("fill")}) == 2
    # 4500 + 1500.25, and 0.05 % of that
    has(spot, USDT=("993996.749875", 0), ETH=(1002, 0))
    answered(spot.ask("open_orders", symbol=ETH), "open_orders", data=[])


def test_an_order_that_rests_until_the_market_comes(target: Target, spot: Login) -> None:
    no = spot.placed("SELL", "3001", "1")
    has(spot, ETH=(999, 1))
    target.book([("3001.20", "0.4")], [("3002", "1")])
    spot.notice("order", order_no=no, status="PARTIAL-FILLED")
    listed = spot.ask("open_orders", symbol=ETH)
    answered(listed, "open_orders", data=[row(no, "SELL", "3001", "1", "0.6", "PARTIAL-FILLED")])
    has(spot, USDT=("1001200.15992", 0), ETH=(999, "0.6"))  # 1200.4 less 0.02 %
    target.book([("3001.50", "7")], [("3002", "1")])
    life(
        spot,
        no,
        orders=[
            told(no, "SELL", "3001", "1", "1", "SUBMITTED"),
            told(no, "SELL", "3001", "1", "0.6", "PARTIAL-FILLED"),
            told(no, "SELL", "3001", "1", "0", "FILLED"),
        ],
        fills=[fill(no, "3001", "0.4", "SELL", "MAKER"), fill(no, "3001", "0.6", "SELL", "MAKER")],
    )
    has(spot, USDT=("1003000.3998", 0), ETH=(999, 0))


def test_what_is_left_of_an_order_that_was_filled_in_part_can_be_cancelled(spot: Login) -> None:
    no = spot.placed("BUY", "3000", "2")
    spot.notice("order", order_no=no, status="PARTIAL-FILLED")
    cancelled = spot.ask("cancel_order", symbol=ETH, order_nos=[no])
    answered(cancelled, "cancel_order", data=[{"result": True, "error_message": "", "order_no": no}])
    life(
        spot,
        no,
        orders=[
            told(no, "BUY", "3000", "2", "2", "SUBMITTED"),
            told(no, "BUY", "3000", "2", "0.5", "PARTIAL-FILLED"),
            told(no, "BUY", "3000", "2", "0.5", "CANCELED"),
        ],
        fills=[fill(no, "3000", "1.5", "BUY", "TAKER")],
    )
    has(spot, USDT=("995497.75", 0), ETH=("1001.5", 0))


def test_market_orders_have_the_price_0(spot: Login) -> None:
    bought = spot.placed("BUY", "0", "0.25", "MARKET")
    life(
        spot,
        bought,
        orders=[
            told(bought, "BUY", "0", "0.25", "0.25", "SUBMITTED", "MARKET"),
            told(bought, "BUY", "0", "0.25", "0", "FILLED", "MARKET"),
        ],
        fills=[fill(bought, "3000", "0.25", "BUY", "TAKER")],
    )
    has(spot, USDT=("999249.625", 0), ETH=("1000.25", 0))
    sold = spot.placed("SELL", "0", "6", "MARKET")
    life(
        spot,
        sold,
        orders=[
            told(sold, "SELL", "0", "6", "6", "SUBMITTED", "MARKET"),
            told(sold, "SELL", "0", "6", "3", "PARTIAL-FILLED", "MARKET"),
            told(sold, "SELL", "0", "6", "1", "PARTIAL-FILLED", "MARKET"),
            told(sold, "SELL", "0", "6", "1", "CANCELED", "MARKET"),
        ],
        fills=[fill(sold, "2999.5", "3", "SELL", "TAKER"), fill(sold, "2999", "2", "SELL", "TAKER")],
    )


def test_what_an_ioc_order_does_not_get_at_once_is_cancelled(spot: Login) -> None:
    no = spot.placed("BUY", "3000", "2", "IOC")
    life(
        spot,
        no,
        orders=[
            told(no, "BUY", "3000", "2", "2", "SUBMITTED", "IOC"),
            told(no, "BUY", "3000", "2", "0.5", "PARTIAL-FILLED", "IOC"),
            told(no, "BUY", "3000", "2", "0.5", "CANCELED", "IOC"),
        ],
        fills=[fill(no, "3000", "1.5", "BUY", "TAKER")],
    )
    nothing = spot.placed("BUY", "2000", "1", "IOC")
    life(
        spot,
        nothing,
        orders=[
            told(nothing, "BUY", "2000", "1", "1", "SUBMITTED", "IOC"),
            told(nothing, "BUY", "2000", "1", "1", "CANCELED", "IOC"),
        ],
    )
    answered(spot.ask("open_orders", symbol=ETH), "open_orders", data=[])


REFUSED = [
    *(("HOLD", "3000", "1", "LIMIT"), ("buy", "3000", "1", "LIMIT"), ("", "3000", "1", "LIMIT")),
    *(("BUY", "3000", "1", "STOP"), ("BUY", "3000", "1", "limit"), ("BUY", "3000", "1", "")),
    *(("BUY", "3000", "0", "LIMIT"), ("BUY", "3000", "-1", "LIMIT"), ("SELL", "3000", "-1", "LIMIT")),
    *(("BUY", "0", "1", "LIMIT"), ("BUY", "-3000", "1", "LIMIT"), ("BUY", "0", "1", "IOC")),
    *(("BUY", "3000", "1", "MARKET"), ("SELL", "0.01", "1", "MARKET"), ("BUY", "0", "0", "MARKET")),
    *(("BUY", "3000.005", "1", "LIMIT"), ("BUY", "3000", "1.00005", "LIMIT"), ("BUY", "3000", "0.00001", "LIMIT")),
    ("BUY", "2500", "0.0019", "LIMIT"),  # 4.75 USDT are too few
    *(("BUY", "2500", "401", "LIMIT"), ("SELL", "3500", "1000.0001", "LIMIT")),  # more than there is
]


def test_orders_that_are_refused(spot: Login) -> None:
    refusal = {"op": "place_order", "cid": text, "result": False, "error_message": text, "order_no": ""}
    for action, price, quantity, kind in REFUSED:
        exact(spot.place(action, price, quantity, kind), refusal, f"{action} {quantity} at {price}, {kind}")
    none(spot)
    assert spot.notices("fill") == []


def test_numbers_beyond_all_sense_buy_nothing(spot: Login) -> None:
    """Whether they are refused or not even understood."""
    fine = "0.12345678901234567890123456789"
    for price, quantity in [("2500", fine), (f"2500{fine[1:]}", "1"), ("1e30", "1"), ("2500", "1e-30"), ("1", "1e300")]:
        since = len(spot.client.got)
        spot.client.send(
            f'{{"op":"place_order","cid":"n","token":"{spot.token}","symbol":"{ETH}","action":"BUY",'
            f'"price":{price},"quantity":{quantity},"order_type":"LIMIT"}}'
        )
        answer = spot.client.find(lambda m: m.get("cid") == "n" or m["op"] == "error", since)
        if answer["op"] == "error":
            exact(answer, {"op": "error", "error_message": text})
        else:
            exact(answer, {"op": "place_order", "cid": "n", "result": False, "error_message": text, "order_no": ""})
    none(spot)


def test_numbers_may_be_spelled_as_json_has_them(spot: Login) -> None:
    head = f'{{"op":"place_order","cid":"n","token":"{spot.token}","symbol":"{ETH}","action":"BUY",'
    spot.client.send(f'{head}"price":2.5E3,"quantity":1000e-4,"order_type":"LIMIT"}}')
    no = spot.client.find(lambda m: m.get("cid") == "n")["order_no"]
    life(spot, no, orders=[told(no, "BUY", "2500", "0.1", "0.1", "SUBMITTED")])
    spot.client.send(f'{head}"price":2500.0000000000,"quantity":0.10000000000000,"order_type":"LIMIT"}}')
    spot.notice("order", quantity=D("0.1"), since=len(spot.client.got))


# cancels and open orders


def test_cancels_one_by_one_and_all_of_a_symbol(spot: Login) -> None:
    nos = [spot.placed("BUY", price, "0.1") for price in ("2500", "2501", "2502", "2503")]
    assert len(set(nos)) == 4
    filled = spot.placed("BUY", "3000", "0.01")
    spot.notice("order", order_no=filled, status="FILLED")
    listed = spot.ask("open_orders", symbol=ETH)["data"]
    assert {one["order_no"] for one in listed} == set(nos)
    yes: Callable[[str], Message] = lambda no: {"result": True, "error_message": "", "order_no": no}  # noqa: E731
    no_: Callable[[str], Any] = lambda no: {"result": False, "error_message": text, "order_no": no}  # noqa: E731
    answer = spot.ask("cancel_order", symbol=ETH, order_nos=[nos[0], "2510832677225473", nos[2], filled, "", "x" * 100])
    wanted = [yes(nos[0]), no_("2510832677225473"), yes(nos[2]), no_(filled), no_(""), no_("x" * 100)]
    answered(answer, "cancel_order", data=wanted)
    answered(spot.ask("cancel_order", symbol=ETH, order_nos=[nos[0]]), "cancel_order", data=[no_(nos[0])])
    answer = spot.ask("cancel_order", symbol=ETH, order_nos=[])
    assert sorted(one["order_no"] for one in answer["data"]) == sorted([nos[1], nos[3]])
    answered(answer, "cancel_order", data=[yes(one["order_no"]) for one in answer["data"]])
    answered(spot.ask("cancel_order", symbol=ETH, order_nos=[]), "cancel_order", data=[])
    answered(spot.ask("open_orders", symbol=ETH), "open_orders", data=[])
    spot.client.barrier()
    over = [one["order_no"] for one in spot.notices("order") if one["status"] == "CANCELED"]
    assert sorted(over) == sorted(nos), "each is told once"


@pytest.mark.parametrize("target", ["simulator", "gateway", "listed"], indirect=True)
def test_orders_of_others_are_nobody_elses(target: Target, client: Client, spot: Login) -> None:
    with target.client() as elsewhere:
        other = elsewhere.login(SPOT, target.key())
        mine, theirs = spot.placed("BUY", "2500", "0.1"), other.placed("BUY", "2501", "0.1")
        assert [one["order_no"] for one in other.ask("open_orders", symbol=ETH)["data"]] == [theirs]
        answer = other.ask("cancel_order", symbol=ETH, order_nos=[mine])
        answered(answer, "cancel_order", data=[{"result": False, "error_message": text, "order_no": mine}])
        answer = other.ask("cancel_order", symbol=ETH, order_nos=[])
        assert [one["order_no"] for one in answer["data"]] == [theirs]
        assert [one["order_no"] for one in spot.ask("open_orders", symbol=ETH)["data"]] == [mine]
        elsewhere.barrier()
        assert {one["order_no"] for one in other.notices("order")} == {theirs}
    client.barrier()
    assert {one["order_no"] for one in spot.notices("order")} == {mine}


def test_orders_live_on_when_their_client_goes(target: Target) -> None:
    key = target.key()
    target.book(BIDS, ASKS)
    with target.client() as client:
        login = client.login(SPOT, key)
        gone, kept = login.placed("SELL", "3100", "0.1"), login.placed("SELL", "3200", "0.2")
        assert login.ask("logout")["result"] is True
        login = client.login(SPOT, key)
        answered(
            login.ask("open_orders", symbol=ETH),
            "open_orders",
            data=[
                row(no, "SELL", price, left, left, "SUBMITTED")
                for no, price, left in sorted([(gone, "3100", "0.1"), (kept, "3200", "0.2")])
            ],
        )
        login.ask("logout")
        target.book([("3150", "9")], [("3151", "1")])  # while nobody listens
        login = client.login(SPOT, key)
        left = [row(kept, "SELL", "3200", "0.2", "0.2", "SUBMITTED")]
        eventually(lambda: answered(login.ask("open_orders", symbol=ETH), "open_orders", data=left))
        has(login, USDT=("1000309.938", 0), ETH=("999.7", "0.2"))
        target.book([("3250", "9")], [("3251", "1")])
        login.notice("order", order_no=kept, status="FILLED")
        exact(login.notices("fill"), [fill(kept, "3200", "0.2", "SELL", "MAKER")])


# accounts and rules


def test_the_rules_of_a_symbol(spot: Login, contract: Login, target: Target) -> None:
    for login, least in ((spot, "5"), (contract, "5" if target.ours else "0")):
        rules = {
            "price_tick": D("0.01"),
            "size_tick": D("0.0001"),
            "size_limit": D("0.0001"),
            "value_tick": D("0.000001"),
            "value_limit": D(least),
            "base_currency": "ETH",
            "quote_currency": "USDT",
            "settlement_currency": "USDT",
        }
        answered(login.ask("symbol_info", symbol=ETH), "symbol_info", data=rules)


def test_balances(spot: Login) -> None:
    none(spot)


def test_a_spot_market_has_no_positions(spot: Login) -> None:
    spot.placed("BUY", "3000", "1")
    nothing: Message = {name: 0 for name in position(NONE, NONE) if name not in ("margin_mode", "utime")}
    data = {"margin_mode": "crossed", **nothing, "utime": millis}
    answered(spot.ask("position", symbol=ETH), "position", data=data)


def test_the_sign_of_a_quantity_picks_the_position(contract: Login) -> None:
    """BUY + opens long, SELL - opens short, SELL + closes long, BUY - closes short. One tenth is margin."""
    opened = contract.placed("BUY", "3000", "1")
    life(
        contract,
        opened,
        orders=[
            told(opened, "BUY", "3000", "1", "1", "SUBMITTED"),
            told(opened, "BUY", "3000", "1", "0", "FILLED"),
        ],
        fills=[fill(opened, "3000", "1", "BUY", "TAKER")],
    )
    holds(contract, ("1", "1", "3000", "300"), NONE)
    has(contract, USDT=("999698.5", 300))
    short = contract.placed("SELL", "2999.5", "-2")
    life(
        contract,
        short,
        orders=[
            told(short, "SELL", "2999.5", "-2", "-2", "SUBMITTED"),
            told(short, "SELL", "2999.5", "-2", "0", "FILLED"),
        ],
        fills=[fill(short, "2999.5", "-2", "SELL", "TAKER")],
    )
    holds(contract, ("1", "1", "3000", "300"), ("2", "2", "2999.5", "599.9"))
    has(contract, USDT=("999095.6005", "899.9"))
    resting = contract.placed("SELL", "3500", "0.4")
    listed = contract.ask("open_orders", symbol=ETH)
    answered(listed, "open_orders", data=[row(resting, "SELL", "3500", "0.4", "0.4", "SUBMITTED")])
    answer = contract.ask("position", symbol=ETH)
    answered(answer, "position", data=position(("1", "0.6", "3000", "300"), ("2", "2", "2999.5", "599.9")))
    cover = contract.placed("BUY", "2500", "-0.5")
    listed = contract.ask("open_orders", symbol=ETH)["data"]
    exact(listed[1], row(cover, "BUY", "2500", "-0.5", "-0.5", "SUBMITTED"))
    refused = contract.place("SELL", "2999", "0.7")
    exact(refused, {"op": "place_order", "cid": text, "result": False, "error_message": text, "order_no": ""})
    answer = contract.ask("cancel_order", symbol=ETH, order_nos=[])
    assert {one["order_no"] for one in answer["data"] if one["result"]} == {resting, cover}
    closed = contract.placed("SELL", "2999", "1", "IOC")
    life(
        contract,
        closed,
        orders=[
            told(closed, "SELL", "2999", "1", "1", "SUBMITTED", "IOC"),
            told(closed, "SELL", "2999", "1", "0", "FILLED", "IOC"),
        ],
        fills=[fill(closed, "2999.5", "1", "SELL", "TAKER")],
    )
    holds(contract, NONE, ("2", "2", "2999.5", "599.9"))
    covered = contract.placed("BUY", "0", "-2", "MARKET")
    life(
        contract,
        covered,
        orders=[
            told(covered, "BUY", "0", "-2", "-2", "SUBMITTED", "MARKET"),
            *([told(covered, "BUY", "0", "-2", "-1.5", "PARTIAL-FILLED", "MARKET")]),
            told(covered, "BUY", "0", "-2", "0", "FILLED", "MARKET"),
        ],
        fills=[fill(covered, "3000", "-0.5", "BUY", "TAKER"), fill(covered, "3000.5", "-1.5", "BUY", "TAKER")],
    )
    holds(contract, NONE, NONE)


def test_times_of_an_order(spot: Login) -> None:
    no = spot.placed("BUY", "2500", "0.1")
    first = spot.notice("order", order_no=no)
    spot.ask("cancel_order", symbol=ETH, order_nos=[no])
    last = spot.notice("order", order_no=no, status="CANCELED")
    assert first["ctime"] == last["ctime"] <= first["utime"] <= last["utime"]
    assert isinstance(first["ctime"], Decimal)
