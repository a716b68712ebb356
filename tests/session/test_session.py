"""The session's own rules, one by one, in virtual time."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

import pytest
from tests.session.support import SPECS, Config, data_at, only

from ferrofeed.session import NEVER, Budget, Close, Connect, Emit, Log, Phase, Send, SendPing, Session
from ferrofeed.spec import Topic

if TYPE_CHECKING:
    from ferrofeed.session import Action, Activity

SECOND = 1_000_000_000
HELLO = b'{"code":1,"resAc":"auth","msg":"authenticated"}'
TAKEN = b'{"code":1,"resAc":"subscribe","msg":"subscribe Successfully"}'
ETH = Topic("quote", "ETHUSDT")


def no_data(_topic: Topic) -> int:
    return 0


def make(venue: str = "itick") -> Session:
    spec = SPECS[venue]
    return Session(spec, Config(), Budget(spec.limits, spec.heartbeat), Random(5))


def live(now: int = 0) -> Session:
    session = make()
    session.want([ETH])
    session.tick(now, 5, no_data)
    session.opened(now, 5)
    session.control(HELLO, now)
    session.control(TAKEN, now)
    assert session.snapshot().ready
    return session


def drive(session: Session, start: int, end: int, activity: Activity, *, answers: bool = True) -> list[Action]:
    """Tick at every deadline; the server answers heartbeats and requests at once, if at all."""
    actions: list[Action] = []
    now = start
    while (now := max(now, session.next_deadline_ns)) < end:
        fresh = [*session.tick(now, now // 1_000_000, activity)]
        actions += fresh
        for sent in only(Send, fresh) if answers else []:
            message = json.loads(sent.payload)
            pong = json.dumps({"resAc": "pong", "data": {"params": message["params"]}}).encode()
            session.control(pong if message["ac"] == "ping" else TAKEN, now)
        if only(Close, fresh):
            break
        now += 1
    return actions


def test_a_closed_market_does_not_flap() -> None:
    """Eight hours without data, every probe answered: one report, a few renewals, no teardown."""
    session = live()
    actions = drive(session, 0, 8 * 3600 * SECOND, data_at(1))
    assert session.phase is Phase.LIVE
    assert session.snapshot().reconnects == {}
    assert [(e.state, e.reason, e.topics) for e in only(Emit, actions)] == [("stale", "data_timeout", (ETH,))]
    assert 3 <= session.snapshot().renewals <= 40
    assert session.snapshot().quiet == 1


def test_stale_is_told_at_its_limit_although_heartbeats_are_answered() -> None:
    session = live()
    for second in range(1, 30):
        session.control(b'{"code":1,"msg":"something else"}', second * SECOND)
    actions = drive(session, 29 * SECOND, 31 * SECOND, data_at(1))
    assert [e.state for e in only(Emit, actions)] == ["stale"]


def test_a_dead_connection_is_found_by_its_unanswered_probe() -> None:
    session = live()
    actions = drive(session, 0, 100 * SECOND, data_at(1), answers=False)
    (close,) = only(Close, actions)
    assert close.reason == "heartbeat_timeout"
    (lost,) = [e for e in only(Emit, session.closed("local_closed", 50 * SECOND)) if e.state == "disconnected"]
    assert lost.reason == "heartbeat_timeout"
    assert session.snapshot().reconnects == {"heartbeat_timeout": 1}


def test_data_shows_life_where_a_pong_is_missing() -> None:
    session = live()
    for tenth in range(1, 3000):
        now = tenth * SECOND // 10
        assert not only(Close, session.tick(now, 5, data_at(now)))
    assert session.snapshot().missed_heartbeats > 3


def test_backoff_grows_over_mere_connects_and_resets_at_an_acknowledgement() -> None:
    session = make()
    session.want([ETH])
    now = 0
    for failures in range(1, 9):
        session.tick(now, 5, no_data)
        session.opened(now, 5)
        session.closed("peer_closed", now)
        assert session.snapshot().failures == failures
        assert session.next_connect_ns - now <= min(60, 0.5 * 2 ** (failures - 1)) * SECOND
        now = max(session.next_connect_ns, now + 30 * SECOND)
    session.tick(now, 5, no_data)
    session.opened(now, 5)
    session.control(HELLO, now)
    assert session.snapshot().failures == 0


def test_stop_closes_cleanly_and_start_comes_back_with_the_same_wishes() -> None:
    session = live()
    (close,) = only(Close, session.stop(SECOND))
    assert (close.code, close.reason) == (1000, "local_closed")
    (emit,) = only(Emit, session.closed("local_closed", 2 * SECOND))
    assert (emit.state, emit.reason) == ("disconnected", "local_closed")
    assert session.phase is Phase.IDLE
    assert session.next_deadline_ns == NEVER
    assert session.tick(99 * SECOND, 5, no_data) == []
    session.start(100 * SECOND)
    assert only(Connect, session.tick(100 * SECOND, 5, no_data))
    assert session.snapshot().wanted == 1


def test_a_stop_while_connecting_closes_what_opens_after_all() -> None:
    session = make()
    session.want([ETH])
    session.tick(0, 5, no_data)
    assert only(Close, session.stop(1))
    assert only(Close, session.opened(2, 5))
    session.closed("local_closed", 3)
    assert session.phase is Phase.IDLE


def test_nothing_wanted_nothing_connected() -> None:
    session = make()
    assert session.next_deadline_ns == NEVER
    assert session.tick(SECOND, 5, no_data) == []


@pytest.mark.parametrize(("opened", "after_s", "reason"), [(False, 15, "network_error"), (True, 10, "ack_timeout")])
def test_neither_a_handshake_nor_a_login_is_waited_for_for_ever(opened: bool, after_s: int, reason: str) -> None:
    session = make()
    session.want([ETH])
    session.tick(0, 5, no_data)
    if opened:
        session.opened(0, 5)
    assert session.next_deadline_ns == after_s * SECOND
    assert not only(Close, session.tick(after_s * SECOND - 1, 5, no_data))
    (close,) = only(Close, session.tick(after_s * SECOND, 5, no_data))
    assert close.reason == reason


def test_the_time_limit_counts_from_the_real_begin_of_an_attempt() -> None:
    session = make()
    session.want([ETH])
    session.tick(0, 5, no_data)
    session.connecting(10 * SECOND)
    assert session.next_deadline_ns == 25 * SECOND


def test_a_close_that_never_ends_is_not_waited_for_and_its_late_end_is_ignored() -> None:
    session = live()
    drive(session, 0, 100 * SECOND, data_at(1), answers=False)
    assert session.snapshot().phase is Phase.CLOSING
    now = session.next_deadline_ns
    session.tick(now, 5, no_data)
    assert session.phase is Phase.BACKOFF
    before = session.snapshot()
    assert session.closed("local_closed", now + 1) == []
    assert session.snapshot() == before


def test_retry_after_is_kept() -> None:
    session = make()
    session.want([ETH])
    session.tick(0, 5, no_data)
    session.handshake_refused(503, 0, retry_after_s=120.0)
    assert session.next_connect_ns >= 120 * SECOND
    assert session.phase is Phase.BACKOFF


def test_a_fatal_refusal_is_left_only_by_hand() -> None:
    session = make()
    session.want([ETH])
    session.tick(0, 5, no_data)
    logs = only(Log, session.handshake_refused(401, 0))
    assert any(log.level == "error" and "nothing more is tried" in log.text for log in logs)
    assert session.next_deadline_ns == NEVER
    assert session.snapshot().fatal
    session.start(SECOND)
    assert session.snapshot().fatal is None
    assert only(Connect, session.tick(SECOND, 5, no_data))


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        (Topic("trades", "A"), "no channel 'trades'"),
        (Topic("bar:1Y", "A"), "no channel 'bar:1Y'"),
        (Topic("quote", ""), "not a symbol"),
        (Topic("quote", "A,B"), "not a symbol"),
        (Topic("quote", 'A"'), "not a symbol"),
        (Topic("quote", "A\n"), "not a symbol"),
        (Topic("quote", "A" * 65), "not a symbol"),
    ],
)
def test_wishes_that_cannot_be_are_refused_whole(topic: Topic, words: str) -> None:
    session = make()
    with pytest.raises(ValueError, match=words):
        session.want([ETH, topic])
    assert session.snapshot().wanted == 0


def test_notes_are_logged_once_and_only_so_many() -> None:
    session = live()
    logs: list[Log] = []
    for number in range(500):
        for _ in range(2):
            logs += only(Log, session.control(b'{"code":1,"msg":"note %d"}' % number, 1))
    assert len(logs) == 64
    assert len({log.text for log in logs}) == 64
    assert session.snapshot().notes == 1000


def test_counters_by_name_are_bounded() -> None:
    session = make("infoway")
    session.want([Topic("trade", "A")])
    session.tick(0, 5, no_data)
    session.opened(0, 5)
    for number in range(1000):
        session.control(b'Subscribe fail:{"code":%d,"msg":"x"}' % (20_000 + number), 1)
    assert len(session.snapshot().request_refusals) <= 65
    assert sum(session.snapshot().request_refusals.values()) == 1000


def test_an_error_before_the_login_is_answered_is_waited_out() -> None:
    session = make("ziario")
    session.want([Topic("quote", "A")])
    session.tick(0, 5, no_data)
    assert only(Send, session.opened(0, 5))
    assert only(Close, session.control(b'{"type":"error","message":"try again"}', 1))
    session.closed("peer_closed", 2)
    assert session.phase is Phase.BACKOFF
    assert session.next_connect_ns >= 60 * SECOND


def test_websocket_pings_measure_the_round_trip_and_foreign_pongs_do_not() -> None:
    session = make("ziario")
    session.want([Topic("quote", "A")])
    session.tick(0, 5, no_data)
    session.opened(0, 5)
    session.control(b'{"type":"auth","status":"success"}', 0)
    session.control(b'{"type":"subscribe","status":"success","symbols":["A"]}', 0)
    (ping,) = only(SendPing, session.tick(30 * SECOND, 5, data_at(30 * SECOND)))
    session.websocket_pong(b"", 31 * SECOND)
    session.websocket_pong(b"\xff", 31 * SECOND)
    assert session.rtt_samples() == []
    session.websocket_pong(ping.payload, 32 * SECOND)
    assert session.rtt_samples() == [2 * SECOND]
    assert session.rtt_samples() == []
    assert session.snapshot().last_rtt_ns == 2 * SECOND


def test_wishes_while_live_go_out_at_the_next_tick() -> None:
    session = live()
    depth = Topic("depth", "ETHUSDT")
    session.want([depth])
    assert session.next_deadline_ns <= 0
    (sent,) = only(Send, session.tick(1, 5, data_at(1)))
    assert json.loads(sent.payload) == {"ac": "subscribe", "params": "ETHUSDT", "types": "depth"}
    (emit,) = only(Emit, session.control(TAKEN, 2))
    assert (emit.state, emit.reason, emit.topics) == ("subscribed", "none", (depth,))
