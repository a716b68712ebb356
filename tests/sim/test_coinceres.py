"""CoinCeres' simulator: every message of the venue page, over a socket."""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from picows import WSHandshakeError
from tests.sim.conftest import until
from tests.sim.order_clients import Ceres, ceres_url, http, still

from ferrofeed.sim import OrderOptions
from ferrofeed.sim.coinceres import signature

if TYPE_CHECKING:
    from tests.sim.conftest import Kit, Run

OID = re.compile(r"\d{18}")


def test_the_signature_is_the_documents() -> None:
    known = "2bb24f69ca812c766a7bd73e3c2a331b55373a122bba8ede47ced0b4a07139c0"
    assert signature("bGppXpZqNrzVOptf", "bcBFnn3GbFz1cB73f5TkJa8P5gbrFdgt") == known


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?api_key=sim-key&sign=" + "0" * 64, 401),
        ("?api_key=other&sign=" + signature("other", "sim-secret"), 401),
        ("?api_key=sim-key", 401),
        ("", 401),
        ("elsewhere?api_key=sim-key&sign=" + signature("sim-key", "sim-secret"), 404),
    ],
)
def test_who_has_no_good_signature_is_refused_in_the_handshake(run: Run, kit: Kit, query: str, status: int) -> None:
    async def main() -> None:
        async with still("coinceres") as sim:
            raw = await kit.raw(sim.url + query)
            assert raw.status == status
            raw.close()
            assert sim.stats.handshakes_refused == {status: 1}

    run(main())


def test_logins_can_be_refused_by_a_fault(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres") as sim:
            sim.inject("refuse_login")
            with pytest.raises(WSHandshakeError, match="401"):
                await Ceres.to(sim)
            (await Ceres.to(sim)).ws.close()

    run(main())


def test_a_heartbeat_is_answered_in_text(run_each: Run) -> None:
    async def main() -> None:
        async with still("coinceres") as sim:
            client = await Ceres.to(sim)
            client.ws.send(b"ping")
            assert await client.ws.expect() == [b"pong"]

    run_each(main())


def test_an_order_is_taken_and_told(run_each: Run) -> None:
    async def main() -> None:
        async with still("coinceres") as sim:
            client = await Ceres.to(sim)
            client.send_order("12345", profit_value="3100", stop_value="2900", future_dir="open", lever="10")
            answer, push = await client.find(lambda _: True, 2)
            system = answer["data"]["system_oid"]
            assert OID.fullmatch(system)
            assert answer == {
                "biz_type": 11,
                "code": "200",
                "data": {"client_oid": "12345", "system_oid": system},
                "message": "SUCESS",
            }
            time = push.pop("entrustTime")
            assert push == {
                "messageType": "1",
                "product": "ETH",
                "exchange": "TEST",
                "contract": "ETH_USDT",
                "entrustId": system,
                "avgDealPrice": "0",
                "entrustStatus": "SUBMITTED",
                "entrustDir": "BUY",
                "entrustType": "limit",
                "lever": "null",
                "entrustPrice": "3000",
                "entrustVol": "0.5",
                "dealVol": "0",
                "totalDealVol": "0",
            }
            (row,) = (await client.ask(15))["data"]
            assert row == {
                "system_oid": system,
                "client_oid": "12345",
                "contract": "ETH_USDT",
                "entrust_bs": "buy",
                "entrust_price": "3000",
                "entrust_amount": "0.5",
                "average_dealt_price": "0",
                "dealt_amount": "0",
                "commission": "0",
                "lever": "null",
                "profit_value": "3100",
                "stop_value": "2900",
                "status": "3",
                "entrust_time": time,
            }

    run_each(main())


def test_fills_are_pushed_one_by_one_and_listed(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres") as sim:
            client = await Ceres.to(sim)
            system = await client.place("a", "3000", "0.5")
            sim.fill(system, "0.2")
            sim.fill(system)
            await until(lambda: len(client.statuses) == 3)
            assert client.statuses == ["SUBMITTED", "PART_FILLED", "FILLED"]
            assert [(p["dealVol"], p["totalDealVol"], p["avgDealPrice"]) for p in client.pushes] == [
                ("0", "0", "0"),
                ("0.2", "0.2", "3000"),
                ("0.3", "0.5", "3000"),
            ]
            newest, oldest = (await client.ask(17, exchange="TEST", contract="ETH_USDT", count="50"))["data"]
            time = oldest.pop("dealt_time")
            assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", time)
            assert oldest.pop("system_tid") < newest["system_tid"]
            assert oldest == {
                "system_oid": system,
                "contract": "ETH_USDT",
                "entrust_bs": "buy",
                "dealt_amount": "0.2",
                "dealt_price": "3000",
                "commission": "0.12",
                "commission_currency": "USDT",
            }
            (row,) = (await client.ask(15, system_oid=system))["data"]
            assert (row["status"], row["dealt_amount"], row["average_dealt_price"]) == ("5", "0.5", "3000")
            assert row["commission"] == "0.3"
            money = {row["currency"]: row for row in (await client.ask(14, exchange="TEST"))["data"]}
            assert money["ETH"]["balance"] == "1000.5"
            assert money["USDT"]["balance"] == "998499.7"

    run(main())


def test_contracts_say_their_rules(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres") as sim:
            client = await Ceres.to(sim)
            spot, contract = (await client.ask(13))["data"]
            assert spot == {
                "contract": "ETH_USDT",
                "exchange": "TEST",
                "kind": "4",
                "tick_size": "0.01",
                "volume_increment": "0.0001",
                "min_price": "0.01",
                "min_volume": "0.0001",
            }
            assert (contract["exchange"], contract["kind"]) == ("FUTURE", "3")
            assert (await client.ask(13, exchange="TEST", contract="ETH_USDT"))["data"] == [spot]
            assert (await client.ask(13, exchange="NONE"))["data"] == []

    run(main())


def test_money_is_told_by_exchange_with_what_is_frozen(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres", OrderOptions(deposits={"USDT": "5000"}, maker_ppm=0, taker_ppm=0)) as sim:
            client = await Ceres.to(sim)
            await client.place("a", "3000", "0.5")
            rows = (await client.ask(14))["data"]
            usdt = [row for row in rows if row["currency"] == "USDT"]
            assert [(r["account_type"], r["exchange"], r["balance"], r["frozen"]) for r in usdt] == [
                ("3", "TEST", "5000", "1500"),
                ("4", "FUTURE", "5000", "0"),
            ]
            assert set(rows[0]) == {"account_type", "balance", "currency", "exchange", "frozen", "market_value"}
            other = (await client.ask(14, exchange="FUTURE"))["data"]
            assert {row["exchange"] for row in other} == {"FUTURE"}

    run(main())


def test_positions_of_contracts_have_two_sides(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres") as sim:
            client = await Ceres.to(sim)
            future: dict[str, Any] = {"exchange": "FUTURE", "lever": "10"}
            long = await client.place("l", "3000", "0.5", **future, future_dir="open")
            short = await client.place("s", "3100", "0.2", **future, future_dir="open", entrust_bs="sell")
            sim.fill(long)
            sim.fill(short)
            await until(lambda: client.statuses.count("FILLED") == 2)
            await until(lambda: [p["messageType"] for p in client.pushes].count("2") == 2)
            first, second = (await client.ask(16, exchange="FUTURE", contract="ETH_USDT"))["data"]
            assert set(first) == {
                "exchange",
                "contract",
                "dealId",
                "position_dir",
                "vol",
                "lever",
                "margin",
                "open_price",
                "position_value",
                "force_price",
                "close_profit",
                "position_profit",
            }
            assert (first["position_dir"], first["vol"], first["open_price"]) == ("buy", "0.5", "3000")
            assert (second["position_dir"], second["vol"], second["open_price"]) == ("sell", "0.2", "3100")
            assert first["margin"] == "150"
            assert (await client.ask(16, position_dir="sell"))["data"] == [second]
            margin = next(p for p in client.pushes if p["messageType"] == "2")
            assert set(margin) == {
                "messageType",
                "entrustId",
                "forcedPrice",
                "totalMargin",
                "profit",
                "stop",
                "dealId",
                "type",
            }
            assert margin["forcedPrice"] == "null"
            directions = [push["entrustDir"] for push in client.pushes if push["messageType"] == "1"]
            assert directions == ["OPEN_BUY", "OPEN_SELL", "OPEN_BUY", "OPEN_SELL"]
            more = await client.ask(
                11, **{**client.order("c", "3000", "0.6", **future, future_dir="close", entrust_bs="sell"), "x": 1}
            )
            assert more["code"] == "500", "more than there is to close"

    run(main())


def test_a_cancel_answers_for_each_order(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres") as sim:
            client = await Ceres.to(sim)
            one, two, three = [await client.place(name, "3000", "0.1") for name in "abc"]
            sim.fill(one, "0.1")
            sim.fill(two, "0.04")
            answer = await client.ask(12, system_oid=f"{one},{two},{three},77")
            assert answer == {
                "biz_type": 12,
                "code": "200",
                "data": {
                    "SUCCESS": [{"system_oid": two}, {"system_oid": three}],
                    "ERROR": [{"system_oid": one}, {"system_oid": "77"}],
                },
                "message": "SUCESS",
            }
            await until(lambda: "CANCELED" in client.statuses)
            assert client.statuses[-2:] == ["PART_CANCELED", "CANCELED"]
            rows = {row["system_oid"]: row["status"] for row in (await client.ask(15))["data"]}
            assert rows == {one: "5", two: "14", three: "15"}
            assert [r["system_oid"] for r in (await client.ask(15, status="14"))["data"]] == [two]
            assert (await client.ask(15, exchange="FUTURE"))["data"] == []
            many = ",".join(str(number) for number in range(16))
            assert (await client.ask(12, system_oid=many))["code"] == "400"
            assert (await client.ask(15, system_oid=many))["code"] == "400"

    run(main())


def test_a_market_purchase_spends_money_and_a_sale_a_quantity(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres") as sim:
            client = await Ceres.to(sim)
            bought = await client.place("b", vol="600", price_type="market", entrust_price=None)
            await until(lambda: "FILLED" in client.statuses)
            sold = await client.place("s", vol="0.1", price_type="market", entrust_bs="sell", entrust_price=None)
            await until(lambda: client.statuses.count("FILLED") == 2)
            orders = {order["id"]: order for order in sim.truth()["orders"]}
            spent = float(orders[bought]["filled"]) * float(orders[bought]["average_price"])
            # whole lots of 0.0001 ETH, and the fee comes out of the money
            assert 599 < spent + float(orders[bought]["fee"]) <= 600
            assert orders[sold]["filled"] == "0.1"
            (row,) = (await client.ask(15, system_oid=bought))["data"]
            assert (row["status"], row["entrust_amount"]) == ("5", "600")

    run(main())


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"entrust_price": "3000.001"}, "500", "tick"),
        ({"entrust_vol": "0.00001"}, "500", "lot"),
        ({"entrust_vol": "0"}, "500", "above 0"),
        ({"entrust_vol": "-1"}, "500", "above 0"),
        ({"entrust_vol": "400", "entrust_price": "3000"}, "500", "money"),
        ({"entrust_price": 3000}, "400", "entrust_price: expected a text"),
        ({"entrust_price": "3e"}, "400", "entrust_price: expected a number as text"),
        ({"entrust_price": "NaN"}, "400", "entrust_price: expected a number as text"),
        ({"entrust_price": "3_000"}, "400", "entrust_price: expected a number as text"),
        ({"entrust_vol": "1e-1"}, "400", "entrust_vol: expected a number as text"),
        ({"entrust_vol": "1" * 40}, "400", "entrust_vol: out of range"),
        ({"entrust_vol": None}, "400", "entrust_vol: expected a text"),
        ({"contract": "ABC_USDT"}, "400", "no contract ABC_USDT on exchange TEST"),
        ({"exchange": "NOWHERE"}, "400", "no contract ETH_USDT on exchange NOWHERE"),
        ({"price_type": "stop"}, "400", "price_type"),
        ({"entrust_bs": "up"}, "400", "entrust_bs"),
        ({"exchange": "FUTURE"}, "400", "future_dir"),
        ({"exchange": "FUTURE", "future_dir": "sideways"}, "400", "future_dir"),
    ],
)
def test_what_can_not_be_is_refused(run: Run, change: dict[str, Any], code: str, words: str) -> None:
    async def main() -> None:
        async with still("coinceres") as sim:
            client = await Ceres.to(sim)
            answer = await client.ask(11, **(client.order("a") | change))
            assert (answer["code"], answer["data"]) == (code, {"client_oid": "a"})
            assert words in answer["message"]
            assert sim.truth()["orders"] == []

    run(main())


@pytest.mark.parametrize(
    "text", [b"hello", b"[]", b"{}", b'{"biz_type":"11"}', b'{"biz_type":18}', b'{"biz_type":NaN}']
)
def test_what_is_no_request_is_answered(run: Run, text: bytes) -> None:
    async def main() -> None:
        async with still("coinceres") as sim:
            client = await Ceres.to(sim)
            client.ws.send(text)
            (answer,) = await client.find(lambda _: True)
            assert answer == {"biz_type": None, "code": "400", "data": None, "message": "illegal request"}
            await client.barrier()

    run(main())


def test_an_id_is_used_once(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres") as sim:
            client = await Ceres.to(sim)
            first = await client.place("a")
            client.send_order("a")
            await until(lambda: len(client.answers(11)) == 2)
            assert client.answers(11)[1]["message"] == "client_oid a exists"
            truth = sim.truth()
            assert [order["id"] for order in truth["orders"]] == [first]
            (violation,) = truth["violations"]
            assert (violation["kind"], violation["client"], violation["orders"]) == ("repeated", "a", [first])

    run(main())


def test_a_venue_that_takes_repeated_ids_tells_who_has_two_live_orders(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres", OrderOptions(refuse_repeats=False)) as sim:
            client = await Ceres.to(sim)
            first, second = await client.place("a"), await client.place("a")
            violations = sim.truth()["violations"]
            assert [(v["kind"], v["orders"]) for v in violations] == [("two_live", [first, second])]
            await client.ask(12, system_oid=f"{first},{second}")
            third = await client.place("a")
            assert sim.truth()["violations"][-1]["kind"] == "repeated"
            assert sim.truth()["violations"][-1]["orders"] == [first, second, third]

    run(main())


def test_accounts_are_apart(run: Run) -> None:
    async def main() -> None:
        from ferrofeed.sim import Options

        keys = Options(keys={"sim-key": "sim-secret", "two": "s2"})
        async with still("coinceres", options=keys) as sim:
            one, two = await Ceres.to(sim), await Ceres.to(sim, "two", "s2")
            again = await Ceres.to(sim)
            order = await one.place("a")
            assert (await two.ask(15))["data"] == []
            assert (await two.ask(12, system_oid=order))["data"]["ERROR"] == [{"system_oid": order}]
            await two.place("a")
            assert one.statuses == again.statuses == two.statuses == ["SUBMITTED"]
            assert {o["account"] for o in sim.truth()["orders"]} == {"sim-key@TEST", "two@TEST"}
            assert sim.truth()["violations"] == []

    run(main())


def test_the_market_fills_resting_orders(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres") as sim:
            client = await Ceres.to(sim)
            best = sim.market.book_text("ETH/USDT")[0][0][0]
            order = await client.place("a", best, "0.0001")
            await until(lambda: sim.step(50) == 0 and "FILLED" in client.statuses)
            (fill,) = next(o for o in sim.truth()["orders"] if o["id"] == order)["fills"]
            assert fill["price"] == best, "a resting order is filled at its own price"

    run(main())


def test_the_truth_is_told_over_http(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres") as sim:
            client = await Ceres.to(sim)
            orders = [await client.place(f"n{number}", vol="0.001") for number in range(300)]
            status, head, body = await http(sim, "/truth")
            assert status == 200
            assert "Content-Type: application/json" in head
            told = json.loads(body)
            assert [order["id"] for order in told["orders"]] == orders
            truth = sim.truth()
            assert {**told, "now_ns": 0} == {**truth, "now_ns": 0}
            assert told["requests"] == {"11": 300}
            assert (await http(sim, f"/fill?order={orders[0]}&quantity=0.0004"))[0] == 200
            assert sim.truth()["orders"][0]["filled"] == "0.0004"
            status, _, body = await http(sim, "/fill?order=1")
            assert (status, body) == (400, b"'1'\n")
            assert (await http(sim, "/step?count=7"))[0] == 200
            assert sim.market.steps == 7
            status, _, body = await http(sim, "/requests")
            seen = json.loads(body)
            assert [entry["client"] for entry in seen] == [f"n{number}" for number in range(300)]
            assert all(a["time_ns"] <= b["time_ns"] for a, b in itertools.pairwise(seen))
            assert (await http(sim, "/truth", "Origin: http://evil.example"))[0] == 426
            assert (await http(sim, "/else"))[0] == 426

    run(main())


def test_orders_outlive_the_connection(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres") as sim:
            client = await Ceres.to(sim)
            order = await client.place("a")
            client.ws.close()
            await until(lambda: not sim.connections)
            again = await Ceres.to(sim)
            assert (await again.ask(15))["data"][0]["system_oid"] == order
            sim.fill(order)
            await until(lambda: again.statuses == ["FILLED"])

    run(main())


def test_the_url_with_a_key_is_not_the_simulators() -> None:
    sim = still("coinceres")
    assert "sim-key" not in sim.url
    assert "sim-secret" not in repr(sim.options)
    assert ceres_url("x").count("sim-key") == 1
