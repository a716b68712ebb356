"""Infoway's server side, statement by statement of the venue page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ferrofeed.sim.infoway import InfowaySession, InfowayVenue
from ferrofeed.sim.instruments import instruments_for
from ferrofeed.sim.market import Market, State
from ferrofeed.sim.protocol import NS, Action, Close, Options, Refuse, Request, Send

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = 1_751_958_003_335 * 1_000_000
KEY = "yourApikey"
TRACE = "01213e9d-90a0-426e-a380-ebed633cba7a"
READY = Send(b'{"code":200,"msg":"ws connect success"}', "hello")


def venue(**options: Any) -> InfowayVenue:
    names = ["BTC/USDT", "ETH/USDT", "002594.SZ", "AMZN.US", "EURUSD"]
    return InfowayVenue(
        Market(1, instruments_for(names), start_ms=NOW // 1_000_000), Options(keys={KEY: ""}, **options)
    )


def handshake(v: InfowayVenue, business: str = "crypto", key: str = KEY) -> tuple[InfowaySession, Sequence[Action]]:
    session = v.session()
    return session, session.opened(Request.parse(f"/ws?business={business}&apikey={key}", {}), NOW)


def opened(v: InfowayVenue | None = None, business: str = "crypto") -> InfowaySession:
    return handshake(v or venue(), business)[0]


def ask(session: InfowaySession, code: object, data: object = None, now: int = NOW, **more: Any) -> dict[str, Any]:
    message = {"code": code, "trace": TRACE} | ({} if data is None else {"data": data}) | more
    (action,) = session.received(json.dumps(message).encode(), now)
    assert isinstance(action, Send)
    answer: dict[str, Any] = json.loads(action.payload)
    return answer


def ok(code: int) -> dict[str, Any]:
    return {"code": code, "trace": TRACE, "msg": "ok"}


def stepped(v: InfowayVenue, symbol: str) -> State:
    while True:
        state = v.market.step()
        if state.instrument.symbol == symbol and state.trade is not None:
            return state


def test_a_bad_key_is_refused_at_the_handshake() -> None:
    for key in ("wrong", "", KEY.upper(), "%C3%A9"):
        session, actions = handshake(venue(), key=key)
        (refusal,) = actions
        assert isinstance(refusal, Refuse)
        assert refusal.status == 401
        assert json.loads(refusal.body)["code"] == 401
        assert session.key is None


def test_first_frames() -> None:
    assert list(handshake(venue())[1]) == [READY]
    assert list(handshake(venue(), "common")[1]) == [READY]
    line = Send(b"You have permission to subscribe to all market data", "hello")
    assert list(handshake(venue(), "stock")[1]) == [line, READY]


def test_the_channels_and_a_wrong_url() -> None:
    for business in ("stock", "crypto", "common", "japan", "india", "korea", "taiwan"):
        assert not isinstance(handshake(venue(), business)[1][0], Refuse)
    (refusal,) = handshake(venue(), "bonds")[1]
    assert isinstance(refusal, Refuse)
    assert (refusal.status, json.loads(refusal.body)["code"]) == (404, 514)
    header = Request.parse("/ws?business=crypto", {"apikey": KEY})
    assert venue().session().opened(header, NOW) == [READY], "the key may be in a header"


def test_the_seeds_requests_and_their_acknowledgements() -> None:
    session = opened()
    assert ask(session, 10000, {"codes": "BTCUSDT"}) == ok(10001)
    assert ask(session, 10003, {"codes": "BTCUSDT,ETHUSDT"}) == ok(10004)
    assert ask(session, 10006, {"arr": [{"type": 1, "codes": "BTCUSDT"}, {"type": "5", "codes": "ETHUSDT"}]}) == ok(
        10007
    )
    assert list(session.topics) == [
        ("trade", "BTC/USDT"),
        ("depth", "BTC/USDT"),
        ("depth", "ETH/USDT"),
        ("bar:1m", "BTC/USDT"),
        ("bar:1h", "ETH/USDT"),
    ]


def test_unsubscribing_with_and_without_intervals() -> None:
    session = opened()
    ask(session, 10000, {"codes": "BTCUSDT,ETHUSDT"})
    ask(session, 10003, {"codes": "BTCUSDT"})
    ask(session, 10006, {"arr": [{"type": number, "codes": "BTCUSDT"} for number in range(1, 13)]})
    assert ask(session, 11000, {"codes": "BTCUSDT"}) == ok(11010)
    assert ask(session, 11002, {"codes": "BTCUSDT", "klineTypes": "1,12"}) == ok(11010)
    assert ("bar:1m", "BTC/USDT") not in session.topics
    assert ("bar:1Q", "BTC/USDT") in session.topics
    assert ask(session, 11002, {"codes": "BTCUSDT"}) == ok(11010), "without klineTypes all intervals go"
    assert ask(session, 11001, {"codes": "BTCUSDT"}) == ok(11010)
    assert list(session.topics) == [("trade", "ETH/USDT")]


def test_a_wrong_code_is_acknowledged_and_then_silent() -> None:
    session = opened(business="crypto")
    assert ask(session, 10000, {"codes": "NOPE,AMZN.US,ETH/USDT,btcusdt"}) == ok(10001)
    assert list(session.topics) == [("trade", f"?{name}") for name in ("NOPE", "AMZN.US", "ETH/USDT", "btcusdt")]
    session = opened(business="stock")
    ask(session, 10000, {"codes": "AMZN.US,BTCUSDT"})
    assert list(session.topics) == [("trade", "AMZN.US"), ("trade", "?BTCUSDT")]


def test_heartbeats_have_no_answer_and_without_them_the_connection_closes() -> None:
    session = opened()
    beat = json.dumps({"code": 10010, "trace": TRACE}).encode()
    assert session.received(beat, NOW + 30 * NS) == []
    # a request is not a heartbeat
    ask(session, 10000, {"codes": "BTCUSDT"}, NOW + 80 * NS)
    assert session.tick(NOW + 89 * NS) == []
    answer, close = session.tick(NOW + 90 * NS)
    assert isinstance(answer, Send)
    assert json.loads(answer.payload)["code"] == 513
    assert close == Close(1001, "websocket heartbeat timeout")


def test_sixty_requests_a_minute_heartbeats_included() -> None:
    session = opened()
    for index in range(60):
        code = 10010 if index % 2 else 10000
        message = json.dumps({"code": code, "trace": TRACE, "data": {"codes": "BTCUSDT"}}).encode()
        assert not any(isinstance(action, Close) for action in session.received(message, NOW + index * NS // 2))
    answer, close = session.received(b'{"code":10010,"trace":"x"}', NOW + 59 * NS)
    assert isinstance(answer, Send)
    assert json.loads(answer.payload) == {
        "code": 501,
        "trace": "x",
        "msg": "request frequency exceeds the per-minute limit",
    }
    assert close == Close(1008, "request frequency exceeds the per-minute limit")


def test_the_minute_slides() -> None:
    session = opened()
    for index in range(500):
        assert session.received(b'{"code":10010,"trace":"x"}', NOW + index * NS) == []


def test_breaking_the_budget_often_bans_the_key() -> None:
    v = venue(requests_per_minute=1, ban_after=2)
    for _ in range(2):
        session = opened(v)
        for _ in range(2):
            session.received(b'{"code":10010,"trace":"x"}', NOW)
        session.closed(NOW)
    (refusal,) = handshake(v)[1]
    assert isinstance(refusal, Refuse)
    assert (refusal.status, json.loads(refusal.body)["code"]) == (401, 511)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"", 515),
        (b"nonsense", 515),
        (b"[]", 515),
        (b"\xff", 515),
        (b"{}", 506),
        (b'{"code":10000,"data":{"codes":"BTCUSDT"}}', 506),
        (b'{"code":"10000","trace":"x","data":{"codes":"BTCUSDT"}}', 506),
        (b'{"code":true,"trace":"x"}', 506),
        (b'{"code":10000,"trace":"x"}', 506),
        (b'{"code":10000,"trace":"x","data":{}}', 506),
        (b'{"code":10000,"trace":"x","data":{"codes":" , "}}', 506),
        (b'{"code":10000,"trace":"x","data":[]}', 506),
        (b'{"code":10006,"trace":"x","data":{"codes":"BTCUSDT"}}', 506),
        (b'{"code":10006,"trace":"x","data":{"arr":[{"codes":"BTCUSDT"}]}}', 506),
        (b'{"code":10006,"trace":"x","data":{"arr":[{"type":13,"codes":"BTCUSDT"}]}}', 506),
        (b'{"code":10006,"trace":"x","data":{"arr":[{"type":[1],"codes":"BTCUSDT"}]}}', 506),
        (b'{"code":11002,"trace":"x","data":{"klineTypes":"1"}}', 506),
        (b'{"code":12345,"trace":"x"}', 404),
    ],
)
def test_bad_requests_are_told_so_and_the_session_goes_on(message: bytes, code: int) -> None:
    session = opened()
    (action,) = session.received(message, NOW)
    assert isinstance(action, Send)
    assert action.kind == "nack"
    answer = json.loads(action.payload)
    assert answer["code"] == code
    assert answer.get("trace") == ("x" if b'"x"' in message else None)
    assert ask(session, 10000, {"codes": "BTCUSDT"}) == ok(10001)


def test_limits_on_products_connections_and_the_account() -> None:
    session = opened(venue(max_subscriptions=1))
    assert ask(session, 10000, {"codes": "BTCUSDT,ETHUSDT"})["code"] == 505
    assert ask(session, 10000, {"codes": "BTCUSDT"}) == ok(10001)
    assert ask(session, 10003, {"codes": "BTCUSDT"}) == ok(10004), "each channel counts for itself"
    v = venue(connections_per_key=1)
    session = opened(v)
    (refusal,) = handshake(v)[1]
    assert isinstance(refusal, Refuse)
    assert json.loads(refusal.body)["code"] == 512
    session.closed(NOW)
    assert list(handshake(v)[1]) == [READY]


def test_the_account_cap_is_released_late() -> None:
    v = venue(account_topics=1, release_s=5)
    dead = opened(v)
    assert ask(dead, 10000, {"codes": "BTCUSDT"}) == ok(10001)
    assert ask(dead, 10000, {"codes": "BTCUSDT"}) == ok(10001), "the same again costs nothing"
    dead.closed(NOW)
    session = opened(v)
    assert ask(session, 10000, {"codes": "BTCUSDT"}, NOW + 4 * NS)["code"] == 516
    assert ask(session, 10000, {"codes": "BTCUSDT"}, NOW + 5 * NS) == ok(10001)
    ask(session, 11000, {"codes": "BTCUSDT"}, NOW + 5 * NS)
    assert ask(session, 10000, {"codes": "ETHUSDT"}, NOW + 5 * NS) == ok(10001), "what is dropped is free at once"


def test_refusals_as_text() -> None:
    session = opened(venue(max_subscriptions=0, text_refusals=True))
    (action,) = session.received(b'{"code":10000,"trace":"x","data":{"codes":"BTCUSDT"}}', NOW)
    assert isinstance(action, Send)
    assert action.payload.startswith(b"Subscribe fail: {")
    assert json.loads(action.payload.removeprefix(b"Subscribe fail: "))["code"] == 505


def test_a_trade_is_as_printed() -> None:
    v = venue()
    state = stepped(v, "AMZN.US")
    trade, inst = state.trade, state.instrument
    assert trade is not None
    message = json.loads(v.render("trade", state, trade) or b"")
    assert message == {
        "code": 10002,
        "data": {
            "s": "AMZN.US",
            "t": trade.ts_ms,
            "p": inst.prices[trade.price],
            "v": inst.sizes[trade.size],
            "vw": inst.turnover_text(trade.price * trade.size),
            "td": {"buy": 1, "sell": 2}[trade.side],
        },
    }
    assert list(message["data"]) == ["s", "t", "p", "v", "vw", "td"]
    bare = InfowayVenue(v.market, Options(bare=True))
    assert json.loads(bare.render("trade", state, trade) or b"") == message["data"]
    assert v.render("trade", state, None) is None
    v.clock_offset_ms = -1
    assert json.loads(v.render("trade", state, trade) or b"")["data"]["t"] == trade.ts_ms - 1


def test_depth_is_column_by_column_with_a_as_asks() -> None:
    v = venue()
    for _ in range(300):
        state = v.market.step()
        message = json.loads(v.render("depth", state, state.trade) or b"")
        assert message["code"] == 10005
        data, book, inst = message["data"], v.market.book(state.instrument.symbol), state.instrument
        assert (data["s"], data["t"]) == (inst.raw, state.ts_ms)
        assert data["a"] == [[inst.prices[p] for p, _ in book.asks], [inst.sizes[s] for _, s in book.asks]]
        assert data["b"] == [[inst.prices[p] for p, _ in book.bids], [inst.sizes[s] for _, s in book.bids]]


def test_bars_flat_and_as_the_seed_prints_them() -> None:
    v = venue()
    for _ in range(40):
        state = stepped(v, "002594.SZ")
    bar, inst = v.market.bar("002594.SZ", "1h"), state.instrument
    assert bar is not None
    common = {
        "t": str(bar.open_ms // 1000),
        "h": inst.prices[bar.high],
        "o": inst.prices[bar.open],
        "l": inst.prices[bar.low],
        "c": inst.prices[bar.close],
        "v": inst.sizes[bar.volume],
        "vw": inst.turnover_text(bar.turnover),
    }
    message = json.loads(v.render("bar:1h", state, state.trade) or b"")
    percent, change = message["data"].pop("pfr"), message["data"].pop("pca")
    assert message == {"code": 10008, "data": {"s": "002594.SZ", "ty": 5} | common}
    assert percent.endswith("%")
    assert change == inst.prices[bar.close - bar.open]
    bare = InfowayVenue(v.market, Options(bare=True))
    seed = json.loads(bare.render("bar:1h", state, state.trade) or b"")
    assert seed == {"s": "002594.SZ", "respList": [common | {"pc": percent, "pca": change}]}
    assert v.render("bar:1h", state, None) is None
