"""Ziario's server side, statement by statement of the venue page."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ferrofeed.sim.instruments import instruments_for
from ferrofeed.sim.market import Market
from ferrofeed.sim.protocol import NS, Close, Options, Refuse, Request, Send
from ferrofeed.sim.ziario import ZiarioSession, ZiarioVenue, percent_text, signature

NOW = 1_701_234_567 * NS
KEY, SECRET = "your_api_key", "your_api_secret"


def venue(**options: Any) -> ZiarioVenue:
    market = Market(1, instruments_for(["BTC/USDT", "ETH/USDT"]), start_ms=NOW // 1_000_000)
    return ZiarioVenue(market, Options(keys={KEY: SECRET}, **options))


def opened(v: ZiarioVenue | None = None) -> ZiarioSession:
    session = (v or venue()).session()
    assert session.opened(Request.parse("/ws", {}), NOW) == []
    return session


def auth(session: ZiarioSession, now: int = NOW, **change: Any) -> tuple[dict[str, Any], list[Any]]:
    timestamp = change.get("timestamp", NOW // NS)
    message = {"action": "auth", "api_key": KEY, "signature": signature(SECRET, KEY, timestamp), "timestamp": timestamp}
    message |= change
    actions = list(session.received(json.dumps(message).encode(), now))
    assert isinstance(actions[0], Send)
    return json.loads(actions[0].payload), actions[1:]


def ask(session: ZiarioSession, message: object, now: int = NOW) -> dict[str, Any]:
    (action,) = session.received(message if isinstance(message, bytes) else json.dumps(message).encode(), now)
    assert isinstance(action, Send)
    answer: dict[str, Any] = json.loads(action.payload)
    return answer


def test_the_known_signature() -> None:
    assert signature(SECRET, KEY, 1_701_234_567) == "e8f770e693e2c1cc568e870d874f9da3f34ceee4104f7addabfc3feb3c863371"


def test_the_login_is_answered_as_printed() -> None:
    session = opened()
    (action,) = session.received(
        json.dumps(
            {
                "action": "auth",
                "api_key": KEY,
                "signature": "e8f770e693e2c1cc568e870d874f9da3f34ceee4104f7addabfc3feb3c863371",
                "timestamp": 1_701_234_567,
            }
        ).encode(),
        NOW,
    )
    assert action == Send('{"type":"auth","status":"success","message":"认证成功"}'.encode())
    assert session.key == KEY


@pytest.mark.parametrize(
    ("change", "now", "reason"),
    [
        ({"signature": "6cb18987937f9ae1872005679d6e00ae7e9917785900eda4b2990472300e1cda"}, NOW, "invalid signature"),
        ({"api_key": "another"}, NOW, "invalid signature"),
        ({"signature": signature(SECRET, KEY, NOW // NS).upper()}, NOW, "invalid signature"),
        ({"signature": None}, NOW, "api_key or signature missing"),
        ({"signature": "é"}, NOW, "invalid signature"),
        ({"timestamp": str(NOW // NS)}, NOW, "timestamp is not an integer"),
        ({"timestamp": NOW / NS}, NOW, "timestamp is not an integer"),
        ({"timestamp": True}, NOW, "timestamp is not an integer"),
        ({}, NOW + 61 * NS, "timestamp expired"),
        ({}, NOW - 61 * NS, "timestamp expired"),
        ({"timestamp": NOW // 1_000_000}, NOW, "timestamp expired"),
    ],
)
def test_bad_logins_are_refused_with_a_reason_and_the_connection_ends(
    change: dict[str, Any], now: int, reason: str
) -> None:
    session = opened()
    answer, rest = auth(session, now, **change)
    assert answer == {"type": "auth", "status": "error", "message": reason}
    assert rest == [Close(1008, reason)]
    assert session.key is None


def test_the_timestamp_window() -> None:
    assert auth(opened(), NOW + 60 * NS)[0]["status"] == "success"
    assert auth(opened(venue(auth_window_s=1)), NOW + 2 * NS)[0]["message"] == "timestamp expired"


def test_subscriptions_are_acknowledged_with_the_symbols_taken() -> None:
    session = opened()
    auth(session)
    assert ask(session, {"action": "subscribe", "symbols": ["BTCUSDT", "ETHUSDT"]}) == {
        "type": "subscribe",
        "status": "success",
        "symbols": ["BTCUSDT", "ETHUSDT"],
    }
    assert list(session.topics) == [("quote", "BTC/USDT"), ("quote", "ETH/USDT")]
    assert ask(session, {"action": "subscribe", "symbols": ["NOPE", "ETHUSDT"]})["symbols"] == ["ETHUSDT"]
    assert ask(session, {"action": "unsubscribe", "symbols": ["BTCUSDT"]})["type"] == "unsubscribe"
    assert list(session.topics) == [("quote", "ETH/USDT")]


def test_the_plans_limit_leaves_symbols_out() -> None:
    session = opened(venue(max_subscriptions=1))
    auth(session)
    assert ask(session, {"action": "subscribe", "symbols": ["ETHUSDT", "BTCUSDT"]})["symbols"] == ["ETHUSDT"]
    assert ask(session, {"action": "subscribe", "symbols": ["ETHUSDT"]})["symbols"] == ["ETHUSDT"]


@pytest.mark.parametrize(
    "message",
    [b"", b"[]", b"{", b'{"action":"subscribe","symbols":["BTCUSDT"]}', {"action": "dance"}, b"[" * 100_000, b"\xff"],
)
def test_nonsense_and_requests_before_the_login_are_errors_and_change_nothing(message: object) -> None:
    session = opened()
    answer = ask(session, message)
    assert (answer["type"], answer["status"]) == ("error", "error")
    assert not session.topics


@pytest.mark.parametrize("symbols", [None, [], "BTCUSDT", [1], {}])
def test_bad_symbol_lists_are_errors(symbols: object) -> None:
    session = opened()
    auth(session)
    assert ask(session, {"action": "subscribe", "symbols": symbols})["type"] == "error"


def test_a_ticker_is_as_printed_and_true() -> None:
    v = venue()
    market = v.market
    seen: list[object] = []
    while len(seen) < 50:
        state = market.step()
        text = v.render("quote", state, state.trade)
        assert (text is None) == (state.trade is None)
        if text is None or state.trade is None:
            continue
        match = re.fullmatch(
            rb'\{"type":"ticker","symbol":"(\w+)","price":"(\d+\.\d\d)","change_24h":"(-?\d+(?:\.\d+)?)",'
            rb'"volume_24h":"(\d+(?:\.\d+)?)","timestamp":(\d{10})\}',
            text,
        )
        assert match is not None, text
        seen.append(match.groups())
        instrument, day = state.instrument, market.day(state.instrument.symbol)
        assert match[1].decode() == instrument.raw
        assert match[2].decode() == instrument.prices[state.trade.price]
        assert match[4].decode() == instrument.sizes[day.volume]
        assert int(match[5]) == state.trade.ts_ms // 1000
    assert v.render("depth", state, state.trade) is None


def test_percent_is_exact() -> None:
    assert [percent_text(v, 1000) for v in (1025, 1000, 999, 875, 2000)] == ["2.5", "0", "-0.1", "-12.5", "100"]
    assert percent_text(2_000_001, 2_000_000) == "0"


def test_a_connection_without_login_ends_and_other_paths_are_not_found() -> None:
    v = venue(auth_timeout_s=10)
    session = opened(v)
    assert session.tick(NOW + 9 * NS) == []
    assert [type(action) for action in session.tick(NOW + 11 * NS)] == [Send, Close]
    assert v.session().opened(Request.parse("/other", {}), NOW) == [Refuse(404)]


def test_a_login_may_be_refused_by_fault() -> None:
    v = venue()
    v.refuse_login = lambda: True
    assert auth(opened(v))[0]["status"] == "error"


def test_a_wrong_clock_shows_in_the_time_stamps() -> None:
    v = venue()
    state = v.market.step()
    while state.trade is None:
        state = v.market.step()
    v.clock_offset_ms = -3_600_000
    text = v.render("quote", state, state.trade)
    assert text is not None
    assert json.loads(text)["timestamp"] == state.trade.ts_ms // 1000 - 3600
