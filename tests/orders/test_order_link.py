"""What a connection of orders does by itself: when it sends, what it makes of messages, what it counts."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ferrofeed import _core
from ferrofeed.config import Config, LoopConfig
from ferrofeed.net.order_link import OrderLink
from ferrofeed.net.tuning import Tuning
from ferrofeed.orders.setup import add_desks, open_router
from ferrofeed.session import Budget, Phase, Session
from ferrofeed.venues import ORDER_SPECS, QUANTAPI

PONG = b'{"op":"pong","ts":%d}'


class Wire:
    """Stands for a socket: takes texts as long as it is told to."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.sends_now = True
        self.closed: list[tuple[int, str]] = []

    def send(self, text: bytes) -> None:
        self.sent.append(text)
        if b"place_order" in text:
            self.sends_now = False  # the buffer is full now

    def close(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))

    def quick_ack(self) -> None:
        raise AssertionError("not configured")


class Rig:
    def __init__(self, folder: Path) -> None:
        venue = {
            "id": "v",
            "kind": "quantapi",
            "url": "ws://127.0.0.1:1/",
            "api_key": "plain:the-key-itself",
            "api_secret": "plain:the-secret-itself",
            "platform": "P",
            "trade": [{"symbols": ["ETH/USDT"]}],
        }
        config = Config.from_dict({"orders": {"journal": str(folder / "j"), "settle_s": 0.1}, "venue": [venue]})
        self.core = _core.FeedCore()
        self.router = open_router(config.orders, self.core)
        desks = add_desks(config, self.router, lambda _venue, _symbol: None, ORDER_SPECS)
        (wanted,) = config.trading
        session = Session(QUANTAPI, wanted, Budget(QUANTAPI.limits, QUANTAPI.heartbeat), Random(1), keep_open=True)
        index = self.core.add_connection(None, judged=True, secrets=[b"the-secret-itself"])
        self.moves = 0
        self.link = OrderLink(
            self.core, index, wanted, session, self.router, desks, _spawn, Tuning(LoopConfig()), self._moved
        )
        self.wire = Wire()
        session.tick(_core.monotonic_ns(), 0, lambda _topic: 0)
        self.link.carrier.socket = self.wire  # type: ignore[assignment]
        self.link.on_open()
        self.link.flush()

    def _moved(self) -> None:
        self.moves += 1

    def hears(self, text: str) -> None:
        self.link.on_message(text.encode(), binary=False)
        self.link.flush()

    def becomes_ready(self) -> None:
        """The gateway's side of a login and of the questions that follow."""
        import json

        self.hears(
            json.dumps({"op": "login", "cid": self.cid(), "result": True, "error_message": "", "token": "T0K3N"})
        )
        self.hears('{"op":"state","token":"T0K3N","code":6,"msg":"ready"}')
        answers: dict[str, dict[str, Any]] = {
            "symbol_info": {
                "data": {"price_tick": 0.01, "size_tick": 0.001, "base_currency": "ETH", "quote_currency": "USDT"}
            },
            "open_orders": {"data": []},
            "asset": {"data": {"USDT": {"free": 10, "locked": 0, "total": 10}}},
            "place_order": {"order_no": "77"},
        }
        seen = 0
        while seen < len(self.wire.sent):
            asked = json.loads(self.wire.sent[seen])
            seen += 1
            if asked["op"] in answers:
                answer = {"op": asked["op"], "cid": asked["cid"], "token": "T0K3N", "result": True, "error_message": ""}
                self.hears(json.dumps({**answer, **answers[asked["op"]]}))

    def cid(self) -> str:
        import json

        return str(json.loads(self.wire.sent[-1])["cid"])

    def counted(self) -> tuple[int, int, int]:
        counters = self.core.counters(0)
        assert counters["messages"] == counters["accounted"]
        return counters["data"], counters["control"], sum(counters["quarantined"].values())


def _spawn(_work: Coroutine[Any, Any, object]) -> Any:
    raise AssertionError("nothing is opened here")


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def place(rig: Rig, price: str = "100", ttl_ns: int = 10_000_000_000) -> int:
    return rig.router.place(0, "buy", "limit", "net", "base", price, "0.1", ttl_ns)


def test_a_login_follows_the_opening_and_acceptance_the_gateways_word(rig: Rig) -> None:
    assert len(rig.wire.sent) == 1
    assert b'"op":"login"' in rig.wire.sent[0]
    assert rig.link.session.phase is Phase.LIVE
    rig.becomes_ready()
    assert rig.router.desk_state(0) == "ready"
    assert rig.link.session.snapshot().failures == 0
    assert rig.moves > 4


def test_nothing_is_taken_from_the_outbox_that_would_wait_in_a_buffer(rig: Rig) -> None:
    rig.becomes_ready()
    rig.wire.sent.clear()
    first, second = place(rig), place(rig, "101")
    rig.link.flush()
    assert len(rig.wire.sent) == 1, "the first fills the buffer"
    row = rig.router.order(second)
    assert row is not None
    assert row[12] == "pending_new"
    rig.link.flush()
    assert len(rig.wire.sent) == 1
    rig.router.cancel(second, 0)
    row = rig.router.order(second)
    assert row is not None
    assert row[12] == "expired", "it never left this process"
    rig.wire.sends_now = True
    rig.link.flush()
    assert len(rig.wire.sent) == 1, "and never will"
    assert rig.router.order(first) is not None


def test_a_time_to_live_that_ends_in_front_of_a_full_buffer(rig: Rig) -> None:
    rig.becomes_ready()
    rig.wire.sends_now = False
    late = place(rig, ttl_ns=0)
    rig.link.flush()
    rig.wire.sends_now = True
    rig.wire.sent.clear()
    rig.link.flush()
    assert rig.wire.sent == []
    row = rig.router.order(late)
    assert row is not None
    assert row[12] == "expired"


def test_every_message_is_counted_as_what_it_is(rig: Rig) -> None:
    data, control, bad = rig.counted()
    rig.hears('{"op":"state","token":"nobody","code":2,"msg":""}')
    rig.hears('{"op":"pong","ts":12345}')
    rig.hears('{"op":"notify","topic":"order","token":"T0K3N-of-somebody","data":')
    rig.link.on_message(b"\x00", binary=True)  # the core has counted it already
    assert rig.counted() == (data + 1, control + 1, bad + 1)
    (entry,) = rig.core.quarantine()
    assert "T0K3N" not in entry[4]
    assert '"token":"***"' in entry[4].replace("\\", "")


def test_a_heartbeats_answer_goes_to_the_session(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    now = _core.monotonic_ns()
    clock: Callable[[], int] = lambda: now + 6_000_000_000  # noqa: E731
    monkeypatch.setattr(_core, "monotonic_ns", clock)
    rig.wire.sent.clear()
    rig.link.tick()
    (ping,) = rig.wire.sent
    rig.hears(ping.decode().replace("ping", "pong"))
    snapshot = rig.link.session.snapshot()
    assert snapshot.last_rtt_ns == 0
    assert (snapshot.heartbeats, snapshot.stray_pongs) == (1, 0)


def test_a_lost_connection_reaches_the_router_before_the_session(rig: Rig) -> None:
    rig.becomes_ready()
    placed = place(rig)
    rig.link.flush()
    rig.link.on_lost("peer_closed", "")
    row = rig.router.order(placed)
    assert row is not None
    assert row[12] == "unknown"
    assert rig.router.desk_state(0) == "down"
    assert rig.link.session.phase is Phase.BACKOFF
    assert rig.link.closed
    rig.link.flush()
    assert rig.router.order(placed) == row, "nothing is sent without a socket"


def test_what_the_router_gives_up_is_closed_and_comes_again(rig: Rig) -> None:
    rig.link.give_up("no answer to the login")
    assert rig.wire.closed == [(1000, "ack_timeout")]
    rig.link.on_lost("local_closed", "")
    assert rig.link.session.snapshot().reconnects == {"ack_timeout": 1}
    assert rig.link.session.snapshot().failures == 1
