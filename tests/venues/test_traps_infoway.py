"""Every trap that the venue page of Infoway names, from the session's side."""

from __future__ import annotations

import json
from itertools import pairwise
from random import Random
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.session.support import KEY, Config, Plain, data_at, only, topics

from ferrofeed.session import Budget, Close, Connect, Emit, Phase, Send, SendPing, Session
from ferrofeed.spec import Ack, Nack, Note, Refused, Topic
from ferrofeed.venues import INFOWAY

DIALECT = INFOWAY.dialect
SECOND = 1_000_000_000
FATAL = (401, 502, 508, 509, 510, 511, 512, 514, 517, 518, 519, 520, 521)
RETRY = (429, 499, 500, 501, 516, 524)
CALLER = (404, 503, 504, 505, 506, 507, 515)


def no_data(_topic: Topic) -> int:
    return 0


def live(*wanted: Topic) -> tuple[Session, list[Send]]:
    s = Session(INFOWAY, Config(), Budget(INFOWAY.limits, INFOWAY.heartbeat), Random(1))
    s.want(wanted)
    s.tick(0, 5, no_data)
    return s, only(Send, s.opened(0, 5))


def reply(code: int, **more: object) -> bytes:
    return json.dumps({"code": code, **more}).encode()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "wss://data.infoway.io/ws",
        "wss://data.infoway.io/ws?business=crypto",
        "wss://data.infoway.io/ws?business=crypto&apikey=YourAPIKey",
        "wss://data.infoway.io/ws?business=crypto&apikey={api_key}",
    ],
)
def test_every_form_of_the_url_gets_the_key_once(url: str) -> None:
    parts = urlsplit(DIALECT.url(Config(url=url), 0))
    assert (parts.scheme, parts.netloc, parts.path) == ("wss", "data.infoway.io", "/ws")
    assert parse_qs(parts.query) == {"business": ["crypto"], "apikey": [KEY]}


def test_the_business_of_the_url_stays_and_the_key_is_quoted() -> None:
    url = DIALECT.url(Config(url="wss://h/ws?business=stock", api_key=Plain("a&b=c/d")), 0)
    assert url == "wss://h/ws?business=stock&apikey=a%26b%3Dc%2Fd"


def test_the_url_with_the_key_is_not_shown() -> None:
    s = Session(INFOWAY, Config(), Budget(INFOWAY.limits, INFOWAY.heartbeat), Random(1))
    s.want(topics("trade", "A"))
    (connect,) = only(Connect, s.tick(0, 5, no_data))
    assert KEY in connect.url
    assert KEY not in repr(connect)
    for action in s.closed("network_error", 1, f"cannot reach {connect.url}"):
        assert KEY not in repr(action)


@pytest.mark.parametrize("text", ["You have permission to subscribe to all market data", "您有權限"])
def test_a_plain_text_line_is_a_note(text: str) -> None:
    assert DIALECT.control(text.encode()) == [Note(text)]


def test_the_welcome_is_no_acknowledgement() -> None:
    assert DIALECT.control(b'{"code":200,"msg":"ws connect success"}') == [Note("ws connect success")]
    s, _ = live(Topic("trade", "A"))
    s.control(b'{"code":200,"msg":"ws connect success"}', 1)
    assert s.snapshot().acked == 0


@pytest.mark.parametrize(
    ("channel", "code", "ack"), [("trade", 10000, 10001), ("depth", 10003, 10004), ("bar:1m", 10006, 10007)]
)
def test_requests_and_their_acknowledgements(channel: str, code: int, ack: int) -> None:
    sent = json.loads(DIALECT.subscribe(topics(channel, "BTCUSDT", "ETHUSDT"), "t1"))
    data = {"codes": "BTCUSDT,ETHUSDT"} if channel != "bar:1m" else {"arr": [{"type": 1, "codes": "BTCUSDT,ETHUSDT"}]}
    assert sent == {"code": code, "trace": "t1", "data": data}
    assert DIALECT.control(reply(ack, trace="t1", msg="ok")) == [Ack("t1")]


def test_bars_of_all_intervals_share_one_request() -> None:
    wanted = [Topic("bar:1m", "A"), Topic("bar:1Y", "A"), Topic("bar:1m", "B")]
    assert len({DIALECT.batch_key(topic, "subscribe") for topic in wanted}) == 1
    assert json.loads(DIALECT.subscribe(wanted, "t"))["data"] == {
        "arr": [{"type": 1, "codes": "A,B"}, {"type": 12, "codes": "A"}]
    }


def test_dropping_bars_names_the_interval_or_all_would_go() -> None:
    one, five = Topic("bar:1m", "A"), Topic("bar:5m", "A")
    assert DIALECT.batch_key(one, "unsubscribe") != DIALECT.batch_key(five, "unsubscribe")
    sent = json.loads(DIALECT.unsubscribe(topics("bar:5m", "A", "B"), "t"))
    assert sent == {"code": 11002, "trace": "t", "data": {"codes": "A,B", "klineTypes": "2"}}
    sent = json.loads(DIALECT.unsubscribe(topics("trade", "A"), "t"))
    assert sent == {"code": 11000, "trace": "t", "data": {"codes": "A"}}
    assert json.loads(DIALECT.unsubscribe(topics("depth", "A"), "t"))["code"] == 11001
    assert DIALECT.control(reply(11010, trace="t", msg="ok")) == [Ack("t", action="unsubscribe")]


@pytest.mark.parametrize("code", FATAL)
def test_fatal_codes_stop_for_good(code: int) -> None:
    (refused,) = DIALECT.control(reply(code, msg="why"))
    assert isinstance(refused, Refused)
    assert (refused.fatal, refused.code) == (True, code)
    s, _ = live(Topic("trade", "A"))
    actions = s.control(reply(code, msg="why"), 1)
    assert s.phase is Phase.FATAL
    assert only(Close, actions)
    assert [(e.state, e.reason) for e in only(Emit, actions)] == [("refused", "login_refused")]
    s.closed("peer_closed", 2)
    for hour in range(1, 24):
        assert s.tick(hour * 3600 * SECOND, 5, no_data) == []


@pytest.mark.parametrize("code", RETRY)
def test_codes_that_pass_are_tried_again_after_a_delay(code: int) -> None:
    (nack,) = DIALECT.control(reply(code, trace="t"))
    assert isinstance(nack, Nack)
    assert nack.request_id == "t"
    assert nack.retry_after_s is not None
    assert nack.retry_after_s >= 5
    assert nack.throttled == (code in (429, 501))


@pytest.mark.parametrize("code", CALLER)
def test_the_callers_mistakes_keep_the_session(code: int) -> None:
    s, sent = live(Topic("trade", "A"))
    trace = json.loads(sent[0].payload)["trace"]
    actions = s.control(reply(code, trace=trace), 1)
    assert s.phase is Phase.LIVE
    assert [(e.state, e.reason) for e in only(Emit, actions)] == [("refused", "request_refused")]
    assert s.tick(3600 * SECOND, 5, lambda _t: 3600 * SECOND)
    assert s.snapshot().refused == 1


def test_the_cap_of_the_account_is_tried_again_because_quota_comes_back_late() -> None:
    s, sent = live(Topic("trade", "A"))
    trace = json.loads(sent[0].payload)["trace"]
    s.control(reply(516, trace=trace), SECOND)
    assert s.phase is Phase.LIVE
    again = [t for t in range(2, 60) if any(b"10000" in a.payload for a in only(Send, s.tick(t * SECOND, 5, no_data)))]
    assert again
    assert 30 <= again[0] <= 40


def test_over_the_frequency_stops_all_requests_for_a_minute() -> None:
    s, sent = live(Topic("trade", "A"), Topic("depth", "A"))
    trace = json.loads(sent[0].payload)["trace"]
    s.control(reply(501, trace=trace), SECOND)
    for second in range(2, 62):
        frames = [json.loads(a.payload)["code"] for a in only(Send, s.tick(second * SECOND, 5, no_data))]
        assert set(frames) <= {10010}
    assert s.phase is Phase.LIVE


def test_the_heartbeat_timeout_ends_the_connection_and_it_comes_back() -> None:
    s, _ = live(Topic("trade", "A"))
    assert only(Close, s.control(reply(513), SECOND))
    s.closed("peer_closed", 2 * SECOND)
    assert s.phase is Phase.BACKOFF
    assert only(Connect, s.tick(70 * SECOND, 5, no_data))


@pytest.mark.parametrize(
    ("frame", "code", "retry"),
    [
        (b"Subscribe fail: too many products", None, None),
        (b'Subscribe fail:{"code":505,"trace":"t","msg":"too many"}', 505, None),
        (b'subscribe failed: {"code":516,"msg":"cap"}', 516, 30.0),
        (b'{"code":10001,"trace":"t","msg":"Subscribe fail: no such code"}', None, None),
    ],
)
def test_a_refusal_may_come_as_text(frame: bytes, code: int | None, retry: float | None) -> None:
    (nack,) = DIALECT.control(frame)
    assert isinstance(nack, Nack)
    assert (nack.code, nack.retry_after_s) == (code, retry)


def test_a_textual_refusal_without_a_trace_hits_the_one_request_in_flight() -> None:
    s, _ = live(Topic("trade", "A"))
    (emit,) = only(Emit, s.control(b"Subscribe fail: no such code", 1))
    assert (emit.state, emit.topics) == ("refused", (Topic("trade", "A"),))
    assert "no such code" in emit.detail


def test_a_fatal_code_inside_a_textual_refusal_is_fatal() -> None:
    (refused,) = DIALECT.control(b'Subscribe fail: {"code":508,"msg":"expired"}')
    assert isinstance(refused, Refused)
    assert refused.fatal


PASSING = (404, 429, 502, 503, 520, 521)


@pytest.mark.parametrize("status", [401, 403, 511, 517, *PASSING])
def test_a_refused_handshake(status: int) -> None:
    s = Session(INFOWAY, Config(), Budget(INFOWAY.limits, INFOWAY.heartbeat), Random(1))
    s.want(topics("trade", "A"))
    s.tick(0, 5, no_data)
    s.handshake_refused(status, SECOND)
    assert s.phase is (Phase.BACKOFF if status in PASSING else Phase.FATAL)
    assert bool(only(Connect, s.tick(3600 * SECOND, 5, no_data))) is (status in PASSING)


def test_sixty_a_minute_holds_with_heartbeats_whatever_is_wished() -> None:
    s, sent = live(Topic("trade", "A"))
    times = [0] * len(sent)
    channels = sorted(INFOWAY.channels)
    rng = Random(3)
    for tenth in range(1, 6000):
        now = tenth * SECOND // 10
        s.want([Topic(rng.choice(channels), f"S{rng.randrange(40)}")])
        s.unwant([Topic(rng.choice(channels), f"S{rng.randrange(40)}")])
        for action in only(Send, s.tick(now, 5, data_at(now))):
            message = json.loads(action.payload)
            times.append(now)
            if message["code"] != 10010:
                ack = message["code"] + 1 if message["code"] < 11000 else 11010
                s.control(reply(ack, trace=message["trace"]), now)
    worst = max(sum(1 for t in times if start <= t < start + 60 * SECOND) for start in times)
    assert 40 <= worst <= 60


def test_a_hundred_symbols_on_two_channels_are_two_requests_a_second_apart() -> None:
    wanted = topics("trade", *(f"S{n}" for n in range(100))) + topics("depth", *(f"S{n}" for n in range(100)))
    s, sent = live(*wanted)
    assert len(sent) == 1
    trace = json.loads(sent[0].payload)["trace"]
    assert only(Send, s.control(reply(10001, trace=trace), SECOND // 2)) == []
    assert s.next_deadline_ns == SECOND
    assert len(only(Send, s.tick(SECOND, 5, no_data))) == 1
    assert len({json.loads(send.payload)["trace"] for send in sent}) == 1


def test_unanswered_heartbeats_end_nothing() -> None:
    s, sent = live(Topic("trade", "A"))
    s.control(reply(10001, trace=json.loads(sent[0].payload)["trace"]), 1)
    beats: list[int] = []
    for second in range(1, 601):
        now = second * SECOND
        actions = s.tick(now, 5, data_at(now))
        beats += [second for a in only(Send, actions) if json.loads(a.payload)["code"] == 10010]
        assert not only(Close, actions)
        assert not only(SendPing, actions)
    assert len(beats) == 20
    assert max(b - a for a, b in pairwise(beats)) <= 31


def test_a_wrong_code_is_told_once_and_ends_nothing_while_others_deliver() -> None:
    good, wrong = Topic("trade", "BTCUSDT"), Topic("trade", "AAPL.US")
    s, sent = live(good, wrong)
    s.control(reply(10001, trace=json.loads(sent[0].payload)["trace"]), 1)
    stale: list[Emit] = []
    for second in range(1, 3600):
        now = second * SECOND
        actions = s.tick(now, 5, data_at(now, good))
        for a in only(Send, actions):
            message = json.loads(a.payload)
            if message["code"] == 10000:
                s.control(reply(10001, trace=message["trace"]), now)
        stale += [e for e in only(Emit, actions) if e.state == "stale"]
        assert not only(Close, actions)
    assert [e.topics for e in stale] == [(wrong,)]
    assert "never delivered" in stale[0].detail


def test_half_open_is_found_without_answered_heartbeats() -> None:
    """The server never answers a ping and nothing comes at all: the renewal that nobody acknowledges tells."""
    s, sent = live(Topic("trade", "A"))
    s.control(reply(10001, trace=json.loads(sent[0].payload)["trace"]), 1)
    closes = [second for second in range(1, 400) if only(Close, s.tick(second * SECOND, 5, no_data))]
    assert closes
    assert closes[0] <= 120 + 10 + 60 + 5
