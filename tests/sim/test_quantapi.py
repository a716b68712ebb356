"""quantapi's simulator: every message and rule of the venue page, over a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from tests.sim.conftest import until
from tests.sim.order_clients import ETH, Quant, http, later, still

from ferrofeed.sim import Options, OrderOptions

if TYPE_CHECKING:
    from tests.sim.conftest import Kit, Run

TWO = Options(keys={"sim-key": "sim-secret", "two": "s2"})


def test_a_login_is_taken_then_connected_then_ready(run_each: Run) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            client = await Quant.to(sim, None)
            answer = await client.login()
            token = answer["token"]
            assert answer == {"op": "login", "cid": "c1", "result": True, "error_message": "", "token": token}
            assert len(token) >= 32
            refused = await client.ask("asset", token=token)
            assert (refused["result"], refused["error_message"]) == (False, "Platform not ready")
            await client.state(6, token)
            states = [message for message in client.all if message["op"] == "state"]
            assert states == [
                {"op": "state", "token": token, "code": 2, "msg": "connected"},
                {"op": "state", "token": token, "code": 6, "msg": "ready"},
            ]

    run_each(main())


def test_tokens_can_not_be_guessed(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi", options=TWO) as one, still("quantapi") as other:
            first = await Quant.to(one)
            second = await Quant.to(other)
            third = await Quant.to(one, access_key="two", secret_key="s2")
            assert len({first.token, second.token, third.token}) == 3, "equal seeds, other tokens"

    run(main())


@pytest.mark.parametrize(
    ("change", "states"),
    [
        ({"secret_key": "wrong"}, [7]),
        ({"access_key": "nobody"}, [7]),
        ({"symbols": []}, [1]),
        ({"access_key": ""}, [1]),
        ({"secret_key": ""}, [1]),
    ],
)
def test_what_is_wrong_with_a_login_shows_by_states(run: Run, change: dict[str, Any], states: list[int]) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            client = await Quant.to(sim, None)
            answer = await client.login(**change)
            assert answer["result"] is True
            await client.state(states[-1], answer["token"])
            assert client.states == states
            refused = await client.ask("asset", token=answer["token"])
            assert refused["error_message"] == "Platform not ready"
            assert (await client.login())["result"] is True, "it may be tried again"

    run(main())


def test_refused_logins(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            client = await Quant.to(sim)
            elsewhere = await Quant.to(sim, None)
            for asker in (client, elsewhere):
                repeated = await asker.login()
                assert (repeated["result"], repeated["error_message"]) == (False, "Do not log in repeat")
                assert repeated["token"] == ""
            unknown = await client.login("nowhere")
            assert (unknown["result"], unknown["error_message"]) == (False, "Unknown platform nowhere")
            sim.inject("refuse_login")
            assert (await client.login("huobi_future"))["error_message"] == "Login refused"
            assert (await client.login("huobi_future"))["result"] is True

    run(main())


def test_a_login_that_is_taken_when_its_connection_is_gone_keeps_nobody_out(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            client = await Quant.to(sim, None)
            sim.inject("request_late delay=0.2")
            login = {"platform": "huobi", "symbols": ["ETH/USDT"], "access_key": "sim-key", "secret_key": "sim-secret"}
            client.ws.send({"op": "login", "cid": "1", **login})
            await until(lambda: sim.truth()["requests"].get("login") == 1)
            client.ws.close()
            await asyncio.sleep(0.4)
            other = await Quant.to(sim, None)
            assert (await other.login())["result"] is True

    run(main())


def test_several_logins_on_one_socket(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi", options=TWO) as sim:
            client = await Quant.to(sim)
            tokens = [client.token]
            for platform, key, secret in (("huobi_future", "sim-key", "sim-secret"), ("huobi", "two", "s2")):
                token = (await client.login(platform, access_key=key, secret_key=secret))["token"]
                await client.state(6, token)
                tokens.append(token)
            for token in tokens:
                answer = await client.ask("place_order", token=token, **client.order())
                assert answer["result"] is True
            accounts = [order["account"] for order in sim.truth()["orders"]]
            assert accounts == ["sim-key@huobi", "sim-key@huobi_future", "two@huobi"]
            told = [m["token"] for m in client.all if m["op"] == "notify" and m["topic"] == "order"]
            assert told == tokens

    run(main())


def test_cid_is_echoed_and_empty_where_there_is_none(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            client = await Quant.to(sim)
            client.ws.send({"op": "asset", "token": client.token})
            client.ws.send({"op": "asset", "token": client.token, "cid": "mine"})
            found = await client.find(lambda m: m["op"] == "asset", 2)
            assert [message["cid"] for message in found] == ["", "mine"]

    run(main())


def test_an_order_and_its_notifications(run_each: Run) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            client = await Quant.to(sim)
            answer = await client.ask("place_order", **client.order(action="SELL", price=3219.24, quantity=5.6))
            number = answer.pop("order_no")
            assert answer == {"op": "place_order", "cid": "c2", "result": True, "error_message": ""}
            sim.fill(number, "1.6")
            sim.fill(number)
            await until(lambda: len(client.notices("order")) == 3)
            taken, part, whole = client.notices("order")
            made = taken.pop("ctime")
            assert taken.pop("utime") == made
            assert taken == {
                "symbol": "ETH/USDT",
                "order_no": number,
                "action": "SELL",
                "price": Decimal("3219.24"),
                "quantity": Decimal("5.6"),
                "remain": Decimal("5.6"),
                "status": "SUBMITTED",
                "order_type": "LIMIT",
            }
            assert (part["status"], part["remain"]) == ("PARTIAL-FILLED", 4)
            assert (whole["status"], whole["remain"]) == ("FILLED", 0)
            first, second = client.notices("fill")
            assert first.pop("ctime") >= made
            assert first.pop("fill_no") != second.pop("fill_no")
            assert first == {
                "symbol": "ETH/USDT",
                "order_no": number,
                "price": Decimal("3219.24"),
                "quantity": Decimal("1.6"),
                "side": "SELL",
                "liquidity": "MAKER",
            }
            assert client.topics.index("fill") == client.topics.index("order") + 2, "order, its money, fill"
            money = client.notices("asset")[-1]
            assert money["ETH"] == {"free": Decimal("994.4"), "locked": 0, "total": Decimal("994.4")}
            asked = (await client.ask("asset"))["data"]
            assert asked == money

    run_each(main())


def test_takers_are_told_so(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            client = await Quant.to(sim)
            await client.place(0, 0.1, order_type="MARKET")
            await client.place(4000, 0.1, order_type="IOC")
            await client.place(1, 0.1, order_type="IOC")
            await until(lambda: "CANCELED" in [order["status"] for order in client.notices("order")])
            assert {fill["liquidity"] for fill in client.notices("fill")} == {"TAKER"}
            assert [order["status"] for order in sim.truth()["orders"]] == ["filled", "filled", "cancelled"]
            assert [order["order_type"] for order in client.notices("order") if order["status"] == "SUBMITTED"] == [
                "MARKET",
                "IOC",
                "IOC",
            ]

    run(main())


def test_open_orders_of_a_symbol(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi", symbols=["ETH/USDT", "BTC/USDT"]) as sim:
            client = await Quant.to(sim, symbols=["ETH/USDT", "BTC/USDT"])
            one = await client.place(3000, 0.5)
            two = await client.place(3001, 0.5)
            await client.place(40000, 0.5, symbol="BTC/USDT")
            done = await client.place(3002, 0.5)
            sim.fill(done, "0.5")
            sim.fill(two, "0.2")
            listed = (await client.ask("open_orders", symbol="ETH/USDT"))["data"]
            assert [(row["order_no"], row["status"], row["remain"]) for row in listed] == [
                (one, "SUBMITTED", Decimal("0.5")),
                (two, "PARTIAL-FILLED", Decimal("0.3")),
            ]
            assert set(listed[0]) == {
                "order_no",
                "action",
                "price",
                "quantity",
                "remain",
                "status",
                "order_type",
                "ctime",
                "utime",
            }

    run(main())


def test_cancels_answer_order_by_order(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi", symbols=["ETH/USDT", "BTC/USDT"]) as sim:
            client = await Quant.to(sim, symbols=["ETH/USDT", "BTC/USDT"])
            one, two = await client.place(), await client.place(3001, 0.5)
            other = await client.place(40000, 0.5, symbol="BTC/USDT")
            sim.fill(two)
            answer = await client.ask("cancel_order", symbol="ETH/USDT", order_nos=[one, two, other, "9"])
            assert answer["result"] is True
            assert answer["data"] == [
                {"result": True, "error_message": "", "order_no": one},
                {"result": False, "error_message": "order is filled", "order_no": two},
                {"result": False, "error_message": "order does not exist", "order_no": other},
                {"result": False, "error_message": "order does not exist", "order_no": "9"},
            ]
            await until(lambda: client.notices("order")[-1]["status"] == "CANCELED")
            assert {order["id"]: order["status"] for order in sim.truth()["orders"]}[other] == "working"

    run(main())


def test_an_empty_list_cancels_all_of_the_symbol(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi", symbols=["ETH/USDT", "BTC/USDT"]) as sim:
            client = await Quant.to(sim, symbols=["ETH/USDT", "BTC/USDT"])
            ours = [await client.place(), await client.place(3001, 0.5)]
            other = await client.place(40000, 0.5, symbol="BTC/USDT")
            answer = await client.ask("cancel_order", symbol="ETH/USDT", order_nos=[])
            assert [row["order_no"] for row in answer["data"]] == ours
            assert [order["id"] for order in sim.truth()["orders"] if order["live"]] == [other]

    run(main())


@pytest.mark.parametrize(
    ("action", "opened", "closed", "side"),
    [("BUY", 0.5, ("SELL", 0.2), "long"), ("SELL", -0.5, ("BUY", -0.2), "short")],
)
def test_the_sign_says_which_position(run: Run, action: str, opened: float, closed: Sequence[Any], side: str) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            client = await Quant.to(sim, "huobi_future")
            await client.place(0, opened, action=action, order_type="MARKET")
            await client.place(0, closed[1], action=closed[0], order_type="MARKET")
            data = (await client.ask("position", symbol="ETH/USDT"))["data"]
            assert data[f"{side}_quantity"] == Decimal("0.3")
            assert data[f"{side}_leverage"] == 10
            assert data[f"{side}_open_price"] > 3000
            assert data[f"{'short' if side == 'long' else 'long'}_quantity"] == 0
            keys = ["quantity", "avail_qty", "open_price", "hold_price", "liquid_price", "unrealised_pnl"]
            keys += ["leverage", "margin"]
            sides = {f"{leg}_{key}" for leg in ("long", "short") for key in keys}
            assert set(data) == {"margin_mode", "utime"} | sides
            assert data["margin_mode"] == "crossed"
            told = client.notices("position")[-1]
            assert told.pop("symbol") == "ETH/USDT"
            assert {**told, "utime": 0} == {**data, "utime": 0}
            quantities = [fill["quantity"] for fill in client.notices("fill")]
            assert sum(quantities) == Decimal(str(opened)) + Decimal(str(closed[1]))
            assert sim.truth()["positions"]["sim-key@huobi_future"]["ETH/USDT"][side]["quantity"] == "0.3"
            refused = await client.ask("place_order", **client.order(0, -closed[1], action=closed[0]))
            assert refused["result"] is False
            more = await client.ask(
                "place_order", **client.order(0, 2 * closed[1], action=closed[0], order_type="MARKET")
            )
            assert (more["result"], more["error_message"], more["order_no"]) == (
                False,
                "more than there is to close",
                "",
            )

    run(main())


def test_a_symbol_that_the_login_did_not_name_is_unknown(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi", symbols=["ETH/USDT", "BTC/USDT"]) as sim:
            client = await Quant.to(sim)
            answer = await client.ask("open_orders", symbol="BTC/USDT")
            assert (answer["result"], answer["error_message"]) == (False, "Unknown symbol BTC/USDT")

    run(main())


def test_symbol_info(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi", OrderOptions(min_notional="10")) as sim:
            client = await Quant.to(sim)
            assert (await client.ask("symbol_info", symbol="ETH/USDT"))["data"] == {
                "price_tick": Decimal("0.01"),
                "size_tick": Decimal("0.0001"),
                "size_limit": Decimal("0.0001"),
                "value_tick": Decimal("0.000001"),
                "value_limit": 10,
                "base_currency": "ETH",
                "quote_currency": "USDT",
                "settlement_currency": "USDT",
            }
            refused = await client.ask("place_order", **client.order(3000, 0.003))
            assert "too small" in refused["error_message"]

    run(main())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"symbol": "BTC/USDT"}, "Unknown symbol BTC/USDT"),
        ({"action": "LONG"}, "action: expected BUY or SELL"),
        ({"order_type": "FOK"}, "order_type: expected LIMIT, MARKET or IOC"),
        ({"order_type": "MARKET"}, "price: expected 0 for MARKET"),
        ({"price": 3000.001}, "tick"),
        ({"quantity": 0.00001}, "lot"),
        ({"quantity": -1}, "above 0"),
        ({"quantity": 0}, "above 0"),
        ({"quantity": 400}, "money"),
        ({"price": 0}, "price"),
    ],
)
def test_what_can_not_be_is_refused(run: Run, change: dict[str, Any], words: str) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            client = await Quant.to(sim)
            answer = await client.ask("place_order", **(client.order() | change))
            assert (answer["result"], answer["order_no"]) == (False, "")
            assert words in answer["error_message"]
            assert sim.truth()["orders"] == []

    run(main())


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (b"hello", "not a JSON object"),
        (b"[1]", "not a JSON object"),
        (rb'{"op":"asset","token":"x","cid":"\ud800"}', "not a JSON object"),
        (b'{"op":"place_order","price":NaN}', "not a JSON object"),
        (b'{"op":"dance"}', "unknown op"),
        (b'{"cid":"1"}', "unknown op"),
        (b'{"op":"asset"}', "asset: token: expected a text"),
        (b'{"op":"asset","token":"x","cid":7}', "asset: cid: expected a text"),
        (b'{"op":"ping"}', "ping: ts: expected a number"),
        (
            b'{"op":"login","platform":"huobi","symbols":"ETH/USDT","access_key":"a","secret_key":"b"}',
            "login: symbols: expected a list of texts",
        ),
        (
            b'{"op":"place_order","token":"x","symbol":"ETH/USDT","action":"BUY","price":"1","quantity":1,'
            b'"order_type":"LIMIT"}',
            "place_order: price: expected a number",
        ),
        (b'{"op":"cancel_order","token":"x","symbol":"ETH/USDT"}', "cancel_order: order_nos: expected a list of texts"),
    ],
)
def test_a_frame_that_is_no_request_is_answered_and_the_socket_lives(run: Run, frame: bytes, words: str) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            client = await Quant.to(sim, None)
            client.ws.send(frame)
            (answer,) = await client.find(lambda _: True)
            assert answer == {"op": "error", "error_message": words}
            await client.barrier()

    run(main())


def test_a_token_is_good_on_its_own_socket_until_logout(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            client, other = await Quant.to(sim), await Quant.to(sim, None)
            order = await client.place()
            for asker, token in ((client, "guess"), (other, client.token)):
                answer = await asker.ask("place_order", token=token, **client.order())
                assert answer["result"] is False
                assert answer["error_message"] == "Invalid token"
            assert await client.ask("logout", "bye") == {
                "op": "logout",
                "cid": "bye",
                "result": True,
                "error_message": "",
            }
            assert (await client.ask("logout"))["error_message"] == "Invalid token"
            assert (await client.ask("asset"))["error_message"] == "Invalid token"
            again = await Quant.to(sim)
            (row,) = (await again.ask("open_orders", symbol="ETH/USDT"))["data"]
            assert row["order_no"] == order, "orders outlive the login"

    run(main())


def test_a_closed_socket_logs_out_and_its_orders_stay(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            client = await Quant.to(sim)
            order = await client.place()
            client.ws.close()
            await until(lambda: not sim.connections)
            again = await Quant.to(sim)
            assert again.token != client.token
            sim.fill(order)
            await until(lambda: again.notices("fill"))
            assert again.notices("fill")[0]["order_no"] == order

    run(main())


def test_pings_are_echoed(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            client = await Quant.to(sim, None)
            client.ws.send({"op": "ping", "ts": 1530604762311})
            assert await client.ws.expect() == [b'{"op":"pong","ts":1530604762311}']

    run(main())


def test_silence_ends_a_connection_and_pings_do_not(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            silent, alive = await Quant.to(sim), await Quant.to(sim, None)
            later(sim, 10)
            await alive.barrier()
            later(sim, 6)
            await silent.gone()
            assert silent.ws.closed is None, "no close frame"
            assert sim.stats.kicks == {"idle": 1}
            await alive.barrier()
            assert len(sim.connections) == 1

    run(main())


def test_a_browser_gets_a_page(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            status, head, body = await http(sim, "/ws/v1")
            assert status == 200
            assert "Content-Type: text/html" in head
            assert b"Quant trading API" in body
            assert json.loads((await http(sim, "/truth"))[2])["venue"] == "quantapi"
            assert (await http(sim, "/"))[0] == 426

    run(main())


def test_another_path_is_not_found(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            raw = await kit.raw(sim.url.replace("/ws/v1", "/ws/v2"))
            assert raw.status == 404
            raw.close()

    run(main())


def test_answers_may_overtake_one_another(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi", OrderOptions(answer_jitter_s=0.05)) as sim:
            client = await Quant.to(sim)
            names = [f"n{number}" for number in range(30)]
            for name in names:
                client.send_order(name, 3000, 0.001)
            found = await client.find(lambda m: m["op"] == "place_order", 30)
            got = [message["cid"] for message in found]
            assert sorted(got) == sorted(names)
            assert got != names

    run(main())


def test_two_live_orders_of_one_request_are_seen(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            client = await Quant.to(sim)
            client.send_order("same")
            client.send_order("same")
            await client.find(lambda m: m["op"] == "place_order", 2)
            truth = sim.truth()
            orders = [order["id"] for order in truth["orders"]]
            assert [(v["kind"], v["client"], v["orders"]) for v in truth["violations"]] == [
                ("two_live", "same", orders)
            ]

    run(main())


def test_requests_are_kept_and_logins_without_their_secrets(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            client = await Quant.to(sim, symbols=ETH)
            await client.place()
            seen = sim.requests()
            assert [(entry["name"], entry["key"], entry["connection"]) for entry in seen] == [
                ("login", "sim-key", 1),
                ("place_order", "sim-key", 1),
            ]
            assert seen[0]["text"] == ""
            assert json.loads(seen[1]["text"])["symbol"] == "ETH/USDT"

    run(main())
