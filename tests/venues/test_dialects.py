"""What holds for every dialect: control never raises, specs are frozen and complete."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.session.support import KEY, SPECS, Config

from ferrofeed.spec import Ack, LoggedIn, Nack, Note, Pong, Refused, Topic, VenueSpec
from ferrofeed.venues import SPECS as SHIPPED

VENUES = sorted(SPECS)
KEYS = st.sampled_from(["type", "status", "symbols", "message", "code", "msg", "resAc", "data", "params", "trace", "x"])
WORDS = st.sampled_from(["auth", "subscribe", "unsubscribe", "pong", "success", "error", "Subscribe fail: {", "1", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | WORDS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
FRAMES = (
    st.binary(max_size=60)
    | st.dictionaries(KEYS, VALUES, max_size=6).map(lambda d: json.dumps(d).encode())
    | VALUES.map(lambda v: json.dumps(v).encode())
    | st.binary(max_size=30).map(lambda b: b"Subscribe fail:" + b)
)


@pytest.mark.parametrize("venue", VENUES)
@given(frame=FRAMES)
@settings(max_examples=300, deadline=None)
def test_control_never_raises_and_is_bounded(venue: str, frame: bytes) -> None:
    items = SPECS[venue].dialect.control(frame)
    assert len(items) == 1
    for item in items:
        assert isinstance(item, Ack | LoggedIn | Nack | Note | Pong | Refused)
        if isinstance(item, Nack | Note | Refused):
            assert len(item.message) <= 600


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("frame", [b"[" * 100_000, b'{"a":' * 50_000, b"", b"null", b"\xff\xfe", b"{" + b" " * 99])
def test_control_survives_hostile_frames(venue: str, frame: bytes) -> None:
    (item,) = SPECS[venue].dialect.control(frame)
    assert isinstance(item, Note)


@pytest.mark.parametrize("venue", VENUES)
def test_specs_are_frozen_and_complete(venue: str) -> None:
    spec = SHIPPED[venue]
    assert isinstance(spec, VenueSpec)
    assert spec.name == venue
    assert spec.dialect.url(Config(), 0).startswith("wss://")
    assert spec.default_url.startswith("wss://")
    assert spec.limits.in_flight == 1 or spec.reply_ids
    with pytest.raises(FrozenInstanceError):
        spec.name = "x"  # type: ignore[misc]


@pytest.mark.parametrize("venue", VENUES)
def test_every_channel_can_be_asked_for_and_dropped(venue: str) -> None:
    spec = SPECS[venue]
    for channel in spec.channels:
        topic = [Topic(channel, "BTCUSDT")]
        for frame in (spec.dialect.subscribe(topic, "id"), spec.dialect.unsubscribe(topic, "id")):
            assert "BTCUSDT" in frame.decode()
            assert isinstance(json.loads(frame), dict)


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(("symbol", "raw"), [("BTC/USDT", "BTCUSDT"), ("AAPL.US", "AAPL.US"), ("EURUSD", "EURUSD")])
def test_canonical_symbols_become_raw_and_raw_is_its_first_spelling(venue: str, symbol: str, raw: str) -> None:
    dialect = SPECS[venue].dialect
    assert dialect.raw_symbol(symbol) == raw
    assert dialect.spellings(raw)[0] == raw


@pytest.mark.parametrize("venue", VENUES)
def test_a_missing_key_is_a_clear_error_without_secrets(venue: str) -> None:
    from random import Random

    from ferrofeed.session import Budget, Session

    spec = SPECS[venue]
    with pytest.raises(ValueError, match="needs api_key") as caught:
        Session(spec, Config(api_key=None), Budget(spec.limits, spec.heartbeat), Random(1))
    assert KEY not in str(caught.value)
