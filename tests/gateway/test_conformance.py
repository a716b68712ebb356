"""The protocol, field by field, as the seed document has it: logins, states, tokens, cids, errors, the connection.

The shapes are written down here by hand. Orders and money: ``test_conformance_orders.py``.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.client import ETH, Client, D, Login, Message, exact, text
from tests.gateway.targets import CONTRACT, SPOT, Target, gateway, simulator

EVERY = ("simulator", "gateway")
OPERATIONS: dict[str, dict[str, Any]] = {
    "place_order": {
        "symbol": ETH,
        "action": "SELL",
        "price": D("3219.24"),
        "quantity": D("5.6"),
        "order_type": "LIMIT",
    },
    "cancel_order": {"symbol": ETH, "order_nos": ["2510832677225473", "2510832677225474"]},
    "open_orders": {"symbol": ETH},
    "asset": {},
    "position": {"symbol": ETH},
    "symbol_info": {"symbol": ETH},
    "logout": {},
}
"""Every operation after the login, and what it takes besides op, cid and token."""
EMPTY: dict[str, Message] = {
    "login": {"token": ""},
    "place_order": {"order_no": ""},
    "cancel_order": {"data": []},
    "open_orders": {"data": []},
    "asset": {"data": {}},
    "position": {"data": {}},
    "symbol_info": {"data": {}},
    "logout": {},
}
"""What a refusal has in the place of an answer's own fields."""


@pytest.fixture(scope="module", params=[*EVERY, "listed"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp(request.param)
    made = simulator() if request.param == "simulator" else gateway(folder, listed=request.param == "listed")
    with made as target:
        yield target


@pytest.fixture
def client(target: Target) -> Iterator[Client]:
    with target.client() as client:
        yield client


def refused(target: Target, answer: Message, op: str, why: str | Callable[[object], bool]) -> None:
    """A refusal has the names of an answer, with nothing in them."""
    empty = EMPTY[op] if target.ours or op in ("login", "place_order") else {}
    exact(answer, {"op": op, "cid": text, "result": False, "error_message": why, **empty})


# the connection


@pytest.mark.parametrize("ts", ["1530604762311", "0", "1530604762311.25", "-1", "9007199254740993"])
def test_a_ping_is_answered_with_its_own_time_before_any_login(client: Client, ts: str) -> None:
    client.send(f'{{"op":"ping","ts":{ts}}}')
    exact(client.receive(), {"op": "pong", "ts": D(ts)})


@pytest.mark.parametrize("kind", EVERY)
def test_fifteen_silent_seconds_end_a_connection(kind: str, tmp_path: Path) -> None:
    """Here it is three; any message counts, also one that is none of the protocol's."""
    server = simulator(idle_s=3.0) if kind == "simulator" else gateway(tmp_path, idle_s=3)
    with server as target, target.client() as silent, target.client() as talking:
        for frame in ('{"op":"ping","ts":1}', "nonsense", '{"op":"ping","ts":2}', "[]", '{"op":"ping","ts":3}'):
            talking.send(frame)
            talking.receive()
            with pytest.raises(TimeoutError):
                talking.receive(0.8)
        code, reason = silent.closed()
        if target.ours:
            assert (code, reason) == (1001, "idle")
        assert talking.closed() == (code, reason), "when it has become silent too"


def test_a_page_for_people(target: Target) -> None:
    for path in ("/ws/v1", "/") if target.ours else ("/ws/v1",):
        with urllib.request.urlopen(target.url.replace("ws", "http", 1).replace("/ws/v1", path), timeout=5) as answer:
            assert answer.status == 200
            assert answer.headers.get_content_type() == "text/html"
            assert b"<html" in answer.read().lower()
    if target.ours:
        with pytest.raises(urllib.error.HTTPError, match="404") as nowhere:
            urllib.request.urlopen(target.url.replace("ws", "http", 1).replace("/ws/v1", "/ws/v2"), timeout=5)
        nowhere.value.close()


# what can't be understood


@pytest.mark.parametrize(
    "frame",
    [
        *("", "hello", "{", "[]", "null", "1", '"login"', '{"op":"login"', '{"op":"ping","ts":1}x', "{'op':'ping'}"),
        *("{}", '{"op":null}', '{"op":1}', '{"op":"LOGIN"}', '{"op":"notify"}', '{"op":"buy_everything","cid":"c"}'),
        *('{"op":"ping"}', '{"op":"ping","ts":"1"}', '{"op":"ping","ts":null}', '{"op":"ping","ts":NaN}'),
    ],
)
def test_what_is_no_request_gets_an_error_and_the_connection_stays(client: Client, frame: str) -> None:
    client.send(frame)
    exact(client.receive(), {"op": "error", "error_message": text})
    client.barrier()


def test_binary_frames_end_a_connection(client: Client, target: Target) -> None:
    """There are none in the protocol, and nobody knows what to make of one."""
    client.send(b'{"op":"ping","ts":1}')
    if target.ours:
        assert client.closed() == (1003, "expected text messages")
    else:
        exact(client.receive(), {"op": "pong", "ts": 1})


LOGIN = {"platform": SPOT, "symbols": [ETH], "access_key": "a", "secret_key": "b"}


@pytest.mark.parametrize(
    ("op", "name"),
    [
        *(("login", name) for name in LOGIN),
        *((op, name) for op, some in OPERATIONS.items() for name in ("token", *some)),
    ],
)
def test_a_required_field_that_is_missing_or_of_another_type(client: Client, op: str, name: str) -> None:
    good: Message = {"op": op, **(LOGIN if op == "login" else {"token": "t", **OPERATIONS[op]})}
    wrong: list[Any] = [None, True, {}, [1], [[]]]
    kind = type(good[name])
    wrong += [D(1)] if kind is str else ["1"]
    wrong += [[None], ["x", D(1)]] if kind is list else []
    client.send({key: value for key, value in good.items() if key != name})
    exact(client.receive(), {"op": "error", "error_message": text})
    for value in wrong:
        client.send(json.dumps({**good, name: value}, default=float))
        answer = client.receive()
        exact(answer, {"op": "error", "error_message": text})
        assert name in answer["error_message"], "it says where"
    client.barrier()


@pytest.mark.parametrize("op", ["login", *OPERATIONS])
def test_a_cid_is_text_or_nothing(client: Client, op: str) -> None:
    good = {"op": op, **(LOGIN if op == "login" else {"token": "t", **OPERATIONS[op]})}
    wrong: tuple[Any, ...] = (1, True, {}, [])
    for cid in wrong:
        client.send(json.dumps({**good, "cid": cid}, default=float))
        exact(client.receive(), {"op": "error", "error_message": text})


# cid


@pytest.mark.parametrize(
    "cid", ["", "c", "17", " a b ", 'quo"te', "back\\slash", "\u7530\u4e2d", "\U0001f680", "\n\t\u0001", "x" * 200]
)
def test_a_cid_is_repeated_as_it_is(client: Client, cid: str) -> None:
    for ascii_only in (True, False):
        client.send(json.dumps({"op": "asset", "cid": cid, "token": "t"}, ensure_ascii=ascii_only))
        assert client.receive()["cid"] == cid


@pytest.mark.parametrize("op", ["login", *OPERATIONS])
def test_without_a_cid_the_answer_has_an_empty_one(client: Client, op: str) -> None:
    client.send({"op": op, **({**LOGIN, "platform": "?"} if op == "login" else {"token": "t", **OPERATIONS[op]})})
    answer = client.receive()
    assert (answer["op"], answer["cid"], answer["result"]) == (op, "", False)


def test_every_request_of_a_burst_is_answered_once_by_its_cid(target: Target, client: Client) -> None:
    login = client.login(SPOT, target.key())
    since = len(client.got)
    asked = {}
    for number in range(60):
        op = ("asset", "open_orders", "position", "symbol_info", "cancel_order")[number % 5]
        asked[f"burst-{number}"] = op
        client.send({"op": op, "cid": f"burst-{number}", "token": login.token, **OPERATIONS[op]})
    client.find(lambda _: sum("cid" in one for one in client.got[since:]) == 60, since)
    client.barrier()
    answers = [message for message in client.got[since:] if "cid" in message]
    assert len(answers) == 60
    assert {message["cid"]: message["op"] for message in answers} == asked


def test_answers_come_in_any_order(tmp_path: Path) -> None:
    """An order's takes as long as the venue's; what the gateway knows itself is answered meanwhile."""
    with gateway(tmp_path, more="latency_us = [200_000, 200_000]") as target, target.client() as client:
        login = client.login(SPOT, target.key())
        since = len(client.got)
        place = {"op": "place_order", "token": login.token, **OPERATIONS["place_order"]}
        for cid in ("first", "second"):
            client.send({**place, "cid": cid})
        for cid in ("third", "fourth"):
            client.send({"op": "asset", "cid": cid, "token": login.token})
        client.find(lambda m: m.get("cid") == "second", since)
        answers = [(message["cid"], message["op"]) for message in client.got[since:] if "cid" in message]
        orders = [("first", "place_order"), ("second", "place_order")]
        assert answers == [("third", "asset"), ("fourth", "asset"), *orders]


# logins and states


@pytest.mark.parametrize("platform", [SPOT, CONTRACT])
def test_a_login_is_taken_then_connected_then_ready(target: Target, client: Client, platform: str) -> None:
    access, secret = target.key()
    request = {"platform": platform, "symbols": [ETH], "access_key": access, "secret_key": secret}
    answer = client.ask("login", **request)
    exact(answer, {"op": "login", "cid": "c1", "result": True, "error_message": "", "token": text})
    token = answer["token"]
    assert len(token) >= 32
    login = Login(client, token)
    login.state(6)
    assert client.got[0] == answer, "the answer comes before any state"
    states = client.got[1:]
    exact(
        states,
        [
            {"op": "state", "token": token, "code": 2, "msg": text},
            {"op": "state", "token": token, "code": 6, "msg": text},
        ],
    )


def test_no_two_logins_have_the_same_token(target: Target) -> None:
    tokens = set()
    key = target.key()
    for _ in range(5):
        with target.client() as client:
            tokens |= {client.login(SPOT, key).token, client.login(CONTRACT, key).token}
    assert len(tokens) == 10
    assert not any(one[:8] == other[:8] for one in tokens for other in tokens if one != other)


@pytest.mark.parametrize("missing", ["access_key", "secret_key", "symbols"])
def test_what_is_missing_in_a_login_is_told_by_the_state_1(target: Target, client: Client, missing: str) -> None:
    access, secret = target.key()
    request = {"platform": SPOT, "symbols": [ETH], "access_key": access, "secret_key": secret}
    request[missing] = [] if missing == "symbols" else ""
    answer = client.ask("login", **request)
    exact(answer, {"op": "login", "cid": "c1", "result": True, "error_message": "", "token": text})
    state = Login(client, answer["token"]).state(1)
    exact(state, {"op": "state", "token": answer["token"], "code": 1, "msg": text})
    if target.ours:
        assert missing in state["msg"]
    for op, fields in OPERATIONS.items():
        if op not in ("logout", "cancel_order"):
            refused(target, client.ask(op, token=answer["token"], **fields), op, "Platform not ready")
    exact(
        client.ask("logout", token=answer["token"]),
        {"op": "logout", "cid": text, "result": True, "error_message": ""},
    )
    client.login(SPOT, (access, secret))


def test_the_kill_switch_is_a_general_error_until_it_is_cleared(tmp_path: Path) -> None:
    """Thrown and cleared by an extension of ours; the states are the protocol's."""
    with gateway(tmp_path) as target, target.client() as client, target.client() as elsewhere:
        logins = [client.login(SPOT, target.key()), elsewhere.login(CONTRACT, target.key())]
        order = logins[0].placed("BUY", "2500", "0.1")
        assert logins[1].ask("kill", reason="the test")["result"] is True
        for login in logins:
            exact(login.state(7), {"op": "state", "token": login.token, "code": 7, "msg": text})
            refused(target, login.place("BUY", "2500", "0.1"), "place_order", text)
        logins[0].notice("order", order_no=order, status="CANCELED")
        since = [len(login.client.got) for login in logins]
        assert logins[1].ask("clear_kill", who="the test")["result"] is True
        for login, start in zip(logins, since, strict=True):
            login.state(6, start)
            login.placed("BUY", "2500", "0.1")


def test_an_unknown_platform(target: Target, client: Client) -> None:
    answer = client.ask("login", **{**LOGIN, "platform": "nowhere"})
    refused(target, answer, "login", lambda why: str(why).startswith("Unknown platform nowhere"))


def test_a_key_is_logged_in_once_on_a_platform(target: Target, client: Client) -> None:
    key = target.key()
    login = client.login(SPOT, key)
    request = {"platform": SPOT, "symbols": [ETH], "access_key": key[0], "secret_key": key[1]}
    with target.client() as elsewhere:
        for asker in (client, elsewhere):
            refused(target, asker.ask("login", **request), "login", "Do not log in repeat")
        client.login(CONTRACT, key)
        elsewhere.login(SPOT, target.key())
        assert login.ask("asset")["result"] is True, "the first one is as good as before"
        exact(login.ask("logout"), {"op": "logout", "cid": text, "result": True, "error_message": ""})
        elsewhere.login(SPOT, key)


def test_the_end_of_a_connection_is_the_end_of_its_logins(target: Target) -> None:
    key = target.key()
    with target.client() as first:
        first.login(SPOT, key)
        first.login(CONTRACT, key)
    with target.client() as second:
        assert again(second, SPOT, key) != again(second, CONTRACT, key)


def again(client: Client, platform: str, key: tuple[str, str]) -> str:
    """Log in as soon as the server has seen that the last connection is closed."""
    for attempt in range(9):  # ten refusals end a connection
        time.sleep(0.0 if attempt == 0 else 0.02 * 2**attempt)
        request = {"platform": platform, "symbols": [ETH], "access_key": key[0], "secret_key": key[1]}
        answer = client.ask("login", **request)
        if answer["result"]:
            Login(client, answer["token"]).state(6)
            return str(answer["token"])
        assert answer["error_message"] == "Do not log in repeat"
    raise AssertionError("still logged in")


# tokens


@pytest.mark.parametrize("op", OPERATIONS)
def test_a_token_that_is_none(target: Target, client: Client, op: str) -> None:
    for token in ("", "t", "0" * 32, "xxxxxxxxxxx"):
        refused(target, client.ask(op, token=token, **OPERATIONS[op]), op, "Invalid token")


@pytest.mark.parametrize("op", OPERATIONS)
def test_a_token_is_good_on_its_own_connection_until_the_logout(target: Target, client: Client, op: str) -> None:
    login = client.login(SPOT, target.key())
    with target.client() as thief:
        refused(target, thief.ask(op, token=login.token, **OPERATIONS[op]), op, "Invalid token")
        mine = thief.login(SPOT, target.key())
        refused(target, thief.ask(op, token=login.token, **OPERATIONS[op]), op, "Invalid token")
        assert mine.ask("asset")["result"] is True
    for almost in (login.token[:-1], login.token + "0", login.token.swapcase() + " "):
        refused(target, client.ask(op, token=almost, **OPERATIONS[op]), op, "Invalid token")
    assert login.ask("logout")["result"] is True
    refused(target, login.ask(op, **OPERATIONS[op]), op, "Invalid token")
    client.barrier()


def test_several_logins_on_one_connection_hear_each_of_its_own(target: Target, client: Client) -> None:
    logins = [client.login(platform, target.key()) for platform in (SPOT, CONTRACT, SPOT, CONTRACT)]
    numbers = [login.placed("BUY", "2500", f"0.0{at}") for at, login in enumerate(logins, 1)]
    assert len(set(numbers)) == 4
    for login, number in zip(logins, numbers, strict=True):
        login.notice("order", order_no=number, status="SUBMITTED")
    client.barrier()
    for login, number in zip(logins, numbers, strict=True):
        assert {notice["order_no"] for notice in login.notices("order")} == {number}
        assert [row["order_no"] for row in login.ask("open_orders", symbol=ETH)["data"]] == [number]
    logins[0].ask("logout")
    logins[1].ask("cancel_order", symbol=ETH, order_nos=[])
    logins[1].notice("order", status="CANCELED")
    assert [row["order_no"] for row in logins[2].ask("open_orders", symbol=ETH)["data"]] == [numbers[2]]


@pytest.mark.parametrize("op", ["place_order", "cancel_order", "open_orders", "position", "symbol_info"])
def test_a_symbol_the_login_did_not_name(target: Target, client: Client, op: str) -> None:
    login = client.login(SPOT, target.key())
    for symbol in ("BTC/USDT", "", "ETHUSDT", "eth/usdt"):
        answer = login.ask(op, **{**OPERATIONS[op], "symbol": symbol})
        refused(target, answer, op, text)
        assert answer["error_message"].startswith(f"Unknown symbol {symbol}")


def test_what_nobody_knows_is_passed_over(target: Target, client: Client) -> None:
    """Clients of later versions may say more."""
    client.send('{"op":"ping","ts":7,"more":{"a":[1,{}]}}')
    exact(client.receive(), {"op": "pong", "ts": 7})
    login = client.login(SPOT, target.key())
    assert login.ask("asset", account="main", symbol=None)["result"] is True


def test_spelling_of_requests_is_free_as_json_has_it(client: Client) -> None:
    client.send('\n\t{ "ts" : 1.50e1 ,\r\n "\\u006fp":"\\u0070ing"} ')
    answer = client.receive()
    exact(answer, {"op": "pong", "ts": 15})
