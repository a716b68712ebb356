"""The specs of the trading venues: URLs, signatures, heartbeats, and what never shows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import FrozenInstanceError, replace
from random import Random
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.session.support import KEY, SECRET, Config, Plain, only

from ferrofeed.session import Budget, Connect, Send, SendPing, Session
from ferrofeed.session.heartbeat import Pulse
from ferrofeed.spec import Note, Pong, Refused, Topic, VenueSpec
from ferrofeed.venues import COINCERES, ORDER_SPECS, QUANTAPI, SPECS
from ferrofeed.venues.coinceres import CoinceresDialect

SECOND = 1_000_000_000
SEED_KEY, SEED_SECRET = "bGppXpZqNrzVOptf", "bcBFnn3GbFz1cB73f5TkJa8P5gbrFdgt"
SEED_SIGN = "2bb24f69ca812c766a7bd73e3c2a331b55373a122bba8ede47ced0b4a07139c0"


def sha_sign(params: list[tuple[str, str]], secret: str, /) -> str:
    """The oracle: Python's own SHA-256."""
    text = "".join(f"{name}={value}&" for name, value in sorted(params)) + f"secret={secret}"
    return hashlib.sha256(text.encode()).hexdigest()


PLAIN = replace(COINCERES, dialect=CoinceresDialect(sha_sign))
TESTED: dict[str, VenueSpec] = {"coinceres": PLAIN, "quantapi": QUANTAPI}
VENUES = sorted(TESTED)


def no_data(_topic: Topic) -> int:
    return 0


def pulse(spec: VenueSpec) -> Pulse:
    """The heartbeats of a connection that was opened at 0."""
    beats = Pulse(spec, Budget(spec.limits, spec.heartbeat))
    beats.started(0)
    return beats


def connecting(spec: VenueSpec) -> tuple[Session, Connect]:
    """A session that was made to connect by a wish for a channel."""
    s = Session(replace(spec, channels=frozenset({"quote"})), Config(), Budget(spec.limits, spec.heartbeat), Random(1))
    s.want([Topic("quote", "A")])
    (connect,) = only(Connect, s.tick(0, 5, no_data))
    return s, connect


def test_both_known_answers_of_the_signature_in_the_core() -> None:
    from ferrofeed._core import coinceres_signature

    assert coinceres_signature([("api_key", SEED_KEY)], SEED_SECRET) == SEED_SIGN
    assert (
        coinceres_signature([("exchange", "BITMEX")], "TQAFrtRS4WrUn1hHKByszao3ozWvIMkF")
        == "9173fddc96e445b07a3d11295b52ca45385f96d9a52307da58134a2fd7e239be"
    )


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=5, unique_by=lambda p: p[0]), st.text())
@settings(max_examples=100, deadline=None)
def test_the_core_signs_as_pythons_own_hash_does(params: list[tuple[str, str]], secret: str) -> None:
    from ferrofeed._core import coinceres_signature

    # sorted by bytes there and by code points here, which is the same order in UTF-8
    assert coinceres_signature(params, secret) == sha_sign(params, secret)


def test_the_url_is_the_documents() -> None:
    config = Config(api_key=Plain(SEED_KEY), api_secret=Plain(SEED_SECRET))
    expected = f"ws://open.coinceres.com:19001?api_key={SEED_KEY}&sign={SEED_SIGN}"
    assert COINCERES.dialect.url(config, 0) == expected
    assert PLAIN.dialect.url(config, 0) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ws://h:1", "ws://h:1?"),
        ("wss://h/p", "wss://h/p?"),
        ("ws://h?x=1&y=", "ws://h?x=1&y=&"),
        ("ws://h?api_key=old&x=1&sign=old", "ws://h?x=1&"),
    ],
)
def test_every_form_of_the_url_is_signed_once(url: str, expected: str) -> None:
    sign = sha_sign([("api_key", KEY)], SECRET)
    assert PLAIN.dialect.url(Config(url=url), 0) == f"{expected}api_key={KEY}&sign={sign}"


def test_the_key_is_signed_as_it_is_and_quoted_in_the_url() -> None:
    key = "a&b=c/d é"
    query = parse_qs(urlsplit(PLAIN.dialect.url(Config(api_key=Plain(key)), 0)).query)
    assert query == {"api_key": [key], "sign": [sha_sign([("api_key", key)], SECRET)]}


@pytest.mark.parametrize("venue", VENUES)
def test_no_credential_shows(venue: str) -> None:
    spec = TESTED[venue]
    sign = sha_sign([("api_key", KEY)], SECRET)
    s, connect = connecting(spec)
    shown = [repr(connect), repr(spec), repr(s.snapshot())]
    shown += [repr(action) for action in s.closed("network_error", 1, f"cannot reach {connect.url}")]
    for text in shown:
        for secret in (KEY, SECRET, sign):
            assert secret not in text


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("name", ["api_key", "api_secret"])
def test_a_missing_credential_is_a_clear_error_without_the_other(venue: str, name: str) -> None:
    spec = TESTED[venue]
    config = Config(api_key=None) if name == "api_key" else Config(api_secret=None)
    with pytest.raises(ValueError, match=f"needs {name}") as caught:
        Session(spec, config, Budget(spec.limits, spec.heartbeat), Random(1))
    assert KEY not in str(caught.value)
    assert SECRET not in str(caught.value)
    if spec is PLAIN:
        with pytest.raises(ValueError, match=f"{name} is missing"):
            spec.dialect.url(config, 0)


@pytest.mark.parametrize("venue", VENUES)
def test_specs_are_frozen_and_apart_from_market_data(venue: str) -> None:
    spec = ORDER_SPECS[venue]
    assert spec.name == venue
    assert not set(ORDER_SPECS) & set(SPECS)
    assert spec.channels == frozenset()
    assert not spec.login_reply
    assert spec.dialect.headers(Config(), 0) == {}
    for ask in (spec.dialect.subscribe, spec.dialect.unsubscribe):
        with pytest.raises(ValueError, match="no market data"):
            ask([Topic("quote", "A")], "1")
    s = Session(TESTED[venue], Config(), Budget(spec.limits, spec.heartbeat), Random(1))
    with pytest.raises(ValueError, match="no channel"):
        s.want([Topic("quote", "A")])
    with pytest.raises(FrozenInstanceError):
        spec.name = "x"  # type: ignore[misc]


@pytest.mark.parametrize(("venue", "raw"), [("coinceres", "ETH_USDT"), ("quantapi", "ETH/USDT")])
def test_symbols(venue: str, raw: str) -> None:
    dialect = ORDER_SPECS[venue].dialect
    assert dialect.raw_symbol("ETH/USDT") == raw
    assert dialect.spellings(raw) == (raw,)


def test_coinceres_says_ping_at_once_and_every_50_s() -> None:
    assert PLAIN.dialect.login(Config(), 5) == b"ping"
    beats = pulse(PLAIN)
    sent = [(second, beats.beat(second * SECOND, 5, lambda: "id")) for second in range(1, 151)]
    assert [beat for beat in sent if beat[1]] == [(second, Send(b"ping")) for second in (50, 100, 150)]


def test_coinceres_that_never_answers_is_asked_by_websocket_and_never_found_dead() -> None:
    beats = pulse(PLAIN)
    beats.beat(50 * SECOND, 5, lambda: "id")
    assert not beats.expired(300 * SECOND)
    assert isinstance(beats.probe(60 * SECOND, 5, lambda: "id"), SendPing)
    assert not beats.trusted


@pytest.mark.parametrize("frame", [b"pong", b"ping", b" ok\n", b"1", '"心跳"'.encode(), b"x" * 256])
def test_any_short_text_that_is_no_json_answers_coinceres_heartbeat(frame: bytes) -> None:
    assert COINCERES.dialect.control(frame) == [Pong()]


@pytest.mark.parametrize("frame", [b"", b" ", b"[]", b"{", b'{"biz_type":11}', b'x{"a":1}', b"x" * 257])
def test_other_messages_are_notes_without_values(frame: bytes) -> None:
    (item,) = COINCERES.dialect.control(frame)
    assert isinstance(item, Note)
    assert "11" not in item.message


def test_quantapi_pings_every_5_s_and_wants_its_own_time_back() -> None:
    assert QUANTAPI.dialect.login(Config(), 5) is None
    beats = pulse(QUANTAPI)
    assert beats.beat(4 * SECOND, 1_530_604_762_310, lambda: "id") is None
    assert beats.beat(5 * SECOND, 1_530_604_762_311, lambda: "id") == Send(b'{"op":"ping","ts":1530604762311}')
    for frame, answers in (
        (b'{"op":"pong","ts":1530604762310}', False),
        (b'{ "op": "pong", "ts": 1530604762311 }', True),
    ):
        (item,) = QUANTAPI.dialect.control(frame)
        assert isinstance(item, Pong)
        assert beats.pong(item.echo, 6 * SECOND) is answers
    assert beats.rtt_ns == SECOND
    assert isinstance(beats.beat(10 * SECOND, 5, lambda: "id"), Send)


def test_a_gateway_that_falls_silent_is_found_dead_after_10_s() -> None:
    beats = pulse(QUANTAPI)
    assert beats.beat(5 * SECOND, 5, lambda: "id")
    assert not beats.expired(15 * SECOND - 1)
    assert beats.expired(15 * SECOND)
    assert beats.trusted


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ({"op": "pong", "ts": 7}, Pong("7")),
        ({"op": "pong", "ts": "7"}, Pong("7")),
        ({"op": "pong"}, Pong()),
        ({"op": "pong", "ts": None}, Pong()),
        ({"op": "pong", "ts": 7.5}, Note("quantapi pong with a time that is none")),
        ({"op": "pong", "ts": True}, Note("quantapi pong with a time that is none")),
    ],
)
def test_quantapi_heartbeat_answers(frame: dict[str, object], expected: Pong | Note) -> None:
    assert QUANTAPI.dialect.control(json.dumps(frame).encode()) == [expected]


@pytest.mark.parametrize("op", ["login", "state", "notify", "error", 7, None])
def test_no_token_becomes_a_note(op: object) -> None:
    (item,) = QUANTAPI.dialect.control(json.dumps({"op": op, "token": "s3cret", "error_message": "s3cret"}).encode())
    assert isinstance(item, Note)
    assert "s3cret" not in item.message


@pytest.mark.parametrize("venue", VENUES)
@given(
    frame=st.binary(max_size=80)
    | st.dictionaries(st.text(), st.integers() | st.text()).map(lambda d: json.dumps(d).encode())
)
@settings(max_examples=200, deadline=None)
def test_control_never_raises(venue: str, frame: bytes) -> None:
    (item,) = TESTED[venue].dialect.control(frame)
    assert isinstance(item, Note | Pong)


@pytest.mark.parametrize("venue", VENUES)
def test_refused_handshakes(venue: str) -> None:
    for status in (401, 403):
        assert TESTED[venue].dialect.handshake_refused(status).fatal
    passing = TESTED[venue].dialect.handshake_refused(503)
    assert isinstance(passing, Refused)
    assert not passing.fatal
