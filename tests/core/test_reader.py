"""The reader in front of picows: what goes through to it, what does not, and the rules of the lent buffer."""

from __future__ import annotations

import gc
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.wire import ANSWER, CRYPTO, Inner, Wire, fill

from ferrofeed import _core
from ferrofeed.sim.frames import frame

TRADE = b'{"code":1,"data":{"s":"ETH_USDT","ld":3034.5,"t":1731690011321,"v":0.00618,"type":"tick"}}'
REFUSAL = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n\r\nno!\r\n"


def count(wire: Wire) -> dict[str, int]:
    counters = wire.core.counters(wire.venue)
    return {name: counters[name] for name in ("bytes", "messages", "data", "control")}


@pytest.mark.parametrize("step", range(1, len(ANSWER) + 3))
def test_a_header_split_at_every_byte_is_passed_on_whole_and_alone(step: int) -> None:
    wire = Wire("itick", symbols=CRYPTO)
    data = ANSWER + frame(TRADE) + frame(TRADE)
    fill(wire.reader, data[:step])
    fill(wire.reader, data[step:])
    assert bytes(wire.inner.seen) == ANSWER
    assert count(wire) == {"bytes": len(data) - len(ANSWER), "messages": 2, "data": 2, "control": 0}


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40))
def test_any_step_gives_the_same(step: int) -> None:
    wire = Wire("itick", symbols=CRYPTO)
    fill(wire.reader, ANSWER + frame(TRADE) * 3, step)
    assert bytes(wire.inner.seen) == ANSWER
    assert count(wire)["data"] == 3
    batch = wire.take()
    assert batch is not None
    assert [event.type for event in batch] == ["status", "trade", "trade", "trade"]


@pytest.mark.parametrize("step", [1, 7, None])
@pytest.mark.parametrize("answer", [REFUSAL, b"HTTP/1.1 302 Found\r\nLocation: x\r\n\r\n", b"garbage\r\n\r\nmore"])
def test_other_answers_go_through_untouched_to_the_last_byte(answer: bytes, step: int | None) -> None:
    wire = Wire("itick")
    wire.inner = Inner(accepts=False)
    wire.reader = _core.Reader(wire.core, wire.venue, wire.inner, wire.notices.append)
    fill(wire.reader, answer + b"tail" * 10, step)
    assert bytes(wire.inner.seen) == answer + b"tail" * 10
    assert not wire.reader.upgraded
    assert count(wire)["bytes"] == 0


def test_an_upgrade_that_picows_refuses_leaves_it_every_byte() -> None:
    wire = Wire("itick")
    wire.inner = Inner(accepts=False)
    wire.reader = _core.Reader(wire.core, wire.venue, wire.inner, wire.notices.append)
    fill(wire.reader, ANSWER + b"rest")
    assert bytes(wire.inner.seen) == ANSWER + b"rest"
    assert not wire.reader.upgraded


def test_a_header_without_an_end_goes_through_too() -> None:
    wire = Wire("itick")
    endless = b"HTTP/1.1 101 x\r\n" + b"a" * 40_000
    fill(wire.reader, endless, 1000)
    assert bytes(wire.inner.seen) == endless


def test_a_view_held_makes_buffer_updated_fail_and_nothing_is_lost() -> None:
    wire = Wire("itick", symbols=CRYPTO).open()
    data = frame(TRADE)
    view = memoryview(wire.reader.get_buffer(-1)).cast("B")
    view[: len(data)] = data
    with pytest.raises(BufferError, match="while a view of the buffer is held"):
        wire.reader.buffer_updated(len(data))
    assert count(wire)["bytes"] == 0
    view.release()
    wire.reader.buffer_updated(len(data))
    assert count(wire)["data"] == 1


def test_the_buffer_is_writable_and_never_empty() -> None:
    wire = Wire("itick", symbols=CRYPTO)
    for _ in range(2):
        with memoryview(wire.reader.get_buffer(-1)) as view:
            assert not view.readonly
            assert view.nbytes > 0
        wire.open()


def test_the_transports_calls_reach_picows() -> None:
    wire = Wire("itick")
    wire.reader.connection_made(object())
    wire.reader.pause_writing()
    wire.reader.resume_writing()
    assert wire.reader.eof_received() == "kept open"
    wire.reader.connection_lost(None)
    assert wire.inner.calls == ["made", "pause", "resume", "eof", "lost None"]
    assert wire.reader.is_buffered_protocol()
    with pytest.raises(RuntimeError, match="cleared"):
        _ = wire.reader.inner


def test_the_session_hears_of_control_pings_and_close_in_order() -> None:
    wire = Wire("itick", symbols=CRYPTO).open()
    auth = b'{"code":1,"resAc":"auth","msg":"authenticated successfully"}'
    data = frame(auth) + frame(b"hi", 9) + frame(b"yo", 10) + frame(b"\x03\xe8bye", 8)
    fill(wire.reader, data)
    assert wire.notices == [
        ("control", auth, None),
        ("ping", b"hi", None),
        ("pong", b"yo", None),
        ("close", b"bye", 1000),
    ]


def test_a_raw_connection_gets_every_message() -> None:
    wire = Wire(None).open()
    wire.send(b"\xc3\xa9", b"")
    assert wire.notices == [("message", b"\xc3\xa9", 0), ("message", b"", 0)]


def test_an_error_of_the_session_reaches_the_transport() -> None:
    core = _core.FeedCore()
    venue = core.add_connection("itick")
    inner = Inner()

    def broken(_notices: object, _full: object) -> None:
        raise KeyError("session")

    inner.reader = reader = _core.Reader(core, venue, inner, broken)
    fill(reader, ANSWER)
    with pytest.raises(KeyError, match="session"):
        fill(reader, frame(b"x", 9))


def test_a_cycle_through_a_reader_is_collected() -> None:
    class Owner(Inner):
        pass

    gc.collect()
    refs = []
    for _ in range(50):
        core = _core.FeedCore()
        owner = Owner()
        owner.reader = _core.Reader(core, core.add_connection("itick"), owner, owner.seen.extend)
        refs.append(weakref.ref(owner))
    del owner, core
    gc.collect()
    assert [ref() for ref in refs] == [None] * 50
