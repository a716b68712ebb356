"""The gateway's load: its schedule, and that its check finds every sort of mistake in what a server said."""

from __future__ import annotations

import json
from array import array
from typing import Any

import pytest

pytest.importorskip("orjson")

from benches.gateway_check import Check, Found
from benches.gateway_load import CANCEL, CANCEL_OLD, CYCLE, NS, Line, Load, Run

LOAD = Load(sockets=2, logins=4, rate=100, seconds=0.4)
TOKENS = [b"t0", b"t1", b"t2", b"t3"]
Script = list[list[dict[str, Any]]]


def test_every_login_goes_through_the_cycle_in_order() -> None:
    load = Load(sockets=3, logins=6, rate=600, seconds=1)
    for login in range(load.logins):
        steps = [load.step(slot) for slot in range(login, load.requests, load.logins)]
        turned = [CYCLE[first:] + CYCLE[:first] for first in range(len(CYCLE))]
        assert tuple(steps[: len(CYCLE)]) in turned
        assert steps[len(CYCLE) : 2 * len(CYCLE)] == steps[: len(CYCLE)]
    for slot in range(load.requests):
        if load.step(slot) in {CANCEL, CANCEL_OLD} and (of := load.cancels(slot)) is not None:
            assert load.op(of) == "place_order"
            assert load.login(of) == load.login(slot)


def notice(topic: str, token: str, **data: Any) -> dict[str, Any]:
    return {"op": "notify", "topic": topic, "token": token, "data": data}


def change(number: str, status: str, remain: float, action: str = "BUY", token: str = "") -> dict[str, Any]:
    data = {"order_no": number, "status": status, "quantity": 0.002, "remain": remain, "action": action}
    return notice("order", token, **data)


def script() -> Script:
    """What a good server says: every slot answered; the first two orders trade with each other, the others end."""
    lines: Script = [[], []]
    tokens = {login: token.decode() for login, token in enumerate(TOKENS)}
    numbers: dict[int, str] = {}
    for slot in range(LOAD.requests + LOAD.logins):
        login, op = LOAD.login(slot), LOAD.op(slot)
        answer: dict[str, Any] = {"op": op, "cid": f"{slot:08d}", "result": True, "error_message": ""}
        line = lines[LOAD.socket(login)]
        if op == "place_order":
            numbers[slot] = answer["order_no"] = f"9{slot}"
        elif op != "asset":
            answer["data"] = []
        line.append(answer)
        if op == "place_order":
            line.append(change(numbers[slot], "SUBMITTED", 0.002, token=tokens[login]))
    buyer, seller = list(numbers)[:2]
    for slot, action, liquidity in ((buyer, "BUY", "TAKER"), (seller, "SELL", "MAKER")):
        token, line = tokens[LOAD.login(slot)], lines[LOAD.socket(LOAD.login(slot))]
        fill = {"order_no": numbers[slot], "fill_no": f"f{slot}", "quantity": 0.002, "liquidity": liquidity}
        line.append(notice("fill", token, **fill))
        line.append(change(numbers[slot], "FILLED", 0, action, token))
    for slot in list(numbers)[2:]:
        token = tokens[LOAD.login(slot)]
        lines[LOAD.socket(LOAD.login(slot))].append(change(numbers[slot], "CANCELED", 0.002, token=token))
    return lines


def judged(said: Script) -> Found:
    lines = []
    for messages in said:
        line = Line({}, lambda: None)
        line.open = True
        line.came = [json.dumps(message, separators=(",", ":")).encode() for message in messages]
        line.times = array("q", [10 * NS] * len(messages))
        lines.append(line)
    sent = array("q", [1] * (LOAD.requests + LOAD.logins))
    return Check(Run(LOAD, NS, lines, TOKENS, sent, 0.0, whole=True), talks=True).run()


def test_what_is_as_it_should_be_is_no_mistake() -> None:
    found = judged(script())
    assert found.mistakes == {}
    assert found.counts["answers"] == LOAD.requests + LOAD.logins
    times = [time for op in found.delays_ns.values() for time in op]
    assert len(times) == LOAD.requests
    assert max(times) == 9 * NS, "counted from when it was due"


def at(line: list[dict[str, Any]], **wanted: Any) -> int:
    """Where the first message with these values is."""
    for number, message in enumerate(line):
        values = {**message.get("data", {}), **message} if message["op"] == "notify" else message
        if all(values.get(name) == value for name, value in wanted.items()):
            return number
    raise AssertionError(wanted)


def lose(said: Script, **wanted: Any) -> None:
    del said[0][at(said[0], **wanted)]


def double(said: Script, **wanted: Any) -> None:
    place = at(said[0], **wanted)
    said[0].insert(place, said[0][place])


def stray(said: Script, **wanted: Any) -> None:
    said[1].append(said[0].pop(at(said[0], **wanted)))


@pytest.mark.parametrize(
    ("do", "wanted", "mistake"),
    [
        (lose, {"op": "place_order"}, "no answer"),
        (lose, {"op": "open_orders"}, "no answer"),
        (lose, {"status": "SUBMITTED"}, "an order that does not begin with SUBMITTED"),
        (lose, {"topic": "fill"}, "fills that do not make up what is filled"),
        (lose, {"status": "FILLED"}, "an order without an end"),
        (lose, {"status": "CANCELED"}, "an order without an end"),
        (double, {"op": "open_orders"}, "a second answer"),
        (double, {"topic": "fill"}, "a fill was told twice"),
        (double, {"status": "SUBMITTED"}, "a change was told twice"),
        (double, {"status": "CANCELED"}, "a change after the end"),
        (stray, {"op": "open_orders"}, "an answer on another socket"),
        (stray, {"status": "CANCELED"}, "a notification on another socket"),
        (stray, {"topic": "fill"}, "a notification on another socket"),
    ],
)
def test_every_mistake_is_found(do: Any, wanted: dict[str, Any], mistake: str) -> None:
    said = script()
    do(said, **wanted)
    assert mistake in judged(said).mistakes


def test_news_of_somebody_elses_order_on_the_same_socket_are_found() -> None:
    said = script()
    place = at(said[0], status="CANCELED")
    other = "t2" if said[0][place]["token"] == "t0" else "t0"
    said[0][place] = {**said[0][place], "token": other}
    assert "a notification of order has an order of somebody else" in judged(said).mistakes


def test_news_before_the_answer_are_found() -> None:
    said = script()
    place = at(said[0], op="place_order")
    said[0][place], said[0][place + 1] = said[0][place + 1], said[0][place]
    assert "a notification before the answer" in judged(said).mistakes
