"""Every trap that the venue page of iTick names, from the session's side."""

from __future__ import annotations

import json
from random import Random

import pytest
from tests.session.support import KEY, Config, only, topics

from ferrofeed.session import Budget, Connect, Emit, Log, Phase, Send, Session
from ferrofeed.spec import Ack, LoggedIn, Nack, Note, Pong, Refused, Topic
from ferrofeed.venues import ITICK, itick

DIALECT = ITICK.dialect
AUTHENTICATED = json.dumps({"code": 1, "resAc": "auth", "msg": "authenticated", "data": {"params": KEY}}).encode()
SECOND = 1_000_000_000


def no_data(_topic: Topic) -> int:
    return 0


def opened(spec_session: Session, now: int = 1) -> list[object]:
    spec_session.want([Topic("quote", "ETHUSDT")])
    actions: list[object] = [*spec_session.tick(now, 5, no_data)]
    return [*actions, *spec_session.opened(now, 5)]


def session() -> Session:
    return Session(ITICK, Config(), Budget(ITICK.limits, ITICK.heartbeat), Random(1))


def test_the_token_echo_is_read_as_login_and_nothing_of_it_is_kept() -> None:
    assert DIALECT.control(AUTHENTICATED) == [LoggedIn()]
    s = session()
    actions = [*opened(s), *s.control(AUTHENTICATED, 2)]
    assert s.phase is Phase.LIVE
    for action in actions:
        assert KEY not in repr(action)
    assert KEY not in repr(s.snapshot())


@pytest.mark.parametrize(
    "frame",
    [
        {"code": 1, "resAc": "mystery", "data": {"params": KEY}},
        {"code": 1, "msg": f"hello {KEY}"},
        {"code": 0, "resAc": "subscribe", "msg": f"no right for {KEY}"},
        {"code": 0, "resAc": "auth", "msg": f"auth failed for {KEY}"},
        {"code": 0, "msg": KEY},
    ],
)
def test_no_frame_brings_the_token_into_a_log_or_an_event(frame: dict[str, object]) -> None:
    s = session()
    opened(s)
    s.control(AUTHENTICATED, 2)
    actions = s.control(json.dumps(frame).encode(), 3)
    texts = [log.text for log in only(Log, actions)] + [emit.detail for emit in only(Emit, actions)]
    assert texts
    for text in texts:
        assert KEY not in text
    assert KEY not in str(s.fatal)


def test_connecting_shows_the_token_to_the_server_only() -> None:
    connect = only(Connect, opened(session()))[0]
    assert connect.headers == {"token": KEY}
    assert KEY not in connect.url
    assert KEY not in repr(connect)


def test_the_login_frame_may_come_without_data() -> None:
    assert DIALECT.control(b'{"code":1,"resAc":"auth","msg":"authenticated"}') == [LoggedIn()]


def test_the_greeting_is_no_login() -> None:
    assert DIALECT.control(b'{"code":1,"msg":"Connected Successfully"}') == [Note("Connected Successfully")]


def test_a_refused_token_is_fatal() -> None:
    (refused,) = DIALECT.control(b'{"code":0,"resAc":"auth","msg":"auth failed"}')
    assert isinstance(refused, Refused)
    assert refused.fatal
    assert "auth failed" in refused.message


def test_code_zero_with_data_is_a_bar_and_never_an_error() -> None:
    bar = b'{"code":0,"msg":null,"data":{"s":"ETH_USDT","t":1,"k":{"c":3059.39,"t":1731660060000}}}'
    (item,) = DIALECT.control(bar)
    assert isinstance(item, Note)
    s = session()
    opened(s)
    s.control(AUTHENTICATED, 2)
    s.control(bar, 3)
    assert s.snapshot().request_refusals == {}
    assert s.snapshot().in_flight == 1


@pytest.mark.parametrize("message", ["exceeding the maximum subscription limit", "cannot be resolved action"])
def test_both_refusals_are_the_callers_and_the_session_goes_on(message: str) -> None:
    frame = json.dumps({"code": 0, "resAc": "subscribe", "msg": message}).encode()
    assert DIALECT.control(frame) == [Nack(message, action="subscribe")]
    s = session()
    opened(s)
    s.control(AUTHENTICATED, 2)
    refused = [e for e in only(Emit, s.control(frame, 3)) if e.state == "refused"]
    assert [(e.reason, e.topics, e.detail) for e in refused] == [
        ("request_refused", (Topic("quote", "ETHUSDT"),), message)
    ]
    assert s.phase is Phase.LIVE


def test_replies_without_ids_keep_one_request_in_flight() -> None:
    s = session()
    s.want([Topic("depth", "ETHUSDT")])
    opened(s)
    first = only(Send, s.control(AUTHENTICATED, 2))
    assert len(first) == 1
    assert only(Send, s.tick(3, 5, no_data)) == []
    second = only(Send, s.control(b'{"code":1,"resAc":"subscribe","msg":"subscribe Successfully"}', 4))
    kinds = [json.loads(send.payload)["types"] for send in first + second]
    assert sorted(kinds) == ["depth", "quote"]


def test_an_answer_says_which_kind_of_request_it_answers() -> None:
    frame = b'{"code":1,"resAc":"unsubscribe","msg":"unsubscribe Successfully"}'
    assert DIALECT.control(frame) == [Ack(action="unsubscribe")]


def test_requests_are_the_seeds_with_one_type_and_a_comma_list() -> None:
    assert DIALECT.subscribe(topics("quote", "BTCUSDT", "ETHUSDT"), "id") == (
        b'{"ac":"subscribe","params":"BTCUSDT,ETHUSDT","types":"quote"}'
    )
    assert json.loads(DIALECT.unsubscribe(topics("trade", "BTCUSDT"), "id"))["types"] == "tick"
    assert DIALECT.batch_key(Topic("quote", "A"), "subscribe") != DIALECT.batch_key(Topic("depth", "A"), "subscribe")


@pytest.mark.parametrize(("name", "number"), [("1m", 1), ("15m", 3), ("30m", 4), ("1h", 5), ("1d", 8), ("1M", 10)])
def test_bars_are_numbered_as_the_pushes_are(name: str, number: int) -> None:
    assert json.loads(DIALECT.subscribe(topics(f"bar:{name}", "A"), "id"))["types"] == f"kline@{number}"


def test_quarters_and_years_are_not_itick_s() -> None:
    assert {"bar:1Q", "bar:1Y"}.isdisjoint(ITICK.channels)
    assert len(ITICK.channels) == 13


def test_the_heartbeat_is_ms_as_text_and_the_answer_must_equal_it() -> None:
    built = DIALECT.heartbeat(1731688569840, "id")
    assert built == (b'{"ac":"ping","params":"1731688569840"}', "1731688569840")
    pong = b'{"resAc":"pong","data":{"params":"1731688569840"}}'
    assert DIALECT.control(pong) == [Pong("1731688569840")]
    s = session()
    opened(s)
    s.control(AUTHENTICATED, 2)
    s.tick(31 * SECOND, 1731688569840, no_data)
    s.control(pong.replace(b"840", b"841"), 32 * SECOND)
    assert s.snapshot().last_rtt_ns is None
    assert s.snapshot().stray_pongs == 1
    s.control(pong, 33 * SECOND)
    assert s.snapshot().last_rtt_ns == 2 * SECOND
    assert s.rtt_samples() == [2 * SECOND]


def test_the_older_login_goes_into_a_message_and_not_into_the_header() -> None:
    spec = itick(login_message=True)
    assert spec.dialect.headers(Config(), 0) == {}
    assert spec.dialect.login(Config(), 0) == json.dumps({"ac": "auth", "params": KEY}, separators=(",", ":")).encode()
    assert DIALECT.login(Config(), 0) is None


@pytest.mark.parametrize(
    ("raw", "spellings"),
    [
        ("ETHUSDT", ("ETHUSDT", "ETH_USDT")),
        ("AAPL.US", ("AAPL.US",)),
        ("EURUSD", ("EURUSD", "EUR_USD")),
        ("BTCUSDT$BA", ("BTCUSDT$BA", "BTC_USDT$BA", "BTCUSDT", "BTC_USDT")),
        ("ETHBTC", ("ETHBTC", "ETH_BTC")),
        ("XYZ", ("XYZ",)),
    ],
)
def test_every_spelling_of_a_symbol_is_known(raw: str, spellings: tuple[str, ...]) -> None:
    assert DIALECT.spellings(raw) == spellings


def test_two_of_our_own_sessions_with_one_key_do_not_kick_each_other() -> None:
    budget = Budget(ITICK.limits, ITICK.heartbeat)
    first, second = (Session(ITICK, Config(id=name), budget, Random(1)) for name in "ab")
    opened(first)
    second.want([Topic("quote", "A")])
    for step in range(2, 100):
        actions = second.tick(step * SECOND, 5, no_data)
        assert not only(Connect, actions)
        assert len(only(Log, actions)) == (1 if step == 2 else 0)
    first.closed("peer_closed", 100 * SECOND)
    assert only(Connect, second.tick(102 * SECOND, 5, no_data))


def test_ping_pong_with_another_process_ends_in_a_long_wait_and_a_clear_error() -> None:
    s = session()
    s.want([Topic("quote", "A")])
    now, connects = SECOND, 0
    logs: list[Log] = []
    emitted: list[Emit] = []
    while s.next_deadline_ns < 280 * SECOND:
        now = max(now, s.next_deadline_ns)
        actions = [*s.tick(now, 5, no_data)]
        if only(Connect, actions):
            connects += 1
            s.opened(now, 5)
            s.control(AUTHENTICATED, now + 1)
            actions += s.closed("peer_closed", now + SECOND)
        logs += only(Log, actions)
        emitted += only(Emit, actions)
    assert connects == 3
    errors = [log.text for log in logs if log.level == "error"]
    assert len(errors) == 1
    assert "another process probably uses the same key" in errors[0]
    assert [e.reason for e in emitted if e.state == "disconnected"] == ["peer_closed", "peer_closed", "kicked"]
    assert s.next_connect_ns >= 280 * SECOND
    assert s.snapshot().kicked
