"""A connection that is wanted without any subscription: those of orders."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

from tests.session.support import Config, only

from ferrofeed.session import NEVER, Budget, Close, Connect, Emit, Phase, Send, SendPing, Session
from ferrofeed.venues import COINCERES, QUANTAPI

if TYPE_CHECKING:
    from ferrofeed.session import Action
    from ferrofeed.spec import Topic, VenueSpec

SECOND = 1_000_000_000


def no_data(_topic: Topic) -> int:
    return 0


def make(spec: VenueSpec = QUANTAPI, *, keep_open: bool = True) -> Session:
    return Session(spec, Config(), Budget(spec.limits, spec.heartbeat), Random(5), keep_open=keep_open)


def live(spec: VenueSpec = QUANTAPI, now: int = 0) -> Session:
    session = make(spec)
    assert only(Connect, session.tick(now, 5, no_data))
    session.opened(now, 5)
    assert session.phase is Phase.LIVE
    return session


def test_it_connects_although_nothing_is_subscribed() -> None:
    assert only(Connect, make().tick(0, 5, no_data))
    assert make(keep_open=False).tick(0, 5, no_data) == []
    assert make().next_deadline_ns == 0
    assert make(keep_open=False).next_deadline_ns == NEVER


def test_it_comes_back_after_a_loss_and_stays_away_after_a_stop() -> None:
    session = live()
    session.closed("peer_closed", SECOND)
    assert only(Connect, session.tick(session.next_connect_ns, 5, no_data))
    session.opened(session.next_connect_ns, 5)
    assert only(Close, session.stop(9 * SECOND))
    session.closed("local_closed", 9 * SECOND)
    assert session.tick(99 * SECOND, 5, no_data) == []
    session.start(100 * SECOND)
    assert only(Connect, session.tick(100 * SECOND, 5, no_data))


def test_backoff_starts_anew_only_when_the_desk_was_accepted() -> None:
    session = make()
    now = 0
    for failures in range(1, 9):
        session.tick(now, 5, no_data)
        session.opened(now, 5)
        session.heard(now)
        session.closed("peer_closed", now)
        assert session.snapshot().failures == failures
        now = max(session.next_connect_ns, now + 30 * SECOND)
    session.accepted(now)
    assert session.snapshot().failures == 8, "nobody can be accepted on a connection that is not there"
    session.tick(now, 5, no_data)
    session.opened(now, 5)
    session.accepted(now)
    assert session.snapshot().failures == 0


def test_being_dropped_again_and_again_just_after_login_is_recognised() -> None:
    session = make()
    now = 0
    for _ in range(3):
        session.tick(now, 5, no_data)
        session.opened(now, 5)
        session.accepted(now)
        session.closed("peer_closed", now + SECOND)
        now = max(session.next_connect_ns, now + 4 * SECOND)
    assert session.snapshot().kicked
    assert session.next_connect_ns > 300 * SECOND


def heartbeats(session: Session, end: int, *, answer: bool, talk_every: int = 0) -> list[Action]:
    """Ticks up to ``end`` with or without answers to heartbeats, messages of the venue's own aside."""
    actions: list[Action] = []
    for now in range(0, end, SECOND // 4):
        if talk_every and now % talk_every == 0:
            session.heard(now)
        fresh = session.tick(now, now // 1_000_000, no_data)
        actions += fresh
        for sent in only(Send, fresh) if answer else []:
            session.control(json.dumps({"op": "pong", "ts": json.loads(sent.payload)["ts"]}).encode(), now)
        if only(Close, fresh):
            break
    return actions


def test_a_gateway_that_answers_heartbeats_is_kept() -> None:
    actions = heartbeats(live(), 100 * SECOND, answer=True)
    assert only(Close, actions) == []
    assert len(only(Send, actions)) == 19


def test_one_that_says_nothing_at_all_is_given_up() -> None:
    (close,) = only(Close, heartbeats(live(), 100 * SECOND, answer=False))
    assert close.reason == "heartbeat_timeout"


def test_what_the_desk_hears_is_a_sign_of_life() -> None:
    session = live()
    assert only(Close, heartbeats(session, 100 * SECOND, answer=False, talk_every=SECOND)) == []
    assert session.snapshot().missed_heartbeats > 3


def test_unanswered_heartbeats_of_a_venue_that_promises_none_prove_nothing() -> None:
    session = live(COINCERES)
    actions = heartbeats(session, 400 * SECOND, answer=False)
    assert only(Close, actions) == []
    assert {sent.payload for sent in only(Send, actions)} == {b"ping"}
    assert only(SendPing, actions), "it is asked by a WebSocket ping"


def test_a_connection_that_the_desk_gives_up_is_closed_and_made_anew() -> None:
    session = live()
    (close,) = only(Close, session.give_up("ack_timeout", "no answer to the login", SECOND))
    assert (close.code, close.reason) == (1000, "ack_timeout")
    assert session.give_up("ack_timeout", "again", SECOND) == []
    (emit,) = only(Emit, session.closed("local_closed", SECOND))
    assert (emit.state, emit.reason) == ("disconnected", "ack_timeout")
    assert session.snapshot().reconnects == {"ack_timeout": 1}
    assert only(Connect, session.tick(session.next_connect_ns, 5, no_data))
