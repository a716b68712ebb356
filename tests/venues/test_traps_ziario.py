"""Every trap that the venue page of Ziario names, from the session's side."""

from __future__ import annotations

import json

import pytest
from tests.session.support import KEY, Config, Plain, hmac_sign, topics

from ferrofeed.spec import Ack, Dialect, LoggedIn, Nack, Note, Refused
from ferrofeed.venues import SPECS
from ferrofeed.venues.ziario import ZiarioDialect

DIALECT = ZiarioDialect(hmac_sign)


def test_the_known_answer_signs_ampersand_timestamp_and_never_the_damaged_form() -> None:
    config = Config(api_key=Plain("your_api_key"), api_secret=Plain("your_api_secret"))
    login = json.loads(DIALECT.login(config, 1701234567_000))
    assert login == {
        "action": "auth",
        "api_key": "your_api_key",
        "signature": "e8f770e693e2c1cc568e870d874f9da3f34ceee4104f7addabfc3feb3c863371",
        "timestamp": 1701234567,
    }
    assert login["signature"] != "6cb18987937f9ae1872005679d6e00ae7e9917785900eda4b2990472300e1cda"


@pytest.mark.parametrize("wall_ms", [1701234567_000, 1701234567_001, 1701234567_999])
def test_the_timestamp_is_whole_seconds_and_the_signed_one(wall_ms: int) -> None:
    seen: list[tuple[str, str, int]] = []

    def sign(api_key: str, api_secret: str, unix_seconds: int, /) -> str:
        seen.append((api_key, api_secret, unix_seconds))
        return "s"

    login = json.loads(ZiarioDialect(sign).login(Config(), wall_ms))
    assert login["timestamp"] == 1701234567
    assert type(login["timestamp"]) is int
    assert [call[2] for call in seen] == [1701234567]


def test_the_seeds_answers_are_read() -> None:
    assert DIALECT.control('{"type":"auth","status":"success","message":"认证成功"}'.encode()) == [LoggedIn()]
    frame = b'{"type":"subscribe","status":"success","symbols":["BTCUSDT","ETHUSDT"]}'
    assert DIALECT.control(frame) == [Ack(raw_symbols=("BTCUSDT", "ETHUSDT"))]


@pytest.mark.parametrize("status", ["error", "failed", "expired", "", None, 0, "SUCCESS"])
def test_any_other_login_status_is_a_fatal_refusal_that_says_why(status: object) -> None:
    frame = json.dumps({"type": "auth", "status": status, "message": "bad signature"}).encode()
    (refused,) = DIALECT.control(frame)
    assert isinstance(refused, Refused)
    assert refused.fatal
    assert "bad signature" in refused.message


def test_a_refused_subscription_is_no_refused_login() -> None:
    frame = b'{"type":"subscribe","status":"error","message":"unknown symbol"}'
    assert DIALECT.control(frame) == [Nack("unknown symbol", action="subscribe")]


def test_a_partial_list_is_handed_on_as_it_is() -> None:
    frame = b'{"symbols":["ETHUSDT"],"status":"success","type":"subscribe","extra":1}'
    assert DIALECT.control(frame) == [Ack(raw_symbols=("ETHUSDT",))]
    assert DIALECT.control(b'{"type":"subscribe","status":"success","symbols":[]}') == [Ack(raw_symbols=())]
    assert DIALECT.control(b'{"type":"subscribe","status":"success"}') == [Ack(raw_symbols=None)]


def test_an_error_frame_is_a_refusal_of_something_unsaid() -> None:
    assert DIALECT.control(b'{"type":"error","message":"rate","code":7}') == [Nack("rate", code=7)]


def test_unsubscribing_expects_no_answer() -> None:
    assert json.loads(DIALECT.unsubscribe(topics("quote", "A", "B"), "id")) == {
        "action": "unsubscribe",
        "symbols": ["A", "B"],
    }
    assert not SPECS["ziario"].unsubscribe_reply


def test_subscribing_is_the_seeds_message() -> None:
    assert DIALECT.subscribe(topics("quote", "BTCUSDT", "ETHUSDT"), "id") == (
        b'{"action":"subscribe","symbols":["BTCUSDT","ETHUSDT"]}'
    )


def test_life_is_shown_by_websocket_pings() -> None:
    assert SPECS["ziario"].heartbeat.websocket
    dialect: Dialect = DIALECT
    assert dialect.heartbeat(0, "id") is None


def test_an_unknown_frame_shows_its_keys_and_not_its_values() -> None:
    (note,) = DIALECT.control(json.dumps({"type": "x", "api_key": KEY}).encode())
    assert isinstance(note, Note)
    assert "api_key" in note.message
    assert KEY not in note.message
